//! What a stake earns. An orchestrator keeps two factors that only grow: what a unit of stake has
//! become by rewards, and what a unit that was there from the beginning has got of fees. A
//! delegator's earnings follow from the factors at two rounds, whenever somebody asks.
//!
//! Shares here are parts of 10²⁷, those of an orchestrator's offer parts of 10⁶. Every division
//! rounds down, and a fraction of an amount is rounded twice: the fraction first. `None` is where
//! the contracts revert.

use alloy_primitives::U256;

/// What stands for the whole in factors.
pub const WHOLE: U256 = U256::from_limbs([11_515_845_246_265_065_472, 54_210_108, 0, 0]);

/// What stands for the whole in an orchestrator's offer.
pub const MILLION: U256 = U256::from_limbs([1_000_000, 0, 0, 0]);

/// A fraction as a share.
pub fn share_down(part: U256, whole: U256) -> Option<U256> {
    part.checked_mul(WHOLE)?.checked_div(whole)
}

/// A share of an amount.
pub fn of_down(amount: U256, share: U256) -> Option<U256> {
    amount.checked_mul(share).map(|product| product / WHOLE)
}

/// A fraction of an amount: the share is rounded down first, then the amount.
pub fn fraction_down(amount: U256, part: U256, whole: U256) -> Option<U256> {
    of_down(amount, share_down(part, whole)?)
}

/// A part of an amount by an orchestrator's offer, in millionths.
pub fn offered_down(amount: U256, millionths: U256) -> Option<U256> {
    amount
        .checked_mul(millionths)
        .map(|product| product / MILLION)
}

/// The factors of an orchestrator at a round. Zero means that none was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Factors {
    /// What a unit of stake has become; zero stands for one.
    pub reward: U256,
    /// What a unit of stake from the first round has got of fees.
    pub fee: U256,
}

impl Factors {
    /// The reward factor, with one where none was written.
    pub fn reward_or_one(self) -> U256 {
        if self.reward.is_zero() {
            WHOLE
        } else {
            self.reward
        }
    }

    /// The reward factor after `rewards` went to the delegators of `stake`.
    pub fn reward_after_down(self, rewards: U256, stake: U256) -> Option<U256> {
        let factor = self.reward_or_one();
        factor.checked_add(fraction_down(factor, rewards, stake)?)
    }

    /// The fee factor after `fees` went to the delegators of `stake`. `self` is as of the round
    /// before; `current` is what the round has already.
    pub fn fee_after_down(self, current: U256, fees: U256, stake: U256) -> Option<U256> {
        let start = if current.is_zero() { self.fee } else { current };
        start.checked_add(fraction_down(self.reward_or_one(), fees, stake)?)
    }

    /// What a stake bonded at these factors has become at `end`.
    pub fn stake_after_down(self, end: Self, stake: U256) -> Option<U256> {
        fraction_down(stake, end.reward_or_one(), self.reward_or_one())
    }

    /// What a stake bonded at these factors has got of fees at `end`.
    pub fn fees_after_down(self, end: Self, stake: U256) -> Option<U256> {
        let grown = end.fee.checked_sub(self.fee)?;
        fraction_down(stake, grown, self.reward_or_one())
    }
}

/// How a reward is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RewardSplit {
    /// For the treasury.
    pub treasury: U256,
    /// For the orchestrator, by its cut.
    pub commission: U256,
    /// For everybody's stake, the orchestrator's included.
    pub delegators: U256,
}

impl RewardSplit {
    /// Divides a reward: the treasury's share in parts of 10²⁷, the cut in millionths.
    pub fn of_down(reward: U256, treasury_share: U256, cut: U256) -> Option<Self> {
        let treasury = of_down(reward, treasury_share)?;
        let rest = reward.checked_sub(treasury)?;
        let commission = offered_down(rest, cut)?;
        Some(Self {
            treasury,
            commission,
            delegators: rest.checked_sub(commission)?,
        })
    }
}

/// How fees are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeSplit {
    /// For the orchestrator.
    pub commission: U256,
    /// For everybody's stake, the orchestrator's included.
    pub delegators: U256,
}

impl FeeSplit {
    /// Divides fees by the share offered to delegators, in millionths.
    pub fn of_down(fees: U256, share: U256) -> Option<Self> {
        let delegators = offered_down(fees, share)?;
        Some(Self {
            commission: fees.checked_sub(delegators)?,
            delegators,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(value: u64) -> U256 {
        U256::from(value)
    }

    #[test]
    fn the_whole_is_ten_to_the_27th() {
        assert_eq!(WHOLE, n(10).pow(n(27)));
    }

    #[test]
    fn fractions_are_rounded_twice_and_nothing_is_a_share_of_nothing() {
        // One third has 27 digits, so thrice a third of 3·10²⁷ is short by three.
        assert_eq!(fraction_down(n(3) * WHOLE, n(1), n(3)), Some(WHOLE - n(1)));
        assert_eq!(fraction_down(n(1), n(1), n(0)), None);
        assert_eq!(share_down(U256::MAX, n(1)), None);
    }

    #[test]
    fn a_stake_that_was_there_earns_and_one_that_came_later_does_not() {
        let start = Factors::default();
        let end = Factors {
            reward: start.reward_after_down(n(50), n(100)).unwrap(),
            fee: start.fee_after_down(n(0), n(10), n(100)).unwrap(),
        };
        assert_eq!(start.stake_after_down(end, n(40)), Some(n(60)));
        assert_eq!(start.fees_after_down(end, n(40)), Some(n(4)));
        assert_eq!(end.stake_after_down(end, n(40)), Some(n(40)));
        assert_eq!(end.fees_after_down(end, n(40)), Some(n(0)));
        assert_eq!(end.fees_after_down(start, n(40)), None);
    }

    #[test]
    fn what_is_divided_adds_up() {
        let split = RewardSplit::of_down(n(1_001), WHOLE / n(10), n(250_000)).unwrap();
        assert_eq!((split.treasury, split.commission), (n(100), n(225)));
        assert_eq!(
            split.treasury + split.commission + split.delegators,
            n(1_001)
        );
        let split = FeeSplit::of_down(n(7), n(500_000)).unwrap();
        assert_eq!((split.delegators, split.commission), (n(3), n(4)));
        assert_eq!(RewardSplit::of_down(n(10), n(2) * WHOLE, n(0)), None);
    }
}
