//! Which ticket numbers were used, for each of the recipient's random numbers.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::B256;

/// Numbers taken for one random number.
pub const MAX_NONCES: usize = 600;

/// Random numbers with tickets, at once. Each took a signed ticket for parameters of our own.
pub(crate) const MAX_OPEN: usize = 65_536;

/// Blocks after their expiry for which numbers are kept: a reorganisation may make parameters good
/// again, it never does so with a used number.
pub const KEPT_BLOCKS: u64 = 64;

/// Why a number is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceError {
    /// It was used.
    Seen,
    /// Too many were used, or too many parameters are.
    TooMany,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Window {
    seen: BTreeSet<u32>,
    expiration_block: u64,
}

/// All used numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nonces {
    windows: BTreeMap<B256, Window>,
}

impl Nonces {
    /// Uses a number.
    pub fn take(
        &mut self,
        rand_hash: B256,
        nonce: u32,
        expiration_block: u64,
    ) -> Result<(), NonceError> {
        if !self.windows.contains_key(&rand_hash) && self.windows.len() >= MAX_OPEN {
            return Err(NonceError::TooMany);
        }
        let window = self.windows.entry(rand_hash).or_insert_with(|| Window {
            seen: BTreeSet::new(),
            expiration_block,
        });
        if window.seen.contains(&nonce) {
            return Err(NonceError::Seen);
        }
        if window.seen.len() >= MAX_NONCES {
            return Err(NonceError::TooMany);
        }
        window.seen.insert(nonce);
        Ok(())
    }

    /// Whether a number was used.
    pub fn is_used(&self, rand_hash: B256, nonce: u32) -> bool {
        self.windows
            .get(&rand_hash)
            .is_some_and(|window| window.seen.contains(&nonce))
    }

    /// Drops numbers whose parameters are long void; says of which.
    pub fn forget(&mut self, last_block: u64) -> Vec<B256> {
        let is_old =
            |window: &Window| window.expiration_block.saturating_add(KEPT_BLOCKS) < last_block;
        let old: Vec<B256> = self
            .windows
            .iter()
            .filter_map(|(hash, window)| is_old(window).then_some(*hash))
            .collect();
        self.windows.retain(|_, window| !is_old(window));
        old
    }

    /// Random numbers that have tickets.
    pub fn open(&self) -> usize {
        self.windows.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_numbers_outlive_their_parameters_by_a_reorganisation() {
        let mut nonces = Nonces::default();
        let hash = B256::repeat_byte(1);
        assert_eq!(nonces.take(hash, 7, 40), Ok(()));
        assert_eq!(nonces.forget(40 + KEPT_BLOCKS), Vec::<B256>::new());
        assert_eq!(nonces.take(hash, 7, 40), Err(NonceError::Seen));
        assert_eq!(nonces.forget(41 + KEPT_BLOCKS), vec![hash]);
        assert_eq!(nonces.open(), 0);
    }
}
