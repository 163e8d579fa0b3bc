//! Making blocks.

use std::collections::HashSet;
use std::sync::Arc;

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header, Transaction, proofs};
use alloy_eips::eip1559::BaseFeeParams;
use alloy_primitives::{Bloom, Bytes, keccak256};

use super::error::Rejected;
use super::submit::decode;
use super::{Chain, Extras};
use crate::block::{Block, Mined, Signed};
use crate::events::Event;
use crate::execute::{Environment, RunError, transact};
use crate::journal::WrittenBlock;
use crate::settings::Fees;
use crate::state::State;

/// A block in the making.
struct Draft {
    environment: Environment,
    state: State,
    mined: Vec<Mined>,
    gas_used: u64,
    logs: u64,
}

impl Chain {
    /// Mines a block with what waits, in order of tips. `now` is Unix time.
    pub fn mine(&mut self, now: u64) -> Arc<Block> {
        let mut draft = self.draft(self.next_environment(now));
        for rejected in self.fill(&mut draft) {
            self.events.add(Event::Rejected(rejected));
        }
        let (block, state) = self.seal(draft, self.extra_data());
        let block = self.adopt(block, state);
        if let Some(journal) = &mut self.journal {
            journal.add_block(&block);
        }
        if let Some(time) = self.time.next.take() {
            // Later blocks go on from the time that was set.
            self.time.ahead = time.saturating_sub(now);
        }
        self.next_base_fee = None;
        block
    }

    /// Mines `count` blocks, `seconds` apart.
    pub fn mine_many(&mut self, count: u64, seconds: u64, now: u64) {
        for made in 0..count {
            if made > 0 {
                let head = self.head_block().header.timestamp;
                self.time.next = Some(head.saturating_add(seconds.max(1)));
            }
            self.mine(now);
        }
    }

    /// Whether a block mined now would hold a transaction.
    pub fn has_work(&self, now: u64) -> bool {
        let base_fee = self.next_base_fee(now);
        let state = self.canon.state();
        let next = self
            .pool
            .best(base_fee, |sender| state.nonce(sender), |_| false);
        next.is_some()
    }

    /// The base fee of a block mined now, in wei per gas.
    pub fn next_base_fee(&self, now: u64) -> u64 {
        self.next_environment(now).base_fee
    }

    /// The block that comes next.
    pub(super) fn next_environment(&self, now: u64) -> Environment {
        let head = self.head_block();
        let parent = &head.header;
        let due = now.saturating_add(self.time.ahead);
        let market = || parent.next_block_base_fee(BaseFeeParams::ethereum());
        let base_fee = match (self.next_base_fee, self.settings.fees) {
            (Some(fee), _) | (None, Fees::Fixed(fee)) => fee,
            (None, Fees::Market(first)) => market().unwrap_or(first),
        };
        Environment {
            number: parent.number + 1,
            timestamp: self.time.next.unwrap_or(due).max(parent.timestamp + 1),
            base_fee,
            prevrandao: keccak256(head.hash),
        }
    }

    /// Runs what waits until nothing more fits, and tells what could not run at all.
    fn fill(&mut self, draft: &mut Draft) -> Vec<Rejected> {
        let mut too_large = HashSet::new();
        let mut rejected = Vec::new();
        let base_fee = draft.environment.base_fee;
        while let Some(next) = self.pool.best(
            base_fee,
            |sender| draft.state.nonce(sender),
            |hash| too_large.contains(&hash),
        ) {
            let room = self.settings.gas_limit - draft.gas_used;
            if next.envelope.gas_limit() > room {
                too_large.insert(next.hash);
                continue;
            }
            self.pool.remove(next.hash);
            if let Err(error) = self.run(draft, &next) {
                rejected.push(Rejected {
                    hash: next.hash,
                    reason: error.to_string(),
                });
            }
        }
        rejected
    }

