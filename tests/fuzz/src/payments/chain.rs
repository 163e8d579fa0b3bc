//! A chain as far as tickets go: states by block, of which the last ones may be taken back.

use std::collections::BTreeMap;

use alloy_primitives::{B256, U256, keccak256};
use streamflow_payments::{CreationRound, Rounds, SenderFunds, Winner};

/// Blocks of a round: long enough for parameters to run out in the round after their own.
pub(super) const ROUND_BLOCKS: u64 = 100;

/// Rounds between unlocking and withdrawing.
const UNLOCK_ROUNDS: u64 = 2;

/// All the money there is.
pub(super) const FUNDS: (u64, u64) = (20_000, 8_000);

/// The first block; rounds before it have hashes too.
const FIRST_BLOCK: u64 = 1_000;

/// Blocks that are remembered: more than are ever taken back.
const KEPT_BLOCKS: usize = 32;

/// One block.
#[derive(Clone, Debug)]
struct Block {
    number: u64,
    /// Another in each fork.
    hash: B256,
    funds: SenderFunds,
    withdraw_round: u64,
    fees: U256,
    withdrawn: U256,
    /// Used tickets, and the block.
    used: BTreeMap<B256, u64>,
    round_hashes: BTreeMap<u64, B256>,
}

/// The chain and the transactions that wait for it.
#[derive(Debug)]
pub(super) struct Chain {
    blocks: Vec<Block>,
    waiting: BTreeMap<B256, Winner>,
    /// All that ever waited.
    sent: BTreeMap<B256, Winner>,
    forks: u64,
    /// What the recipient's cursor finds: nothing above this block is as it was when it last looked.
    lowest: u64,
}

impl Chain {
    pub(super) fn new() -> Self {
        let (deposit, reserve) = FUNDS;
        let round = FIRST_BLOCK / ROUND_BLOCKS;
        let hashes = [round - 1, round].map(|round| (round, keccak256(round.to_be_bytes())));
        let first = Block {
            number: FIRST_BLOCK,
            hash: B256::ZERO,
            funds: SenderFunds {
                deposit: U256::from(deposit),
                reserve_remaining: U256::from(reserve),
                pool_size: 1,
                ..SenderFunds::default()
            },
            withdraw_round: 0,
            fees: U256::ZERO,
            withdrawn: U256::ZERO,
            used: BTreeMap::new(),
            round_hashes: hashes.into(),
        };
        let mut chain = Self {
            blocks: vec![first],
            waiting: BTreeMap::new(),
            sent: BTreeMap::new(),
            forks: 0,
            lowest: FIRST_BLOCK,
        };
        chain.mine(20);
        chain
    }

    fn head_block(&self) -> &Block {
        self.blocks.last().expect("the first block stays")
    }

    pub(super) fn head(&self) -> u64 {
        self.head_block().number
    }

    pub(super) fn round(&self) -> u64 {
        self.head() / ROUND_BLOCKS
    }

    pub(super) fn is_second_half(&self) -> bool {
        self.head() % ROUND_BLOCKS >= ROUND_BLOCKS / 2
    }

    pub(super) fn round_at(block: u64) -> u64 {
        block / ROUND_BLOCKS
    }

    pub(super) fn funds(&self) -> SenderFunds {
        let block = self.head_block();
        SenderFunds {
            withdraw_round: block.withdraw_round,
            ..block.funds
        }
    }

    pub(super) fn used_in(&self, hash: B256) -> Option<u64> {
        self.head_block().used.get(&hash).copied()
    }

    #[cfg(test)]
    pub(super) fn redeemed(&self) -> usize {
        self.head_block().used.len()
    }

    pub(super) fn rounds(&self) -> Rounds {
        let (block, round) = (self.head_block(), self.round());
        let hash = |round| block.round_hashes.get(&round).copied().unwrap_or_default();
        Rounds {
            last: CreationRound {
                round,
                block_hash: hash(round),
            },
            previous_block_hash: hash(round - 1),
            confirmations: block.number % ROUND_BLOCKS,
        }
    }

    /// What was taken back since the recipient last looked; from now on it has seen all.
    pub(super) fn look(&mut self) -> u64 {
        let head = self.head();
        std::mem::replace(&mut self.lowest, head)
    }

    pub(super) fn look_again(&mut self, lowest: u64) {
        self.lowest = self.lowest.min(lowest);
    }

    pub(super) fn is_waiting(&self, hash: B256) -> bool {
        self.waiting.contains_key(&hash)
    }

    /// The same transaction again is the same transaction.
    pub(super) fn submit(&mut self, winner: Winner) {
        self.sent.insert(winner.ticket.hash(), winner);
        self.waiting.insert(winner.ticket.hash(), winner);
    }

