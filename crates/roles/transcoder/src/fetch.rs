//! Fetching the source of a job from where the orchestrator says it lies.
//!
//! The address comes from the operator's own orchestrator, which proved nothing but is chosen and
//! holds the same secret; still only HTTP is spoken, redirects are not followed, and size, time
//! and bytes of all jobs together are bounded.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use streamflow_types::MAX_SEGMENT_BYTES;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// From asking to the last byte.
const FETCH_LIMIT: Duration = Duration::from_secs(4);

/// Source bytes of all running jobs, in KiB: three of the largest segments, or hundreds of usual
/// ones.
const IN_FLIGHT_KIB: usize = 1 << 20;

/// Memory set aside on the other side's word alone; beyond it the buffer grows with what arrives.
const TRUSTED_LENGTH: usize = 8 * 1024 * 1024;

/// Why a source could not be had. Its text goes to the orchestrator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FetchError {
    /// The other side answered with another status than 200.
    #[error("{0}")]
    Status(String),
    /// Larger than any segment.
    #[error("segment of more than {MAX_SEGMENT_BYTES} bytes")]
    TooLarge,
    /// Too late, or too much other work in memory.
    #[error("source not fetched within {FETCH_LIMIT:?}")]
    TooSlow,
    /// The connection failed.
    #[error("source not fetched: {0}")]
    Transport(#[from] reqwest::Error),
}

/// A fetched source. Its bytes count as in flight until this is dropped.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) bytes: Bytes,
    _counted: OwnedSemaphorePermit,
}

/// Fetches sources within bounds common to all jobs.
#[derive(Clone, Debug)]
pub(crate) struct Fetcher {
    client: reqwest::Client,
    in_flight: Arc<Semaphore>,
}

impl Fetcher {
    pub(crate) fn new(client: reqwest::Client) -> Self {
        Self {
            client,
            in_flight: Arc::new(Semaphore::new(IN_FLIGHT_KIB)),
        }
    }

    /// The whole source.
    pub(crate) async fn fetch(&self, url: &str) -> Result<Source, FetchError> {
        timeout(FETCH_LIMIT, self.fetch_unbounded(url))
            .await
            .map_err(|_| FetchError::TooSlow)?
    }

    async fn fetch_unbounded(&self, url: &str) -> Result<Source, FetchError> {
        let mut response = self.client.get(url).send().await?;
        let status = response.status();
        if status != http::StatusCode::OK {
            let reason = status.canonical_reason().unwrap_or_default();
            return Err(FetchError::Status(format!("{} {reason}", status.as_u16())));
        }
        let announced = match response.content_length() {
            Some(length) => usize::try_from(length).map_err(|_| FetchError::TooLarge)?,
            None => MAX_SEGMENT_BYTES,
        };
        if announced > MAX_SEGMENT_BYTES {
            return Err(FetchError::TooLarge);
        }
        let kib = u32::try_from(announced / 1024 + 1).unwrap_or(u32::MAX);
        let counted = self.in_flight.clone().acquire_many_owned(kib).await;
        // The semaphore is never closed; should it be, there is no room either.
        let counted = counted.map_err(|_| FetchError::TooSlow)?;
        let mut bytes = BytesMut::with_capacity(announced.min(TRUSTED_LENGTH));
        while let Some(chunk) = response.chunk().await? {
            if bytes.len().saturating_add(chunk.len()) > announced {
                return Err(FetchError::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Source {
            bytes: bytes.freeze(),
            _counted: counted,
        })
    }
}
