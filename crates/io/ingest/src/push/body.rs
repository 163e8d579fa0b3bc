//! Receives the body of a push within its limits.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::Keccak256;
use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};
use tokio::time::timeout;

use super::Limits;

/// How long an upload waits for memory that others hold.
const BUDGET_WAIT: Duration = Duration::from_secs(5);

/// Memory set aside on a client's word alone; beyond it the buffer grows with what arrives.
const TRUSTED_LENGTH: usize = 8 << 20;

/// The unit memory is counted in.
const PERMIT_BYTES: usize = 1024;

/// Why a body was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    /// The client's fault, or its line's: 500, as the network has it.
    #[error("Error reading http request body: {0}")]
    Unreadable(String),
    /// Ours: 503.
    #[error("Too many uploads in flight")]
    NoRoom,
}

/// Memory for bodies, shared by all uploads.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<Semaphore>);

/// A body and its share of the memory.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) bytes: Bytes,
    /// Keccak-256 of them, taken while they came.
    pub(super) keccak: [u8; 32],
    /// Held until the segment is done.
    pub(super) share: OwnedSemaphorePermit,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        let permits = (bytes / PERMIT_BYTES).clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(permits)))
    }

    /// Reads the body to its end, within its size and time.
    pub(super) async fn receive(&self, body: Body, limits: &Limits) -> Result<Received, BodyError> {
        timeout(limits.body_total, self.collect(body, limits))
            .await
            .unwrap_or_else(|_| Err(BodyError::Unreadable("it took too long".to_owned())))
    }

    async fn collect(&self, mut body: Body, limits: &Limits) -> Result<Received, BodyError> {
        let unreadable = |why: String| BodyError::Unreadable(why);
        let mut share = self.share(1).await?;
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        let expected = announced.min(TRUSTED_LENGTH).min(limits.body_bytes);
        let (mut bytes, mut keccak) = (BytesMut::new(), Keccak256::new());
        loop {
            let frame = timeout(limits.body_idle, body.frame())
                .await
                .map_err(|_| unreadable("nothing came for too long".to_owned()))?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| unreadable(error.to_string()))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let length = bytes.len().saturating_add(data.len());
            if length > limits.body_bytes {
                return Err(unreadable(format!(
                    "larger than {} bytes",
                    limits.body_bytes
                )));
            }
            let missing = length
                .div_ceil(PERMIT_BYTES)
                .saturating_sub(share.num_permits());
            if missing > 0 {
                share.merge(self.share(missing).await?);
            }
            if bytes.is_empty() {
                bytes.reserve(expected.max(data.len()));
            }
            keccak.update(&data);
            bytes.extend_from_slice(&data);
        }
        Ok(Received {
            bytes: bytes.freeze(),
            keccak: keccak.finalize().0,
            share,
        })
    }

    async fn share(&self, permits: usize) -> Result<OwnedSemaphorePermit, BodyError> {
        let permits = u32::try_from(permits).map_err(|_| BodyError::NoRoom)?;
        match self.0.clone().try_acquire_many_owned(permits) {
            Ok(share) => Ok(share),
            Err(TryAcquireError::Closed) => Err(BodyError::NoRoom),
            Err(TryAcquireError::NoPermits) => {
                // Uploads that wait for each other give up here.
                match timeout(BUDGET_WAIT, self.0.clone().acquire_many_owned(permits)).await {
                    Ok(Ok(share)) => Ok(share),
                    _ => Err(BodyError::NoRoom),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{StreamExt, stream};

    use super::*;

    fn limits() -> Limits {
        Limits {
            body_bytes: 5_000,
            ..Limits::default()
        }
    }

    fn body(pieces: &'static [usize]) -> Body {
        let pieces = stream::iter(pieces).map(|size| Ok::<_, Infallible>(vec![1u8; *size]));
        Body::from_stream(pieces)
    }

    #[tokio::test]
    async fn a_body_holds_memory_until_its_segment_is_done() {
        let budget = Budget::new(4 * PERMIT_BYTES);
        let received = budget
            .receive(body(&[1000, 1000, 1000]), &limits())
            .await
            .unwrap();
        assert_eq!(
            (received.bytes.len(), received.share.num_permits()),
            (3000, 3)
        );
        assert_eq!(budget.0.available_permits(), 1);
        drop(received);
        assert_eq!(budget.0.available_permits(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn uploads_beyond_the_memory_wait_and_are_then_refused() {
        let budget = Budget::new(4 * PERMIT_BYTES);
        let first = budget.receive(body(&[3000]), &limits()).await.unwrap();
        let second = budget.receive(body(&[3000]), &limits()).await;
        assert!(matches!(second, Err(BodyError::NoRoom)));
        let limits = limits();
        let (third, ()) = tokio::join!(budget.receive(body(&[3000]), &limits), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(first);
        });
        assert_eq!(third.unwrap().bytes.len(), 3000);
    }

    #[tokio::test(start_paused = true)]
    async fn large_slow_and_silent_bodies_are_refused() {
        let budget = Budget::new(1 << 20);
        let large = budget
            .receive(body(&[3000, 3000]), &limits())
            .await
            .unwrap_err();
        assert_eq!(
            large.to_string(),
            "Error reading http request body: larger than 5000 bytes"
        );
        let silent = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        let silent = budget.receive(silent, &limits()).await.unwrap_err();
        assert!(silent.to_string().ends_with("nothing came for too long"));
        let drip = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(14)).await;
            Some((Ok::<_, Infallible>(Bytes::from_static(b"x")), ()))
        });
        let slow = budget
            .receive(Body::from_stream(drip), &limits())
            .await
            .unwrap_err();
        assert!(slow.to_string().ends_with("it took too long"));
        assert_eq!(budget.0.available_permits(), 1024);
    }
}