    /// Transactions get lost, all or every other one.
    pub(super) fn forget_transactions(&mut self, argument: u8) {
        let mut index = 0;
        self.waiting.retain(|_, _| {
            index += 1;
            argument < 128 && index % 2 == 0
        });
    }

    /// Mines blocks; what waits goes into the first of them.
    pub(super) fn mine(&mut self, count: usize) {
        for _ in 0..count {
            let mut block = self.head_block().clone();
            block.number += 1;
            block.hash = keccak256([block.number.to_be_bytes(), self.forks.to_be_bytes()].concat());
            if block.number.is_multiple_of(ROUND_BLOCKS) {
                block
                    .round_hashes
                    .insert(block.number / ROUND_BLOCKS, block.hash);
                block.funds.reserve_claimed = U256::ZERO;
                block.funds.claimed_by_us = U256::ZERO;
            }
            for (hash, winner) in std::mem::take(&mut self.waiting) {
                block.redeem(hash, &winner);
            }
            self.blocks.push(block);
        }
        let old = self.blocks.len().saturating_sub(KEPT_BLOCKS);
        self.blocks.drain(..old);
    }

    /// Takes blocks back; others come in their place, with their transactions or without.
    pub(super) fn reorganise(&mut self, depth: usize, keeps_transactions: bool) {
        self.forks += 1;
        let left = self.blocks.len().saturating_sub(depth).max(1);
        let old = self.head_block().used.clone();
        let gone = self.blocks.len() - left;
        self.blocks.truncate(left);
        self.lowest = self.lowest.min(self.head());
        if keeps_transactions {
            for (hash, winner) in &self.sent {
                if old.contains_key(hash) && self.used_in(*hash).is_none() {
                    self.waiting.insert(*hash, *winner);
                }
            }
        }
        self.mine(gone);
    }

    /// The sender funds, wants out, stays after all, or leaves.
    pub(super) fn sender_acts(&mut self, argument: u8) {
        let round = self.round();
        let block = self.blocks.last_mut().expect("the first block stays");
        match argument % 4 {
            0 => block.withdraw_round = 0,
            1 if block.withdraw_round == 0 => block.withdraw_round = round + UNLOCK_ROUNDS,
            2 if block.withdraw_round != 0 && round >= block.withdraw_round => {
                let all = block.funds.deposit + block.funds.reserve_remaining;
                block.withdrawn += all;
                block.funds.deposit = U256::ZERO;
                block.funds.reserve_remaining = U256::ZERO;
            }
            3 if !block.withdrawn.is_zero() => {
                // What was taken out is put back as a deposit.
                block.funds.deposit += std::mem::take(&mut block.withdrawn);
                block.withdraw_round = 0;
            }
            _ => {}
        }
    }

    /// M3, M4: money moves, it neither appears nor goes.
    pub(super) fn check(&self) {
        let block = self.head_block();
        let funds = &block.funds;
        let sum = funds.deposit + funds.reserve_remaining + block.fees + block.withdrawn;
        assert_eq!(
            sum,
            U256::from(FUNDS.0 + FUNDS.1),
            "M3: money appeared or went"
        );
    }
}

impl Block {
    /// What the contracts do with a redemption.
    fn redeem(&mut self, hash: B256, winner: &Winner) {
        assert!(
            !self.used.contains_key(&hash),
            "M2: {hash} is redeemed twice"
        );
        let (ticket, round) = (&winner.ticket, self.number / ROUND_BLOCKS);
        let known = self.round_hashes.get(&ticket.creation.round);
        assert_eq!(
            known,
            Some(&ticket.creation.block_hash),
            "a ticket's round has another hash"
        );
        assert!(
            ticket.wins(&winner.signature, winner.recipient_rand),
            "it does not win"
        );
        let is_unlocked = self.withdraw_round != 0 && round >= self.withdraw_round;
        let is_empty = self.funds.deposit.is_zero() && self.funds.reserve_remaining.is_zero();
        if ticket.creation.round + 2 <= round || is_unlocked || is_empty {
            return;
        }
        self.used.insert(hash, self.number);
        let from_deposit = ticket.face_value.min(self.funds.deposit);
        let claimable = U256::try_from(self.funds.allocation()).unwrap_or_default();
        let from_reserve = (ticket.face_value - from_deposit).min(claimable);
        self.funds.deposit -= from_deposit;
        self.funds.reserve_remaining -= from_reserve;
        self.funds.reserve_claimed += from_reserve;
        self.funds.claimed_by_us += from_reserve;
        self.fees += from_deposit + from_reserve;
    }
}
