//! Blocks, transactions and states of the past.

use std::sync::Arc;

use alloy_primitives::B256;
use imbl::{HashMap, OrdMap, Vector};

use super::{CallError, Chain};
use crate::block::{Block, Mined};
use crate::execute::Environment;
use crate::state::{Edit, State, View};

/// States kept, newest included: calls into the past and reorganisations reach this far.
pub(crate) const STATES: usize = 512;

/// Blocks kept in memory, six days of one a second. Older ones are forgotten.
const BLOCKS: usize = 524_288;

/// Blocks whose hash contracts can ask for.
const HASHES: u64 = 256;

/// Which block is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockId {
    /// The head.
    Latest,
    /// The head, with what waits counted where that means something.
    Pending,
    /// Block 0, or the oldest that is kept.
    Earliest,
    /// By number.
    Number(u64),
    /// By hash.
    Hash(B256),
}

/// The chain of blocks as it stands, and the states of the last of them. Cloning is cheap.
#[derive(Clone)]
pub(super) struct Canon {
    /// Without gaps; the first is the oldest kept.
    blocks: Vector<Arc<Block>>,
    by_hash: HashMap<B256, u64>,
    /// Transactions: block and place in it.
    mined: HashMap<B256, (u64, usize)>,
    states: OrdMap<u64, State>,
    /// What was changed by hand, with the head of that moment.
    edits: Vector<(u64, Edit)>,
    state: State,
}

impl Canon {
    pub(super) fn new(genesis: Block, state: State) -> Self {
        let mut canon = Self {
            blocks: Vector::new(),
            by_hash: HashMap::new(),
            mined: HashMap::new(),
            states: OrdMap::new(),
            edits: Vector::new(),
            state: State::default(),
        };
        canon.push(Arc::new(genesis), state);
        canon
    }

    pub(super) fn head(&self) -> Arc<Block> {
        let head = self.blocks.last();
        head.cloned().expect("the genesis block is never removed")
    }

    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    /// Adds a block with the state after it.
    pub(super) fn push(&mut self, block: Arc<Block>, state: State) {
        let number = block.number();
        self.by_hash.insert(block.hash, number);
        for (place, mined) in block.transactions.iter().enumerate() {
            self.mined.insert(mined.transaction.hash, (number, place));
        }
        self.blocks.push_back(block);
        self.states.insert(number, state.clone());
        self.state = state;
        if self.states.len() > STATES {
            self.states = self.states.without_min().1;
        }
        if self.blocks.len() > BLOCKS
            && let Some(oldest) = self.blocks.pop_front()
        {
            self.forget(&oldest);
        }
    }

    /// Takes the last `depth` blocks away, newest first. `None` where their states are gone.
    pub(super) fn pop(&mut self, depth: u64) -> Option<Vec<Arc<Block>>> {
        let head = self.head().number();
        let target = head.checked_sub(depth)?;
        let state = self.states.get(&target)?.clone();
        let mut removed = Vec::new();
        for number in (target + 1..=head).rev() {
            self.states.remove(&number);
            if let Some(block) = self.blocks.pop_back() {
                self.forget(&block);
                removed.push(block);
            }
        }
        self.edits.retain(|(at, _)| *at <= target);
        self.state = state;
        Some(removed)
    }

    /// Changes the state by hand.
    pub(super) fn edit(&mut self, edit: Edit) {
        self.state.edit(&edit);
        let number = self.head().number();
        self.states.insert(number, self.state.clone());
        self.edits.push_back((number, edit));
    }

    /// What was changed by hand while `number` was the head.
    pub(super) fn edits_at(&self, number: u64) -> impl Iterator<Item = &Edit> {
        let here = self.edits.iter().filter(move |(at, _)| *at == number);
        here.map(|(_, edit)| edit)
    }

    /// The newest block that `other` has too.
    pub(super) fn common(&self, other: &Self) -> u64 {
        let mut number = self.head().number().min(other.head().number());
        let hash = |canon: &Self, number| canon.block(number).map(|block| block.hash);
        while number > self.oldest() && hash(self, number) != hash(other, number) {
            number -= 1;
        }
        number
    }

    fn forget(&mut self, block: &Block) {
        self.by_hash.remove(&block.hash);
        for mined in &block.transactions {
            self.mined.remove(&mined.transaction.hash);
        }
    }

    fn oldest(&self) -> u64 {
        self.blocks.front().map_or(0, |block| block.number())
    }

    pub(super) fn block(&self, number: u64) -> Option<&Arc<Block>> {
        let place = usize::try_from(number.checked_sub(self.oldest())?).ok()?;
        self.blocks.get(place)
    }

    /// What `BLOCKHASH` gives in a block that follows the head.
    pub(super) fn hash_of(&self, number: u64) -> B256 {
        let head = self.head().number();
        if number > head || number + HASHES <= head {
            return B256::ZERO;
        }
        self.block(number).map_or(B256::ZERO, |block| block.hash)
    }
}

impl Chain {
    /// The newest block.
    pub fn head_block(&self) -> Arc<Block> {
        self.canon.head()
    }

    /// A block, where it is kept.
    pub fn block(&self, id: BlockId) -> Option<Arc<Block>> {
        let number = self.number(id)?;
        self.canon.block(number).cloned()
    }

    /// The number of a block, where it exists.
    pub fn number(&self, id: BlockId) -> Option<u64> {
        let head = self.head_block().number();
        match id {
            BlockId::Latest | BlockId::Pending => Some(head),
            BlockId::Earliest => Some(self.canon.oldest()),
            BlockId::Number(number) => (number <= head).then_some(number),
            BlockId::Hash(hash) => self.canon.by_hash.get(&hash).copied(),
        }
    }

    /// A mined transaction: its block and its place there.
    pub fn mined(&self, hash: B256) -> Option<(Arc<Block>, usize)> {
        let (number, place) = *self.canon.mined.get(&hash)?;
        Some((self.canon.block(number)?.clone(), place))
    }

    /// A transaction that waits.
    pub fn pending(&self, hash: B256) -> Option<Arc<crate::block::Signed>> {
        self.pool.find(hash).cloned()
    }

    /// What a transaction did.
    pub fn receipt(&self, hash: B256) -> Option<Mined> {
        let (block, place) = self.mined(hash)?;
        block.transactions.get(place).cloned()
    }

    pub(super) fn state_at(&self, id: BlockId) -> Result<&State, CallError> {
        let number = self.number(id).ok_or(CallError::NoBlock)?;
        self.canon.states.get(&number).ok_or(CallError::NoState {
            number,
            kept: STATES,
        })
    }

    /// The block a call at `id` seems to run in: that block itself, as nodes do it, or for
    /// `Pending` the one that comes next.
    pub(super) fn environment_at(&self, id: BlockId, now: u64) -> Result<Environment, CallError> {
        if id == BlockId::Pending {
            return Ok(self.next_environment(now));
        }
        let block = self.block(id).ok_or(CallError::NoBlock)?;
        let header = &block.header;
        Ok(Environment {
            number: header.number,
            timestamp: header.timestamp,
            base_fee: header.base_fee_per_gas.unwrap_or_default(),
            prevrandao: header.mix_hash,
        })
    }

    /// A view of `state` whose contracts ask for hashes of this chain.
    pub(super) fn view<'a>(
        &'a self,
        state: &'a State,
        hash_of: &'a dyn Fn(u64) -> B256,
    ) -> View<'a> {
        View {
            state,
            block_hash: hash_of,
        }
    }
}
