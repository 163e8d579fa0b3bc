//! How much a recipient may let ride on one sender.
//!
//! Of a sender's money only its reserve is promised to each recipient, in equal shares; the deposit
//! goes to whoever comes first. So what is won and not yet redeemed must fit the own share.

use alloy_primitives::{I256, U256};

/// What the chain says of a sender, as one recipient sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SenderFunds {
    /// Spent by winners of any recipient.
    pub deposit: U256,
    /// What is left of the reserve.
    pub reserve_remaining: U256,
    /// What all recipients drew from the reserve in this round.
    pub reserve_claimed: U256,
    /// What this recipient drew from it in this round.
    pub claimed_by_us: U256,
    /// The round from which on the sender may withdraw; zero where it does not want to.
    pub withdraw_round: u64,
    /// Recipients that share the reserve.
    pub pool_size: u64,
}

impl SenderFunds {
    /// The recipient's share of the reserve that it has not drawn yet: below zero where its share
    /// shrank after it drew.
    pub fn allocation(&self) -> I256 {
        if self.pool_size == 0 {
            return I256::ZERO;
        }
        let all = self.reserve_remaining.saturating_add(self.reserve_claimed);
        let share = all / U256::from(self.pool_size);
        signed(share).saturating_sub(signed(self.claimed_by_us))
    }

    /// The largest sum of winners that may be outstanding beyond `pending`, which is won already.
    /// A deposit of three times what is pending covers it, so nothing is taken off the share.
    pub fn max_float(&self, pending: U256) -> I256 {
        let allocation = self.allocation();
        if pending.is_zero() || self.deposit_covers(pending) {
            allocation
        } else {
            allocation.saturating_sub(signed(pending))
        }
    }

    /// What a redemption could draw at once, with `pending` of it spoken for.
    pub fn available(&self, pending: U256) -> I256 {
        self.allocation()
            .saturating_add(signed(self.deposit))
            .saturating_sub(signed(pending))
    }

    /// Whether the sender may take its money out before a ticket of this round can be redeemed.
    pub const fn unlocks_soon(&self, last_round: u64) -> bool {
        self.withdraw_round != 0 && self.withdraw_round <= last_round.saturating_add(1)
    }

    /// Whether deposit ÷ pending is at least 3 as a number with 53 binary digits, which is how the
    /// network compares them: a quotient above 3 − 2⁻⁵² counts as 3.
    fn deposit_covers(&self, pending: U256) -> bool {
        let Some(tripled) = pending.checked_mul(U256::from(3)) else {
            return false;
        };
        let missing = tripled.saturating_sub(self.deposit);
        missing <= pending >> 52
    }
}

/// Saturates: more wei than half of what a number holds do not exist.
pub(crate) fn signed(wei: U256) -> I256 {
    I256::try_from(wei).unwrap_or(I256::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_numbers_saturate() {
        let funds = SenderFunds {
            deposit: U256::MAX,
            reserve_remaining: U256::MAX,
            reserve_claimed: U256::MAX,
            pool_size: 1,
            ..SenderFunds::default()
        };
        assert_eq!(funds.allocation(), I256::MAX);
        assert!(funds.max_float(U256::MAX) <= I256::MAX);
        assert!(funds.available(U256::MAX) >= I256::ZERO);
    }

    #[test]
    fn a_sender_that_leaves_is_seen_one_round_ahead() {
        let at = |withdraw_round| SenderFunds {
            withdraw_round,
            ..SenderFunds::default()
        };
        assert!(!at(0).unlocks_soon(10));
        assert!(at(9).unlocks_soon(10) && at(11).unlocks_soon(10));
        assert!(!at(12).unlocks_soon(10));
    }
}
