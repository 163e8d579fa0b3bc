//! A gateway's side of tickets: which parameters it pays with, and the numbers of its tickets.

use alloy_primitives::U256;
use streamflow_types::Address;
use streamflow_wire::signature::{SecretKey, sign_message};

use crate::amount::Amount;
use crate::float::SenderFunds;
use crate::message::{Batch, SignedNonce, TicketParams};
use crate::nonces::MAX_NONCES;
use crate::quote::LIFETIME_BLOCKS;
use crate::ticket::CreationRound;

/// Parameters with fewer blocks than this left are not paid with.
const EXPIRY_MARGIN_BLOCKS: u64 = 1;

/// Share of their life, and of their tickets, after which parameters are renewed ahead of need.
const RENEW_AT: (u64, u64) = (3, 4);
const RENEW_AT_NONCES: (u32, u32) = (4, 5);

/// What the operator risks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderLimits {
    /// The most a ticket may be worth.
    pub max_ticket_ev: Amount,
    /// The most the tickets of one payment may be worth together.
    pub max_total_ev: Amount,
    /// How many face values the deposit has to hold.
    pub deposit_multiplier: u64,
}

impl Default for SenderLimits {
    fn default() -> Self {
        Self {
            max_ticket_ev: Amount::wei(U256::from(3_000_000_000_000u64)),
            max_total_ev: Amount::wei(U256::from(20_000_000_000_000u64)),
            deposit_multiplier: 1,
        }
    }
}

/// What the chain says of the sender itself.
#[derive(Debug, Clone)]
pub struct SenderView {
    /// The last L1 block seen.
    pub last_block: u64,
    /// The last initialized round.
    pub last_round: CreationRound,
    /// Own funds, or why they are not known.
    pub funds: Result<SenderFunds, String>,
}

/// Why no ticket is made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SenderError {
    /// The orchestrator quoted none. Take another one.
    #[error("ticketParams is nil")]
    NoParams,
    /// The quote never was good. Take another orchestrator.
    #[error("ticketParams expiration block is 0")]
    NoExpiration,
    /// Ask the same orchestrator for new ones; no failure of it.
    #[error("TicketParams expired")]
    Expired,
    /// The tickets are no lottery. Take another orchestrator.
    #[error("ticket faceValue too low faceValue={0}")]
    FaceValueTooLow(U256),
    /// Dearer than the operator allows. Take another orchestrator.
    #[error("ticket EV {} > max ticket EV {}", .0.five_decimals(), .1.five_decimals())]
    TicketTooDear(Box<Amount>, Box<Amount>),
    /// The funds are about to be withdrawn: cancel the unlock. The stream ends.
    #[error("unable to validate sender: deposit and reserve is set to unlock soon")]
    Unlocking,
    /// Fund the reserve. The stream ends.
    #[error("no sender reserve")]
    NoReserve,
    /// Fund the deposit. The stream ends.
    #[error("no sender deposit")]
    NoDeposit,
    /// More at once than the operator allows. Take another orchestrator.
    #[error("total ticket EV {} for {} tickets > max total ticket EV {}", .0.five_decimals(), .1, .2.five_decimals())]
    TotalTooDear(Box<Amount>, u32, Box<Amount>),
    /// A winner would not be paid. Fund the deposit, or take another orchestrator.
    #[error("ticket faceValue {0} > max faceValue {1}")]
    FaceValueTooHigh(U256, U256),
    /// The chain view has no answer. Wait for it.
    #[error("{0}")]
    NoFunds(String),
    /// All tickets of the parameters are made. Ask the same orchestrator for new ones.
    #[error("no ticket is left for these parameters")]
    NoncesUsedUp,
}

impl SenderError {
    /// Whether it is the sender's own funds that no orchestrator would take: the stream ends.
    pub const fn ends_the_stream(&self) -> bool {
        matches!(self, Self::Unlocking | Self::NoReserve | Self::NoDeposit)
    }

    /// Whether new parameters of the same orchestrator help.
    pub const fn wants_new_params(&self) -> bool {
        matches!(self, Self::Expired | Self::NoncesUsedUp)
    }
}

