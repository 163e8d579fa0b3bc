//! Inputs that killed workers. One that killed two is never given to a worker again.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Inputs remembered; the oldest is forgotten first. Deaths are rare, so this is days of them.
const MAX_REMEMBERED: usize = 1024;

/// Workers an input may kill before it is refused.
const KILLS: u32 = 2;

type Hash = [u8; 32];

/// What killed workers lately.
#[derive(Debug, Default)]
pub(super) struct Poison {
    kills: Mutex<Vec<(Hash, u32)>>,
}

impl Poison {
    /// Whether this input may not go to a worker. Costs nothing while no worker ever died.
    pub(super) async fn is_poisoned(&self, source: &Bytes) -> bool {
        if self.lock().is_empty() {
            return false;
        }
        let hash = hash_of(source).await;
        let kills = self.lock();
        kills
            .iter()
            .any(|(known, kills)| *known == hash && *kills >= KILLS)
    }

    /// Notes that a worker died of this input. Returns how many did.
    pub(super) async fn record(&self, source: &Bytes) -> u32 {
        let hash = hash_of(source).await;
        let mut kills = self.lock();
        let before = match kills.iter().position(|(known, _)| *known == hash) {
            Some(index) => kills.remove(index).1,
            None => 0,
        };
        if kills.len() >= MAX_REMEMBERED {
            kills.remove(0);
        }
        let now = before.saturating_add(1);
        kills.push((hash, now));
        now
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Hash, u32)>> {
        // Each change leaves the list whole, whatever happens after it.
        self.kills.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Segments can be large, so not on a thread that serves sockets.
async fn hash_of(source: &Bytes) -> Hash {
    let source = source.clone();
    let hashing = tokio::task::spawn_blocking(move || Sha256::digest(&source).into());
    // Only the end of the runtime stops it, and then nobody looks at the answer.
    hashing.await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_input_that_killed_two_workers_is_refused() {
        let poison = Poison::default();
        let (bad, good) = (Bytes::from_static(b"bad"), Bytes::from_static(b"good"));
        assert_eq!(poison.record(&bad).await, 1);
        assert_eq!(poison.record(&good).await, 1);
        assert!(!poison.is_poisoned(&bad).await);
        assert_eq!(poison.record(&bad).await, 2);
        assert!(poison.is_poisoned(&bad).await);
        assert!(!poison.is_poisoned(&good).await);
    }

    #[tokio::test]
    async fn memory_of_bad_inputs_is_bounded() {
        let poison = Poison::default();
        for number in 0..MAX_REMEMBERED as u32 + 10 {
            poison
                .record(&Bytes::copy_from_slice(&number.to_le_bytes()))
                .await;
        }
        assert_eq!(poison.lock().len(), MAX_REMEMBERED);
    }
}
