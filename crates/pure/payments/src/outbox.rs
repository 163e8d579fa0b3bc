//! The redemption outbox: every winner from the moment it is stored until the chain has settled it.
//!
//! Only the chain ends a row: a redemption on it with enough blocks on top, or a round that is over
//! for good. Errors, reverts and dropped transactions never do. The store keeps each row as it is
//! here; what [`Outbox::reveal`] changes is stored before a transaction leaves.

mod preflight;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{B256, I256, U256};
use streamflow_types::Address;

use crate::recipient::Winner;

pub use preflight::{Facts, GasPolicy, Wait, preflight};

/// Blocks after the expiry of its parameters before a winner is redeemed: what a recipient with an
/// older view may still take is then void for it as well.
pub const MATURITY_BLOCKS: u64 = 5;

/// Blocks on top of a block that no reorganisation takes away.
pub const FINAL_BLOCKS: u64 = 64;

/// Rounds after its own in which a ticket is good.
const VALID_ROUNDS: u64 = 1;

/// Blocks a row waits after its first failure; doubled with each further one.
const FIRST_BACKOFF_BLOCKS: u64 = 2;

/// The longest wait after failures, in blocks.
const MAX_BACKOFF_BLOCKS: u64 = 64;

/// Winners that are not settled, at once. A full outbox takes no payment in.
pub const MAX_OPEN_ROWS: usize = 100_000;

/// Where a winner is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Stored.
    Won,
    /// Its number left this node, so its parameters are void; no transaction is known to be alive.
    Revealed,
    /// A transaction is under way.
    Submitted,
    /// Redeemed in this block.
    Mined(u64),
    /// Redeemed for good.
    Final(u64),
    /// Void for good.
    Dead(Proof),
}

/// Why a winner can never be redeemed: what the chain says under [`FINAL_BLOCKS`] blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Its last round was over.
    RoundOver {
        /// The round that was current.
        round: u64,
    },
    /// The round it was made in has another hash.
    OtherRoundHash {
        /// The hash.
        hash: B256,
    },
}

/// A winner with its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The winner.
    pub winner: Winner,
    /// Where it is.
    pub state: State,
    /// Nothing is tried before this block.
    pub not_before: u64,
    /// Failures in a row.
    pub failures: u32,
}

impl Row {
    /// The last round in which the ticket can be redeemed.
    pub const fn last_round(&self) -> u64 {
        self.winner
            .ticket
            .creation
            .round
            .saturating_add(VALID_ROUNDS)
    }

    /// Whether the chain has not settled it.
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Won | State::Revealed | State::Submitted)
    }

    const fn is_terminal(&self) -> bool {
        matches!(self.state, State::Final(_) | State::Dead(_))
    }
}

/// There are too many winners: take no payment until some are settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the redemption outbox is full")]
pub struct OutboxFull;

/// What orders the rows that are due.
#[derive(Debug, Clone, Copy)]
pub struct SenderStanding {
    /// The round its money may leave in; zero for never.
    pub withdraw_round: u64,
    /// What could be drawn from it now.
    pub available: I256,
}

/// All winners that are not settled, and those that are until they are dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbox {
    rows: BTreeMap<B256, Row>,
    revealed: BTreeSet<B256>,
}

impl Outbox {
    /// Takes a winner in, once; says whether it was new.
    pub fn add(&mut self, winner: Winner) -> Result<bool, OutboxFull> {
        let hash = winner.ticket.hash();
        if self.rows.contains_key(&hash) {
            return Ok(false);
        }
        if self.rows.len() >= MAX_OPEN_ROWS {
            return Err(OutboxFull);
        }
        let row = Row {
            winner,
            state: State::Won,
            not_before: 0,
            failures: 0,
        };
        self.rows.insert(hash, row);
        Ok(true)
    }

    /// A row as it was stored. A transaction that was under way may be lost: it is looked for, and
    /// the row goes on from there.
    pub fn restore(&mut self, row: Row) {
        if !matches!(row.state, State::Won) {
            self.revealed.insert(row.winner.ticket.recipient_rand_hash);
        }
        self.rows.insert(row.winner.ticket.hash(), row);
    }

    /// A row.
    pub fn row(&self, hash: B256) -> Option<&Row> {
        self.rows.get(&hash)
    }

    /// All rows by their ticket's hash.
    pub fn rows(&self) -> impl Iterator<Item = (&B256, &Row)> {
        self.rows.iter()
    }

    /// Face values of a sender's winners that the chain has not paid.
    pub fn pending(&self, sender: Address) -> U256 {
        let of_sender = |row: &&Row| row.is_open() && row.winner.ticket.sender == sender;
        self.rows
            .values()
            .filter(of_sender)
            .fold(U256::ZERO, |sum, row| {
                sum.saturating_add(row.winner.ticket.face_value)
            })
    }

    /// Whether a number left this node: nothing is taken for it any more.
    pub fn is_revealed(&self, rand_hash: B256) -> bool {
        self.revealed.contains(&rand_hash)
    }

