//! Whether a redemption is worth sending now.

use alloy_primitives::{I256, U256};

use super::Row;
use crate::float::{SenderFunds, signed};

/// What the operator allows gas to cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GasPolicy {
    /// Of the face value, while there is time.
    pub max_percent: u64,
    /// Gas of one redemption.
    pub redeem_gas: u64,
}

impl Default for GasPolicy {
    fn default() -> Self {
        Self {
            max_percent: 10,
            redeem_gas: crate::quote::REDEEM_GAS_L1,
        }
    }
}

/// What the chain says now.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// The ticket is used, on this chain, at this head.
    pub is_used: bool,
    /// Rounds are running, and the current one is initialized.
    pub is_round_initialized: bool,
    /// This recipient is active in the current round, without which no reserve pays.
    pub is_active: bool,
    /// The current round.
    pub round: u64,
    /// The middle of it is over.
    pub is_second_half: bool,
    /// Wei for a unit of gas.
    pub gas_price: U256,
    /// The sender's money.
    pub funds: SenderFunds,
    /// What other redemptions of this sender that are under way will draw.
    pub under_way: U256,
}

/// Why a redemption waits. The row stays; ask again with the next block, or as said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Wait {
    /// Look for the block that used it, and mark it as mined there.
    #[error("ticket already used")]
    AlreadyUsed,
    /// Until the round is initialized.
    #[error("current round is not initialized")]
    RoundNotInitialized,
    /// Until this recipient is active again.
    #[error("recipient is not active")]
    Inactive,
    /// The sender cannot even pay the gas.
    #[error("insufficient sender funds for redeem tx cost")]
    FundsBelowCost,
    /// It would cost what it pays, or nearly.
    #[error("insufficient ticket face value for redeem tx cost")]
    FaceBelowCost,
    /// The sender cannot pay all of it; while there is time, it may fund.
    #[error("insufficient sender funds for the face value")]
    Underfunded,
    /// Gas is dear; while there is time, it may fall.
    #[error("gas price above the limit for this face value")]
    GasTooDear,
}

/// Decides about a row that is due. From the middle of its last round on, what pays for its gas with
/// a fifth to spare is sent, however little of the face value it is.
pub fn preflight(row: &Row, policy: &GasPolicy, facts: &Facts) -> Result<(), Wait> {
    if facts.is_used {
        return Err(Wait::AlreadyUsed);
    }
    if !facts.is_round_initialized {
        return Err(Wait::RoundNotInitialized);
    }
    let face = row.winner.ticket.face_value;
    let cost = facts
        .gas_price
        .saturating_mul(U256::from(policy.redeem_gas));
    let available = available(facts);
    if available <= signed(cost) {
        return Err(if facts.is_active {
            Wait::FundsBelowCost
        } else {
            Wait::Inactive
        });
    }
    let payable = U256::try_from(available.min(signed(face))).unwrap_or(U256::ZERO);
    if !is_at_least(face, cost, 6, 5) {
        return Err(Wait::FaceBelowCost);
    }
    if !is_at_least(payable, cost, 6, 5) {
        return Err(Wait::FundsBelowCost);
    }
    let is_last_chance =
        facts.round > row.last_round() || (facts.round == row.last_round() && facts.is_second_half);
    if is_last_chance {
        return Ok(());
    }
    if payable < face {
        return Err(if facts.is_active {
            Wait::Underfunded
        } else {
            Wait::Inactive
        });
    }
    if !is_at_least(face, cost, 100, policy.max_percent.max(1)) {
        return Err(Wait::GasTooDear);
    }
    Ok(())
}

/// What a redemption of this recipient can draw now.
fn available(facts: &Facts) -> I256 {
    if facts.is_active {
        return facts.funds.available(facts.under_way);
    }
    signed(facts.funds.deposit).saturating_sub(signed(facts.under_way))
}

/// Whether a value is at least `times ÷ per` of a cost.
fn is_at_least(value: U256, cost: U256, times: u64, per: u64) -> bool {
    value.saturating_mul(U256::from(per)) >= cost.saturating_mul(U256::from(times))
}