    fn run(&self, draft: &mut Draft, transaction: &Arc<Signed>) -> Result<(), RunError> {
        let hash_of = |number| self.canon.hash_of(number);
        let view = self.view(&draft.state, &hash_of);
        let ran = transact(&self.settings, &draft.environment, view, transaction)?;
        let result = ran.result;
        draft.state.commit(ran.state);
        draft.gas_used += result.tx_gas_used();
        let envelope = &transaction.envelope;
        let mined = Mined {
            transaction: transaction.clone(),
            success: result.is_success(),
            gas_used: result.tx_gas_used(),
            cumulative_gas: draft.gas_used,
            gas_price: envelope.effective_gas_price(Some(draft.environment.base_fee)),
            contract: envelope
                .to()
                .is_none()
                .then(|| transaction.sender.create(envelope.nonce())),
            logs: if result.is_success() {
                result.into_logs()
            } else {
                Vec::new()
            },
            first_log: draft.logs,
        };
        draft.logs += mined.logs.len() as u64;
        draft.mined.push(mined);
        Ok(())
    }

    /// Gives a draft its header.
    fn seal(&self, draft: Draft, extra_data: Bytes) -> (Block, State) {
        let Draft {
            environment,
            mut state,
            mined,
            gas_used,
            ..
        } = draft;
        let extras = Extras::of(&self.settings);
        let envelopes: Vec<_> = mined
            .iter()
            .map(|mined| mined.transaction.envelope.clone())
            .collect();
        let receipts: Vec<_> = mined.iter().map(Mined::receipt).collect();
        let blooms = mined.iter().map(Mined::bloom);
        let header = Header {
            parent_hash: self.head_block().hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: self.settings.coinbase,
            state_root: state.root(),
            transactions_root: proofs::calculate_transaction_root(&envelopes),
            receipts_root: proofs::calculate_receipt_root(&receipts),
            logs_bloom: blooms.fold(Bloom::ZERO, |all, bloom| all | bloom),
            number: environment.number,
            gas_limit: self.settings.gas_limit,
            gas_used,
            timestamp: environment.timestamp,
            extra_data,
            mix_hash: environment.prevrandao,
            base_fee_per_gas: Some(environment.base_fee),
            withdrawals_root: extras.withdrawals_root,
            blob_gas_used: extras.blob_gas,
            excess_blob_gas: extras.blob_gas,
            parent_beacon_block_root: extras.zero_hash,
            requests_hash: extras.requests_hash,
            ..Header::default()
        };
        let block = Block {
            hash: header.hash_slow(),
            header,
            transactions: mined,
        };
        (block, state)
    }

    /// Makes a block the head.
    fn adopt(&mut self, block: Block, state: State) -> Arc<Block> {
        let block = Arc::new(block);
        self.canon.push(block.clone(), state);
        for mined in &block.transactions {
            let sender = mined.transaction.sender;
            let next = self.canon.state().nonce(sender);
            self.pool.forget_used(sender, next);
        }
        self.events.add(Event::Mined(block.clone()));
        block
    }

    /// Mines a block again as it was written down.
    pub(crate) fn follow(&mut self, written: &WrittenBlock) -> Result<(), FollowError> {
        let number = self.head_block().number() + 1;
        let mut draft = self.draft(Environment {
            number,
            timestamp: written.timestamp,
            base_fee: written.base_fee,
            prevrandao: keccak256(self.head_block().hash),
        });
        for bytes in &written.transactions {
            let signed = decode(bytes).map_err(|error| FollowError::new(number, error))?;
            self.run(&mut draft, &Arc::new(signed))
                .map_err(|error| FollowError::new(number, error))?;
        }
        let (block, state) = self.seal(draft, written.extra_data.clone());
        if block.hash != written.hash {
            let (found, wanted) = (block.hash, written.hash);
            let difference = format!("its hash is {found}, not {wanted} as written");
            return Err(FollowError::new(number, difference));
        }
        self.adopt(block, state);
        Ok(())
    }

    fn draft(&self, environment: Environment) -> Draft {
        Draft {
            environment,
            state: self.canon.state().clone(),
            mined: Vec::new(),
            gas_used: 0,
            logs: 0,
        }
    }

    /// What tells blocks mined after a reorganisation from those before it.
    fn extra_data(&self) -> Bytes {
        match self.reorganisations {
            0 => Bytes::new(),
            count => Bytes::copy_from_slice(&count.to_be_bytes()),
        }
    }
}

/// A block that does not come out as it was written down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("block {number} does not come out as it was written: {difference}")]
pub struct FollowError {
    number: u64,
    difference: String,
}

impl FollowError {
    fn new(number: u64, difference: impl ToString) -> Self {
        Self {
            number,
            difference: difference.to_string(),
        }
    }
}
