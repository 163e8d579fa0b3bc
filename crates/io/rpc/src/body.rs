//! Reading request and response bodies: within a size, not slower than a rate, before a deadline,
//! into one piece of memory, with a digest running along where one is needed.

use std::time::Duration;

use alloy_primitives::Keccak256;
use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};
use tower::BoxError;

/// Slowest sender that is waited for, in bytes a second.
pub const MIN_RATE: u64 = 64_000;

/// Time a sender has before the rate counts.
pub const RATE_GRACE: Duration = Duration::from_secs(2);

/// Memory set aside on a sender's word alone; beyond it the buffer grows with what arrives.
const TRUSTED_LENGTH: usize = 8 * 1024 * 1024;

/// Why a body was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// Larger than allowed: refuse it. Nothing past the limit was kept.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// Slower than the minimum rate: drop the connection.
    #[error("the body comes too slowly: {received} bytes so far")]
    TooSlow {
        /// What came.
        received: usize,
    },
    /// Not complete in time: nobody waits for it any more.
    #[error("the body was not complete before its deadline")]
    Late,
    /// The sender broke off.
    #[error("the body broke off")]
    Broken(#[source] BoxError),
}

/// A body and the keccak-256 of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// The body in one piece.
    pub bytes: Bytes,
    /// Keccak-256 of it.
    pub keccak: [u8; 32],
}

/// Reads a body of at most `limit` bytes before `deadline`, at no less than `min_rate` bytes a
/// second after the first [`RATE_GRACE`] (0 for no minimum).
pub async fn read<B>(
    body: B,
    limit: usize,
    min_rate: u64,
    deadline: Instant,
) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    collect(body, limit, min_rate, deadline, |_| {}).await
}

/// Like [`read`], with the digest taken while the bytes arrive.
pub async fn read_hashed<B>(
    body: B,
    limit: usize,
    min_rate: u64,
    deadline: Instant,
) -> Result<Hashed, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let mut keccak = Keccak256::new();
    let bytes = collect(body, limit, min_rate, deadline, |data| keccak.update(data)).await?;
    Ok(Hashed {
        bytes,
        keccak: keccak.finalize().0,
    })
}

async fn collect<B>(
    mut body: B,
    limit: usize,
    min_rate: u64,
    deadline: Instant,
    mut each: impl FnMut(&[u8]),
) -> Result<Bytes, BodyError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(BodyError::TooLarge { limit });
    }
    let started = Instant::now();
    let mut gathered = BytesMut::new();
    loop {
        let received = gathered.len();
        let too_slow_at = rate_deadline(started, received, min_rate);
        let wait_until = too_slow_at.map_or(deadline, |at| at.min(deadline));
        let frame = match timeout_at(wait_until, body.frame()).await {
            Ok(Some(frame)) => frame.map_err(|error| BodyError::Broken(error.into()))?,
            Ok(None) => return Ok(gathered.freeze()),
            Err(_) if wait_until == deadline => return Err(BodyError::Late),
            Err(_) => return Err(BodyError::TooSlow { received }),
        };
        // Trailers carry no bytes of the body.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if data.len() > limit.saturating_sub(received) {
            return Err(BodyError::TooLarge { limit });
        }
        each(&data);
        if gathered.is_empty() {
            gathered.reserve(announced.min(TRUSTED_LENGTH).max(data.len()));
        }
        // Copied even where all of it came at once: the connection's buffer is larger, and would be
        // kept as long as the body.
        gathered.extend_from_slice(&data);
    }
}

/// When a sender that has sent this much falls below the minimum rate.
fn rate_deadline(started: Instant, received: usize, min_rate: u64) -> Option<Instant> {
    if min_rate == 0 {
        return None;
    }
    let earned_us = (received as u64).saturating_mul(1_000_000) / min_rate;
    started
        .checked_add(RATE_GRACE)?
        .checked_add(Duration::from_micros(earned_us))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream::{self, StreamExt};
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    use super::*;

    type Piece = (Duration, &'static [u8]);

    fn trickle(pieces: Vec<Piece>) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        StreamBody::new(Box::pin(stream::iter(pieces).then(
            |(wait, piece)| async move {
                tokio::time::sleep(wait).await;
                Ok(Frame::data(Bytes::from_static(piece)))
            },
        )))
    }

    fn in_a_minute() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn the_digest_is_that_of_the_whole_body() {
        let body = trickle(vec![(Duration::ZERO, b"ab"), (Duration::ZERO, b"c")]);
        let hashed = read_hashed(body, 3, MIN_RATE, in_a_minute()).await.unwrap();
        assert_eq!(hashed.bytes, "abc");
        assert_eq!(
            hex::encode(hashed.keccak),
            "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"
        );
        let empty = read_hashed(Full::new(Bytes::new()), 3, 0, in_a_minute())
            .await
            .unwrap();
        assert_eq!(hex::encode(&empty.keccak[..4]), "c5d24601");
    }

    #[tokio::test]
    async fn a_body_that_is_kept_does_not_keep_the_buffer_it_came_in() {
        let buffer = Bytes::from(vec![7; 100_000]);
        let kept = read(Full::new(buffer.slice(..1000)), 1000, 0, in_a_minute())
            .await
            .unwrap();
        assert_eq!(kept.len(), 1000);
        assert!(buffer.is_unique(), "100,000 bytes are kept for 1,000");
    }

    #[tokio::test]
    async fn more_than_the_limit_is_refused_announced_or_not() {
        let announced = Full::new(Bytes::from_static(b"abcd"));
        let error = read(announced, 3, 0, in_a_minute()).await.unwrap_err();
        assert!(matches!(error, BodyError::TooLarge { limit: 3 }));
        let silent = trickle(vec![(Duration::ZERO, b"ab"), (Duration::ZERO, b"cd")]);
        let error = read(silent, 3, 0, in_a_minute()).await.unwrap_err();
        assert!(matches!(error, BodyError::TooLarge { limit: 3 }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_below_the_minimum_rate_is_dropped_after_the_grace() {
        let slow = trickle(vec![
            (Duration::from_secs(1), b"abc"),
            (Duration::from_secs(9), b"d"),
        ]);
        let started = Instant::now();
        let error = read(slow, 100, MIN_RATE, in_a_minute()).await.unwrap_err();
        assert!(
            matches!(error, BodyError::TooSlow { received: 3 }),
            "{error:?}"
        );
        assert!(started.elapsed() < Duration::from_millis(2_100));
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_ends_the_wait() {
        let slow = trickle(vec![(Duration::from_secs(9), b"abc")]);
        let deadline = Instant::now() + Duration::from_secs(1);
        let error = read(slow, 100, MIN_RATE, deadline).await.unwrap_err();
        assert!(matches!(error, BodyError::Late), "{error:?}");
    }
}