/// Checks parameters before `count` tickets are made with them; also, for one, when orchestrators
/// are chosen.
pub fn check_params(
    params: Option<&TicketParams>,
    count: u32,
    limits: &SenderLimits,
    view: &SenderView,
) -> Result<(), SenderError> {
    let params = params.ok_or(SenderError::NoParams)?;
    if params.expiration_block == 0 {
        return Err(SenderError::NoExpiration);
    }
    if params.expiration_block.saturating_sub(view.last_block) <= EXPIRY_MARGIN_BLOCKS {
        return Err(SenderError::Expired);
    }
    let value = Amount::of_ticket(params.face_value, params.win_prob);
    if value.is_zero() {
        return Ok(());
    }
    if value >= Amount::wei(params.face_value) {
        return Err(SenderError::FaceValueTooLow(params.face_value));
    }
    if value > limits.max_ticket_ev {
        let limit = Box::new(limits.max_ticket_ev.clone());
        return Err(SenderError::TicketTooDear(Box::new(value), limit));
    }
    let funds = view
        .funds
        .as_ref()
        .map_err(|why| SenderError::NoFunds(why.clone()))?;
    check_funds(funds, view.last_round.round)?;
    let total = value.times(u64::from(count));
    if total > limits.max_total_ev {
        let limit = Box::new(limits.max_total_ev.clone());
        return Err(SenderError::TotalTooDear(Box::new(total), count, limit));
    }
    let most = funds.deposit / U256::from(limits.deposit_multiplier.max(1));
    if params.face_value > most {
        return Err(SenderError::FaceValueTooHigh(params.face_value, most));
    }
    Ok(())
}

fn check_funds(funds: &SenderFunds, last_round: u64) -> Result<(), SenderError> {
    if funds.unlocks_soon(last_round) {
        return Err(SenderError::Unlocking);
    }
    if funds.reserve_remaining.is_zero() {
        return Err(SenderError::NoReserve);
    }
    if funds.deposit.is_zero() {
        return Err(SenderError::NoDeposit);
    }
    Ok(())
}

/// Tickets for one set of parameters. New parameters are a new session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketSession {
    sender: Address,
    params: TicketParams,
    creation: CreationRound,
    last_nonce: u32,
}

/// Numbers that were taken. They are stored before a ticket with them is signed; numbers that were
/// stored and not sent are skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenNonces {
    first: u32,
    last: u32,
}

impl TakenNonces {
    /// The highest of them: what a store keeps.
    pub const fn last(&self) -> u32 {
        self.last
    }
}

impl TicketSession {
    /// For fresh parameters. Where the recipient names no round, tickets carry the last one the
    /// sender knows.
    pub fn new(sender: Address, params: TicketParams, last_round: CreationRound) -> Self {
        let named = params
            .creation
            .filter(|named| named.round != 0 && !named.block_hash.is_zero());
        Self {
            sender,
            params,
            creation: named.unwrap_or(last_round),
            last_nonce: 0,
        }
    }

    /// As it was stored: after a restart numbers go on behind the last one taken.
    pub fn resumed(
        sender: Address,
        params: TicketParams,
        creation: CreationRound,
        last_nonce: u32,
    ) -> Self {
        Self {
            sender,
            params,
            creation,
            last_nonce,
        }
    }

    /// The parameters it pays with.
    pub const fn params(&self) -> &TicketParams {
        &self.params
    }

    /// The round its tickets carry.
    pub const fn creation(&self) -> CreationRound {
        self.creation
    }

    /// What one of its tickets is worth.
    pub fn ticket_value(&self) -> Amount {
        Amount::of_ticket(self.params.face_value, self.params.win_prob)
    }

    /// Whether new parameters should be asked for, while these are still good.
    pub fn wants_renewal(&self, last_block: u64) -> bool {
        let left = LIFETIME_BLOCKS - LIFETIME_BLOCKS * RENEW_AT.0 / RENEW_AT.1;
        let nonces = MAX_NONCES as u32 * RENEW_AT_NONCES.0 / RENEW_AT_NONCES.1;
        self.params.expiration_block.saturating_sub(last_block) <= left || self.last_nonce >= nonces
    }

    /// The numbers of the next tickets.
    pub fn take_nonces(&mut self, count: u32) -> Result<TakenNonces, SenderError> {
        let last = self
            .last_nonce
            .checked_add(count)
            .filter(|last| *last <= MAX_NONCES as u32);
        let last = last.ok_or(SenderError::NoncesUsedUp)?;
        let first = self.last_nonce.saturating_add(1);
        self.last_nonce = last;
        Ok(TakenNonces { first, last })
    }

    /// Signs tickets with numbers that have been stored.
    pub fn sign(&self, taken: &TakenNonces, key: &SecretKey) -> Batch {
        let mut batch = Batch {
            params: self.params,
            creation: self.creation,
            tickets: Vec::new(),
        };
        for nonce in taken.first..=taken.last {
            let signature = sign_message(key, &batch.ticket(self.sender, nonce).hash().0);
            batch.tickets.push(SignedNonce {
                nonce,
                signature: Some(signature),
            });
        }
        batch
    }
}
