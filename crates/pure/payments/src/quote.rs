//! What a recipient offers: face value, chance and lifetime of the next tickets.

use alloy_primitives::{B256, I256, U256};
use streamflow_types::{Address, PricePerPixel};
use streamflow_wire::price::Ratio;

use crate::float::signed;
use crate::message::TicketParams;
use crate::seal::{RecipientSecret, Terms, rand_hash};
use crate::ticket::{CreationRound, WinProb};

/// How many costs of a redemption a face value is.
pub const TX_COST_MULTIPLIER: u64 = 100;

/// L1 blocks that parameters are good for.
pub const LIFETIME_BLOCKS: u64 = 40;

/// Confirmations a round's first block needs before tickets carry its hash.
pub const ROUND_CONFIRMATIONS: u64 = 10;

/// The gas price below which a small face value is not refused for its redemption's cost.
const AVERAGE_GAS_PRICE: u64 = 3_000_000_000;

/// Gas of a redemption on an L1, or a chain nobody knows.
pub const REDEEM_GAS_L1: u64 = 350_000;

/// Gas of a redemption on Arbitrum chains.
pub const REDEEM_GAS_ARBITRUM: u64 = 1_200_000;

/// What the operator decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuoteSettings {
    /// What a ticket has to be worth, in wei.
    pub required_ev: U256,
    /// Gas of one redemption.
    pub redeem_gas: u64,
    /// No face value above this.
    pub face_value_cap: Option<U256>,
}

impl Default for QuoteSettings {
    fn default() -> Self {
        Self {
            required_ev: U256::from(8_000_000_000u64),
            redeem_gas: REDEEM_GAS_L1,
            face_value_cap: None,
        }
    }
}

/// Rounds as the chain view knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rounds {
    /// The last initialized round.
    pub last: CreationRound,
    /// The hash of the round before.
    pub previous_block_hash: B256,
    /// Blocks mined on top of the one that initialized the last round.
    pub confirmations: u64,
}

impl Rounds {
    /// The round that new tickets carry. A young round may still get another hash, which would void
    /// its tickets; one of the round before is good to the end of the running one.
    pub fn for_tickets(&self) -> CreationRound {
        let previous = CreationRound {
            round: self.last.round.saturating_sub(1),
            block_hash: self.previous_block_hash,
        };
        let is_young = self.confirmations < ROUND_CONFIRMATIONS;
        if self.last.block_hash.is_zero() || (is_young && !previous.block_hash.is_zero()) {
            previous
        } else {
            self.last
        }
    }
}

/// Why nothing is offered. The sender gets the text; nothing helps but funds or cheaper gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuoteError {
    /// No face value fits the sender's float and pays for its redemption. Refuse the request; ask
    /// again when the sender's funds or the gas price have changed.
    #[error("insufficient sender reserve")]
    InsufficientReserve,
}

/// What a quote depends on besides the settings.
#[derive(Debug, Clone, Copy)]
pub struct QuoteView {
    /// Wei for a unit of gas.
    pub gas_price: U256,
    /// What the sender may still win, see [`crate::SenderFunds::max_float`].
    pub max_float: I256,
    /// The last L1 block that was processed.
    pub last_block: u64,
    /// Rounds of the chain.
    pub rounds: Rounds,
}

impl QuoteSettings {
    /// What one redemption costs at this gas price.
    pub fn tx_cost(&self, gas_price: U256) -> U256 {
        gas_price.saturating_mul(U256::from(self.redeem_gas))
    }

    /// What a winner pays.
    pub fn face_value(&self, gas_price: U256, max_float: I256) -> Result<U256, QuoteError> {
        let cost = self.tx_cost(gas_price);
        let multiplier = U256::from(TX_COST_MULTIPLIER);
        let mut face = cost.saturating_mul(multiplier);
        if face < self.required_ev {
            face = self.required_ev.saturating_mul(multiplier);
        }
        if signed(face) > max_float {
            face = U256::try_from(max_float).map_err(|_| QuoteError::InsufficientReserve)?;
        }
        if let Some(cap) = self.face_value_cap {
            face = face.min(cap);
        }
        let average = self.tx_cost(U256::from(AVERAGE_GAS_PRICE));
        if face < self.required_ev || (face < cost && face < average) {
            return Err(QuoteError::InsufficientReserve);
        }
        Ok(face)
    }

    /// The chance that makes a ticket of this face value worth what is required: never less.
    pub fn win_prob(&self, face_value: U256) -> WinProb {
        if face_value.is_zero() {
            return WinProb(U256::ZERO);
        }
        if face_value <= self.required_ev {
            return WinProb::CERTAIN;
        }
        let (quotient, rest) = U256::MAX.div_rem(face_value);
        let share = if rest.is_zero() {
            quotient
        } else {
            quotient.saturating_add(U256::ONE)
        };
        WinProb(self.required_ev.saturating_mul(share))
    }

    /// How many times its redemption a face value pays: what the advertised price adds for it.
    pub fn effective_multiplier(&self, face_value: U256, gas_price: U256) -> Ratio {
        Ratio::new(face_value, self.tx_cost(gas_price)).unwrap_or(Ratio::NONE)
    }

    /// Parameters for the next tickets of a sender at a price, sealed with a fresh random seed.
    pub fn offer(
        &self,
        secret: &RecipientSecret,
        recipient: Address,
        sender: Address,
        price: PricePerPixel,
        seed: U256,
        view: &QuoteView,
    ) -> Result<TicketParams, QuoteError> {
        let (face_value, win_prob) = if price.wei() == 0 {
            (U256::ZERO, WinProb(U256::ZERO))
        } else {
            let face_value = self.face_value(view.gas_price, view.max_float)?;
            (face_value, self.win_prob(face_value))
        };
        let terms = Terms {
            seed,
            sender,
            face_value,
            win_prob,
            expiration_block: view.last_block.saturating_add(LIFETIME_BLOCKS),
            price,
            creation: view.rounds.for_tickets(),
        };
        Ok(TicketParams {
            recipient,
            face_value,
            win_prob,
            recipient_rand_hash: rand_hash(secret.rand(&terms)),
            seed,
            expiration_block: terms.expiration_block,
            creation: Some(terms.creation),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::amount::Amount;

    #[test]
    fn a_young_round_waits_for_its_confirmations() {
        let last = CreationRound {
            round: 7,
            block_hash: B256::repeat_byte(7),
        };
        let rounds = |confirmations, previous_block_hash| Rounds {
            last,
            previous_block_hash,
            confirmations,
        };
        assert_eq!(rounds(9, B256::repeat_byte(6)).for_tickets().round, 6);
        assert_eq!(rounds(10, B256::repeat_byte(6)).for_tickets(), last);
        assert_eq!(rounds(0, B256::ZERO).for_tickets(), last);
    }

    proptest! {
        #[test]
        fn a_ticket_is_worth_what_is_required_and_hardly_more(
            ev in 1u64..u64::MAX, factor in 2u64..u64::MAX, extra in 0u64..1000,
        ) {
            let settings = QuoteSettings { required_ev: U256::from(ev), ..QuoteSettings::default() };
            let face = U256::from(ev) * U256::from(factor) + U256::from(extra);
            let value = Amount::of_ticket(face, settings.win_prob(face));
            let required = Amount::wei(U256::from(ev));
            prop_assert!(value >= required);
            prop_assert!(value < required + &Amount::wei(U256::ONE));
        }
    }
}
