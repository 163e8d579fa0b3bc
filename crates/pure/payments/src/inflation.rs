//! How many tokens a round brings, and whose they are. Shares are counted in billionths here, and
//! nowhere else in the protocol.
//!
//! `None` is where the contracts revert: a product beyond 256 bits, or a share of nothing.

use alloy_primitives::U256;

/// What stands for the whole.
pub const WHOLE: U256 = U256::from_limbs([1_000_000_000, 0, 0, 0]);

/// What moves inflation from round to round, in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    /// By how much it moves.
    pub step: U256,
    /// The share of all tokens that should be bonded.
    pub target: U256,
}

/// The share of the supply that is bonded, rounded down. Of no supply nothing is.
pub fn bonding_rate_down(bonded: U256, supply: U256) -> Option<U256> {
    if supply.is_zero() {
        return Some(U256::ZERO);
    }
    bonded.checked_mul(WHOLE).map(|product| product / supply)
}

/// Inflation of the next round: a step up while too little is bonded, a step down while too much
/// is, never below nothing.
pub fn next(inflation: U256, course: Course, bonded: U256, supply: U256) -> Option<U256> {
    let rate = bonding_rate_down(bonded, supply)?;
    match rate.cmp(&course.target) {
        std::cmp::Ordering::Less => inflation.checked_add(course.step),
        std::cmp::Ordering::Equal => Some(inflation),
        std::cmp::Ordering::Greater => Some(inflation.saturating_sub(course.step)),
    }
}

/// What may be minted in a round, rounded down.
pub fn mintable_down(inflation: U256, supply: U256) -> Option<U256> {
    supply.checked_mul(inflation).map(|product| product / WHOLE)
}

/// An orchestrator's part of what may be minted, by its stake. The share is rounded down before
/// the amount is, so up to a billionth of all stays unminted with each.
pub fn reward_down(mintable: U256, stake: U256, bonded: U256) -> Option<U256> {
    let share = stake.checked_mul(WHOLE)?.checked_div(bonded)?;
    mintable.checked_mul(share).map(|product| product / WHOLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(value: u64) -> U256 {
        U256::from(value)
    }

    #[test]
    fn inflation_moves_by_a_step_stays_on_target_and_ends_at_zero() {
        let course = Course {
            step: n(500),
            target: n(500_000_000),
        };
        let after = |inflation, bonded| next(n(inflation), course, n(bonded), n(1_000));
        assert_eq!(after(218_500, 499), Some(n(219_000)));
        assert_eq!(after(218_500, 500), Some(n(218_500)));
        assert_eq!(after(218_500, 501), Some(n(218_000)));
        assert_eq!(after(499, 501), Some(n(0)));
        assert_eq!(next(n(7), course, n(0), n(0)), Some(n(507)), "no supply");
        assert_eq!(next(n(7), course, U256::MAX, n(1)), None);
    }

    #[test]
    fn shares_are_cut_before_amounts() {
        // A third of ten billion is short of 3,333,333,333 by what the share loses.
        let reward = reward_down(n(10_000_000_000), n(1), n(3));
        assert_eq!(reward, Some(n(3_333_333_330)));
        assert_eq!(reward_down(n(1), n(1), n(0)), None);
        assert_eq!(mintable_down(n(218_500), n(1_000_000)), Some(n(218)));
    }
}