    /// Rows that may be redeemed at this head, most urgent first: those that expire or lose their
    /// sender soonest, then the largest, then those whose sender has most.
    pub fn due(&self, head: u64, standing: impl Fn(Address) -> SenderStanding) -> Vec<B256> {
        let mut due: Vec<_> = self
            .rows
            .iter()
            .filter(|(_, row)| is_due(row, head))
            .map(|(hash, row)| {
                let ticket = &row.winner.ticket;
                let sender = standing(ticket.sender);
                let leaves = match sender.withdraw_round {
                    0 => u64::MAX,
                    round => round.saturating_sub(1),
                };
                let urgency = row.last_round().min(leaves);
                (
                    (
                        urgency,
                        Reverse(ticket.face_value),
                        Reverse(sender.available),
                    ),
                    *hash,
                )
            })
            .collect();
        due.sort_unstable();
        due.into_iter().map(|(_, hash)| hash).collect()
    }

    /// Marks a row's number as public and its transaction as under way. To be stored before the
    /// transaction is handed to anybody. Says whether the row was due.
    pub fn reveal(&mut self, hash: B256, head: u64) -> bool {
        let Some(row) = self.rows.get_mut(&hash).filter(|row| is_due(row, head)) else {
            return false;
        };
        row.state = State::Submitted;
        self.revealed.insert(row.winner.ticket.recipient_rand_hash);
        true
    }

    /// The chain shows the ticket used in this block, by whomever.
    pub fn mined(&mut self, hash: B256, block: u64) {
        if let Some(row) = self.rows.get_mut(&hash).filter(|row| !row.is_terminal()) {
            row.state = State::Mined(block);
            row.failures = 0;
            self.revealed.insert(row.winner.ticket.recipient_rand_hash);
        }
    }

    /// The transaction is gone, or did not use the ticket: it is tried again after a while.
    pub fn failed(&mut self, hash: B256, head: u64) {
        if let Some(row) = self.rows.get_mut(&hash).filter(|row| row.is_open()) {
            if row.state == State::Submitted {
                row.state = State::Revealed;
            }
            let doubled = FIRST_BACKOFF_BLOCKS << row.failures.min(16);
            row.not_before = head.saturating_add(doubled.min(MAX_BACKOFF_BLOCKS));
            row.failures = row.failures.saturating_add(1);
        }
    }

    /// A preflight said to wait; that is no failure.
    pub fn defer(&mut self, hash: B256, until_block: u64) {
        if let Some(row) = self.rows.get_mut(&hash).filter(|row| row.is_open()) {
            row.not_before = until_block;
        }
    }

    /// Blocks above this one are gone. What was redeemed in them is under way again.
    pub fn rewind(&mut self, to_block: u64) {
        for row in self.rows.values_mut() {
            if matches!(row.state, State::Mined(block) if block > to_block) {
                row.state = State::Revealed;
                row.not_before = 0;
            }
        }
    }

    /// Settles what the chain has settled. `final_round` was current [`FINAL_BLOCKS`] below the head;
    /// a row is dead only if the chain did not show its ticket used there. Says which rows ended.
    pub fn settle(&mut self, head: u64, final_round: u64) -> Vec<B256> {
        let mut ended = Vec::new();
        for (hash, row) in &mut self.rows {
            let state = match row.state {
                State::Mined(block) if block.saturating_add(FINAL_BLOCKS) <= head => {
                    State::Final(block)
                }
                State::Won | State::Revealed | State::Submitted
                    if row.last_round() < final_round =>
                {
                    State::Dead(Proof::RoundOver { round: final_round })
                }
                _ => continue,
            };
            row.state = state;
            ended.push(*hash);
        }
        ended
    }

    /// The chain keeps another hash for the round of a row, under [`FINAL_BLOCKS`] blocks.
    pub fn round_changed(&mut self, hash: B256, round_hash: B256) {
        if let Some(row) = self.rows.get_mut(&hash).filter(|row| row.is_open())
            && row.winner.ticket.creation.block_hash != round_hash
        {
            row.state = State::Dead(Proof::OtherRoundHash { hash: round_hash });
        }
    }

    /// Drops settled rows; the store keeps them. Their numbers stay public until their parameters
    /// could not be taken in any chain.
    pub fn drop_settled(&mut self, head: u64) {
        let is_over = |row: &Row| {
            let expiration = row.winner.expiration_block;
            row.is_terminal() && expiration.saturating_add(FINAL_BLOCKS) < head
        };
        self.rows.retain(|_, row| !is_over(row));
        let rows = &self.rows;
        let is_kept = |rand: &B256| {
            rows.values()
                .any(|row| row.winner.ticket.recipient_rand_hash == *rand)
        };
        self.revealed.retain(is_kept);
    }
}

fn is_due(row: &Row, head: u64) -> bool {
    let mature = row.winner.expiration_block.saturating_add(MATURITY_BLOCKS) < head;
    matches!(row.state, State::Won | State::Revealed) && mature && row.not_before <= head
}
