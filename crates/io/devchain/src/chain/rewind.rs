//! Going back: snapshots, rollbacks and reorganisations.

use std::sync::Arc;

use super::history::{Canon, STATES};
use super::submit::decode;
use super::{Chain, RewindError, Time};
use crate::block::Block;
use crate::events::Event;
use crate::pool::Pool;

/// Snapshots kept at a time.
const SNAPSHOTS: usize = 1_024;

/// All that a snapshot brings back.
pub(super) struct Snapshot {
    canon: Canon,
    pool: Pool,
    time: Time,
    next_base_fee: Option<u64>,
}

/// What becomes of transactions whose block is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// They wait again and may be mined anew, as on a public network.
    Wait,
    /// They are gone.
    Dropped,
}

impl Chain {
    /// Remembers the chain as it is now. Cheap.
    pub fn snapshot(&mut self) -> Result<u64, RewindError> {
        if self.snapshots.len() >= SNAPSHOTS {
            return Err(RewindError::TooManySnapshots(SNAPSHOTS));
        }
        let id = self.next_snapshot;
        self.next_snapshot += 1;
        let snapshot = Snapshot {
            canon: self.canon.clone(),
            pool: self.pool.clone(),
            time: self.time,
            next_base_fee: self.next_base_fee,
        };
        self.snapshots.insert(id, snapshot);
        Ok(id)
    }

    /// Goes back to a snapshot, which is used up with all that were taken after it. `false` where
    /// there is none of this number.
    pub fn revert(&mut self, id: u64) -> bool {
        let Some(snapshot) = self.snapshots.remove(&id) else {
            return false;
        };
        self.snapshots.split_off(&id);
        let before = std::mem::replace(&mut self.canon, snapshot.canon);
        let common = self.canon.common(&before);
        for number in (common + 1..=before.head().number()).rev() {
            if let Some(block) = before.block(number) {
                self.events.add(Event::Removed(block.clone()));
            }
        }
        for number in common + 1..=self.canon.head().number() {
            if let Some(block) = self.canon.block(number) {
                self.events.add(Event::Mined(block.clone()));
            }
        }
        self.pool = snapshot.pool;
        self.time = snapshot.time;
        self.next_base_fee = snapshot.next_base_fee;
        self.write_again_after(common);
        true
    }

    /// Takes the last `depth` blocks away.
    pub fn roll_back(&mut self, depth: u64, removed: Removed) -> Result<(), RewindError> {
        let head = self.head_block().number();
        let gone = self.canon.pop(depth).ok_or(RewindError::TooDeep {
            depth,
            head,
            kept: STATES,
        })?;
        self.reorganisations += 1;
        self.write_again_after(head - depth);
        for block in &gone {
            self.events.add(Event::Removed(block.clone()));
        }
        if removed == Removed::Wait {
            // Oldest first, so that nonces follow one another.
            gone.iter().rev().for_each(|block| self.wait_again(block));
        }
        Ok(())
    }

    /// Replaces the last `depth` blocks by as many others. `transactions` are signed ones for the
    /// new blocks, each with the place of its block, from 0.
    pub fn reorganise(
        &mut self,
        depth: u64,
        transactions: &[(Vec<u8>, u64)],
        removed: Removed,
        now: u64,
    ) -> Result<(), RewindError> {
        let mut decoded = Vec::with_capacity(transactions.len());
        for (place, (bytes, block)) in transactions.iter().enumerate() {
            let signed = decode(bytes).map_err(|reason| RewindError::Transaction {
                place,
                reason: Box::new(reason),
            })?;
            decoded.push((signed, *block));
        }
        self.roll_back(depth, removed)?;
        for made in 0..depth {
            for (place, (signed, _)) in decoded
                .iter()
                .enumerate()
                .filter(|(_, (_, at))| *at == made)
            {
                let sent = self.send(signed.clone());
                sent.map_err(|reason| RewindError::Transaction {
                    place,
                    reason: Box::new(reason),
                })?;
            }
            self.mine(now);
        }
        Ok(())
    }

    /// Puts the transactions of a removed block back among those that wait.
    fn wait_again(&mut self, block: &Block) {
        for mined in &block.transactions {
            let signed = (*mined.transaction).clone();
            let hash = signed.hash;
            if let Err(error) = self.send(signed) {
                // One of the same nonce pays more, or its sender can no longer pay.
                tracing::debug!(%hash, %error, "a transaction of a removed block is dropped");
            }
        }
    }

    /// Brings the file in line after the chain changed behind block `common`.
    fn write_again_after(&mut self, common: u64) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        journal.cut_after(common);
        let head = self.canon.head().number();
        for number in common..=head {
            let block: Option<&Arc<Block>> = self.canon.block(number);
            if let Some(block) = block
                && number > common
            {
                journal.add_block(block);
            }
            for edit in self.canon.edits_at(number) {
                journal.add_edit(edit);
            }
        }
    }
}
