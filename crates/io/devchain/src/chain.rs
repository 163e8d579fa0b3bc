//! The chain: what was mined, what waits, and the commands that move it on or back.
//!
//! It does nothing by itself: time comes as an argument, and blocks are mined when somebody says
//! so. Transactions are checked when they arrive, the way public nodes check them.

mod calls;
mod error;
mod history;
mod mine;
mod rewind;
mod submit;
mod trace;

use std::collections::BTreeMap;
use std::path::Path;

use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_trie::EMPTY_ROOT_HASH;

use crate::block::Block;
use crate::events::Events;
use crate::journal::{Journal, OpenError, Written};
use crate::pool::Pool;
use crate::settings::Settings;
use crate::state::{Edit, State};
use history::Canon;
use rewind::Snapshot;

pub use calls::Estimate;
pub use error::{CallError, Rejected, Revert, RewindError, SendError};
pub use history::BlockId;
pub use mine::FollowError;
pub use rewind::Removed;
pub use submit::Unsigned;
pub use trace::Frame;

/// A development chain.
pub struct Chain {
    settings: Settings,
    canon: Canon,
    pool: Pool,
    time: Time,
    next_base_fee: Option<u64>,
    /// Reorganisations so far: blocks mined after one must not be those from before.
    reorganisations: u64,
    snapshots: BTreeMap<u64, Snapshot>,
    next_snapshot: u64,
    events: Events,
    journal: Option<Journal>,
}

/// How the time of blocks differs from that of the machine.
#[derive(Debug, Clone, Copy, Default)]
struct Time {
    /// Seconds ahead.
    ahead: u64,
    /// The time of the next block alone.
    next: Option<u64>,
}

impl Chain {
    /// A chain in memory, with its genesis block.
    pub fn new(settings: Settings) -> Self {
        let mut state = State::default();
        for (address, balance) in &settings.balances {
            state.set_balance(*address, *balance);
        }
        let genesis = genesis(&settings, &mut state);
        Self {
            canon: Canon::new(genesis, state),
            settings,
            pool: Pool::default(),
            time: Time::default(),
            next_base_fee: None,
            reorganisations: 0,
            snapshots: BTreeMap::new(),
            next_snapshot: 1,
            events: Events::default(),
            journal: None,
        }
    }

    /// A chain kept in `folder`: the one that is there, or a new one.
    pub fn open(settings: Settings, folder: &Path) -> Result<Self, OpenError> {
        let mut chain = Self::new(settings);
        let genesis = chain.head_block().hash;
        let journal = Journal::open(folder, genesis, |written| match written {
            Written::Block(block) => chain.follow(&block),
            Written::Edit(edit) => {
                chain.canon.edit(edit);
                Ok(())
            }
        })?;
        chain.journal = Some(journal);
        Ok(chain)
    }

    /// What the chain was made with.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What happened, for filters and subscriptions.
    pub const fn events(&self) -> &Events {
        &self.events
    }

    /// How many transactions wait.
    pub fn waiting(&self) -> usize {
        self.pool.len()
    }

    /// Drops what waits, and tells how many that were.
    pub fn drop_waiting(&mut self) -> usize {
        self.pool.clear()
    }

    /// Drops one transaction that waits.
    pub fn drop_transaction(&mut self, hash: B256) -> bool {
        self.pool.remove(hash).is_some()
    }

    /// Moves the time of later blocks forward.
    pub fn increase_time(&mut self, seconds: u64) -> u64 {
        self.time.ahead = self.time.ahead.saturating_add(seconds);
        self.time.ahead
    }

    /// Sets the time of the next block; later ones go on from there.
    pub fn set_next_time(&mut self, timestamp: u64) -> Result<(), RewindError> {
        let head = self.head_block().header.timestamp;
        if timestamp <= head {
            return Err(RewindError::Past { timestamp, head });
        }
        self.time.next = Some(timestamp);
        Ok(())
    }

    /// Sets the base fee of the next block, in wei per gas.
    pub const fn set_next_base_fee(&mut self, fee: u64) {
        self.next_base_fee = Some(fee);
    }

    /// Changes the state as no transaction could. It counts from the head on.
    pub fn edit(&mut self, edit: Edit) {
        if let Some(journal) = &mut self.journal {
            journal.add_edit(&edit);
        }
        self.canon.edit(edit);
    }

    /// What an account holds, by the state after a block.
    pub fn balance(&self, address: Address, at: BlockId) -> Result<U256, CallError> {
        Ok(self.state_at(at)?.balance(address))
    }

    /// The code of a contract, by the state after a block.
    pub fn code(&self, address: Address, at: BlockId) -> Result<Bytes, CallError> {
        Ok(self.state_at(at)?.code(address))
    }

    /// A word of storage, by the state after a block.
    pub fn storage(&self, address: Address, key: U256, at: BlockId) -> Result<U256, CallError> {
        Ok(self.state_at(at)?.storage(address, key))
    }

    /// Transactions an account has sent; with `Pending` those that wait count too.
    pub fn nonce(&self, address: Address, at: BlockId) -> Result<u64, CallError> {
        let mined = self.state_at(at)?.nonce(address);
        Ok(match at {
            BlockId::Pending => self.pool.next_nonce(address, mined),
            _ => mined,
        })
    }
}

fn genesis(settings: &Settings, state: &mut State) -> Block {
    let fork = Extras::of(settings);
    let header = Header {
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: settings.coinbase,
        state_root: state.root(),
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        gas_limit: settings.gas_limit,
        timestamp: settings.genesis_time,
        base_fee_per_gas: Some(settings.fees.first()),
        withdrawals_root: fork.withdrawals_root,
        blob_gas_used: fork.blob_gas,
        excess_blob_gas: fork.blob_gas,
        parent_beacon_block_root: fork.zero_hash,
        requests_hash: fork.requests_hash,
        ..Header::default()
    };
    Block {
        hash: header.hash_slow(),
        header,
        transactions: Vec::new(),
    }
}

/// Fields that later rules added to headers; empty here, as nothing of theirs is offered.
struct Extras {
    withdrawals_root: Option<B256>,
    blob_gas: Option<u64>,
    zero_hash: Option<B256>,
    requests_hash: Option<B256>,
}

impl Extras {
    fn of(settings: &Settings) -> Self {
        match settings.fork {
            crate::settings::Fork::London => Self {
                withdrawals_root: None,
                blob_gas: None,
                zero_hash: None,
                requests_hash: None,
            },
            crate::settings::Fork::Prague => Self {
                withdrawals_root: Some(EMPTY_ROOT_HASH),
                blob_gas: Some(0),
                zero_hash: Some(B256::ZERO),
                requests_hash: Some(alloy_eips::eip7685::EMPTY_REQUESTS_HASH),
            },
        }
    }
}
