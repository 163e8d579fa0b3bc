//! What happened to the chain, in order, for filters and subscriptions.

use std::collections::VecDeque;
use std::sync::Arc;

use alloy_primitives::B256;

use crate::block::Block;
use crate::chain::Rejected;

/// Events kept: what a slow reader can be behind.
const KEPT: usize = 16_384;

/// Something that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A block became the head.
    Mined(Arc<Block>),
    /// A block is no longer part of the chain. Newest first.
    Removed(Arc<Block>),
    /// A transaction waits.
    Waiting(B256),
    /// A transaction that waited can never be mined.
    Rejected(Rejected),
}

/// The last events, numbered from 0 on.
#[derive(Debug, Default)]
pub struct Events {
    kept: VecDeque<Event>,
    dropped: u64,
}

impl Events {
    pub(crate) fn add(&mut self, event: Event) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
            self.dropped += 1;
        }
        self.kept.push_back(event);
    }

    /// The number the next event will have.
    pub fn next(&self) -> u64 {
        self.dropped + self.kept.len() as u64
    }

    /// The events from number `from` on, or `None` where the first of them are gone.
    pub fn since(&self, from: u64) -> Option<impl Iterator<Item = &Event>> {
        let skip = usize::try_from(from.checked_sub(self.dropped)?).ok()?;
        Some(self.kept.iter().skip(skip))
    }
}
