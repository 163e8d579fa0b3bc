//! Transactions that wait to be mined.
//!
//! Bounded; one transaction an account and nonce, replaced only by one that pays a tenth more.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use alloy_consensus::Transaction;
use alloy_primitives::{Address, B256};

use crate::block::Signed;

/// Transactions that wait at most, of all accounts.
const MAX_WAITING: usize = 10_000;

/// A replacement pays at least this much more, in percent.
const REPLACEMENT_PERCENT: u128 = 10;

/// What waits, by sender and nonce.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool {
    waiting: HashMap<Address, BTreeMap<u64, Entry>>,
    by_hash: HashMap<B256, (Address, u64)>,
    arrivals: u64,
}

#[derive(Debug, Clone)]
struct Entry {
    transaction: Arc<Signed>,
    /// First come, first mined, among equal tips.
    arrival: u64,
}

/// Why a transaction does not wait.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// It waits already; nothing to do.
    #[error("already known")]
    Known,
    /// One of the same nonce waits. Pay at least a tenth more for both fee fields.
    #[error("replacement transaction underpriced")]
    Underpriced,
    /// Nothing more fits. Mine a block, or wait for one.
    #[error("txpool is full: {MAX_WAITING} transactions wait to be mined")]
    Full,
}

impl Pool {
    pub(crate) fn len(&self) -> usize {
        self.by_hash.len()
    }

    pub(crate) fn contains(&self, hash: B256) -> bool {
        self.by_hash.contains_key(&hash)
    }

    pub(crate) fn find(&self, hash: B256) -> Option<&Arc<Signed>> {
        let (sender, nonce) = self.by_hash.get(&hash)?;
        let entry = self.waiting.get(sender)?.get(nonce)?;
        Some(&entry.transaction)
    }

    /// Takes a transaction in, in place of one of the same nonce that pays less.
    pub(crate) fn add(&mut self, transaction: Arc<Signed>) -> Result<(), PoolError> {
        if self.contains(transaction.hash) {
            return Err(PoolError::Known);
        }
        let (sender, nonce) = (transaction.sender, transaction.envelope.nonce());
        let queue = self.waiting.entry(sender).or_default();
        let replaced = queue.get(&nonce);
        if let Some(replaced) = replaced {
            if !pays_more(&transaction, &replaced.transaction) {
                return Err(PoolError::Underpriced);
            }
            self.by_hash.remove(&replaced.transaction.hash);
        } else if self.by_hash.len() >= MAX_WAITING {
            if queue.is_empty() {
                self.waiting.remove(&sender);
            }
            return Err(PoolError::Full);
        }
        self.by_hash.insert(transaction.hash, (sender, nonce));
        self.arrivals += 1;
        let arrival = self.arrivals;
        let entry = Entry {
            transaction,
            arrival,
        };
        queue.insert(nonce, entry);
        Ok(())
    }

    /// Takes a transaction out, whatever it was.
    pub(crate) fn remove(&mut self, hash: B256) -> Option<Arc<Signed>> {
        let (sender, nonce) = self.by_hash.remove(&hash)?;
        let queue = self.waiting.get_mut(&sender)?;
        let entry = queue.remove(&nonce);
        if queue.is_empty() {
            self.waiting.remove(&sender);
        }
        entry.map(|entry| entry.transaction)
    }

    /// Takes everything out.
    pub(crate) fn clear(&mut self) -> usize {
        let dropped = self.len();
        *self = Self::default();
        dropped
    }

    /// The nonce after the last of an unbroken row from `next`.
    pub(crate) fn next_nonce(&self, sender: Address, next: u64) -> u64 {
        let Some(queue) = self.waiting.get(&sender) else {
            return next;
        };
        let mut nonce = next;
        while queue.contains_key(&nonce) {
            nonce += 1;
        }
        nonce
    }

    /// The transaction to mine next: of each sender the one whose turn it is by `nonce_of`, among
    /// them the one with the highest tip over `base_fee`, among equals the first come.
    pub(crate) fn best(
        &self,
        base_fee: u64,
        nonce_of: impl Fn(Address) -> u64,
        skip: impl Fn(B256) -> bool,
    ) -> Option<Arc<Signed>> {
        let turns = self.waiting.iter().filter_map(|(sender, queue)| {
            let entry = queue.get(&nonce_of(*sender))?;
            let tip = entry.transaction.envelope.effective_tip_per_gas(base_fee)?;
            (!skip(entry.transaction.hash)).then_some((tip, entry))
        });
        turns
            .max_by_key(|(tip, entry)| (*tip, std::cmp::Reverse(entry.arrival)))
            .map(|(_, entry)| entry.transaction.clone())
    }

    /// Takes out what can never be mined because its nonce was used.
    pub(crate) fn forget_used(&mut self, sender: Address, next: u64) {
        let Some(queue) = self.waiting.get_mut(&sender) else {
            return;
        };
        let open = queue.split_off(&next);
        let used = std::mem::replace(queue, open);
        for entry in used.values() {
            self.by_hash.remove(&entry.transaction.hash);
        }
        if queue.is_empty() {
            self.waiting.remove(&sender);
        }
    }
}

fn pays_more(new: &Signed, old: &Signed) -> bool {
    let enough = |new: u128, old: u128| {
        let wanted = old.saturating_add(old.saturating_mul(REPLACEMENT_PERCENT).div_ceil(100));
        new >= wanted
    };
    let (new, old) = (&new.envelope, &old.envelope);
    let tip = |tx: &alloy_consensus::TxEnvelope| {
        tx.max_priority_fee_per_gas()
            .unwrap_or_else(|| tx.max_fee_per_gas())
    };
    enough(new.max_fee_per_gas(), old.max_fee_per_gas()) && enough(tip(new), tip(old))
}
