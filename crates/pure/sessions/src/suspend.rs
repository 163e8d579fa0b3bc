//! Who sits out rounds of discovery after a failure, counted in rounds and not in time, for one
//! stream. What it does not do: shut anybody out of a stream that has nobody else.

use std::collections::BTreeMap;

use crate::record::Peer;

/// Most peers remembered; those whose suspension ends first are forgotten first.
const MAX_SUSPENDED: usize = 256;

/// The suspensions of one stream.
#[derive(Clone, Debug, Default)]
pub struct Suspensions {
    rounds: u64,
    until: BTreeMap<Peer, u64>,
}

impl Suspensions {
    /// Nobody is suspended.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a failure costs in a pool of this size when this many sessions are wanted.
    pub fn penalty(pool_size: usize, wanted: usize) -> u64 {
        pool_size.div_ceil(wanted.max(1)).max(1) as u64
    }

    /// Suspends for this many rounds from now, on top of what is left.
    pub fn suspend(&mut self, peer: &Peer, penalty: u64) {
        let from = self
            .until
            .get(peer)
            .copied()
            .unwrap_or(self.rounds)
            .max(self.rounds);
        self.until
            .insert(peer.clone(), from.saturating_add(penalty));
        if self.until.len() > MAX_SUSPENDED {
            let first = self.until.iter().min_by_key(|(_, until)| **until);
            if let Some(peer) = first.map(|(peer, _)| peer.clone()) {
                self.until.remove(&peer);
            }
        }
    }

    /// A round of discovery begins.
    pub fn next_round(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
        self.until.retain(|_, until| *until > self.rounds);
    }

    /// Rounds a peer still sits out; 0 for one that does not. Peers are asked in this order.
    pub fn left(&self, peer: &Peer) -> u64 {
        self.until
            .get(peer)
            .map_or(0, |until| until.saturating_sub(self.rounds))
    }
}
