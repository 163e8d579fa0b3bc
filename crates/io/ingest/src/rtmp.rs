//! The RTMP door: many publishers, each in a task of its own from handshake to last segment.
//!
//! When the node drains, publishers are told so and their last segments handed over; encoders
//! reconnect by themselves.

mod address;
mod publisher;
mod session;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use streamflow_runtime::{Clock, Shutdown};
use streamflow_types::{ManifestId, SegmentNumber, SourceSegment};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use self::address::Addresses;
use self::publisher::Door;

/// Who wants to publish what.
#[derive(Clone, Debug)]
pub struct PublishRequest {
    /// The address the publisher used, `rtmp://host/app/name`, query included.
    pub url: String,
    /// The stream: first element of the path, or a random name.
    pub manifest: ManifestId,
    /// The stream key: what follows in the path, or a random one.
    pub key: String,
    /// Where the publisher connects from.
    pub client: SocketAddr,
}

/// Where an accepted publisher's segments go. The stream ends when `segments` is dropped by
/// either side.
#[derive(Debug)]
pub struct PublishHandle {
    /// The stream its segments belong to; a webhook may have renamed it.
    pub manifest: ManifestId,
    /// Takes the segments. While it is full the publisher is held back.
    pub segments: mpsc::Sender<SourceSegment>,
    /// Number of the first segment: 0, or where an earlier publisher of the stream left off. In
    /// the latter case the first segment is marked as following a gap.
    pub next: SegmentNumber,
}

/// Why somebody may not publish. The publisher reads the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The webhook, or a rule of the operator, says no.
    #[error("publishing is not allowed: {0}")]
    Denied(String),
    /// Another publisher has the name.
    #[error("the stream name is in use")]
    InUse,
    /// As many streams as the operator admits.
    #[error("this gateway carries as many streams as it may; try again later")]
    TooManyStreams,
    /// The node is leaving.
    #[error("this gateway is shutting down; publish elsewhere")]
    Draining,
    /// Something on our side failed.
    #[error("the stream cannot be started: {0}")]
    Unavailable(String),
}

/// Decides who may publish, and takes the segments.
#[async_trait]
pub trait PublishGate: Send + Sync + 'static {
    /// Admits or refuses a publisher. Whoever takes longer than [`Limits::decision`] refuses.
    async fn open(&self, request: PublishRequest) -> Result<PublishHandle, Refusal>;
}

/// Bounds on publishers. The defaults suit a public port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address.
    pub connections_per_address: usize,
    /// From the first byte to the request to publish.
    pub publish_within: Duration,
    /// How long the gate may take to decide.
    pub decision: Duration,
    /// Longest silence of an accepted publisher.
    pub idle: Duration,
    /// How long a segment may wait to be taken before the stream is ended.
    pub handover: Duration,
    /// A segment ends at the first key frame at or after this. A stream that completes none in
    /// ten times this is over.
    pub segment: Duration,
    /// Most bytes of one segment.
    pub segment_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_000,
            connections_per_address: 64,
            publish_within: Duration::from_secs(10),
            decision: Duration::from_secs(10),
            idle: Duration::from_secs(20),
            handover: Duration::from_secs(30),
            segment: Duration::from_secs(2),
            segment_bytes: 64 * 1024 * 1024,
        }
    }
}

/// Pause after a failed accept: the process is out of descriptors, and trying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts publishers until `shutdown` drains, then tells those that are there. Returns once the
/// last one's segments are handed over, or at once when `shutdown` stops.
pub async fn serve(
    listener: TcpListener,
    gate: Arc<dyn PublishGate>,
    limits: Limits,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
) {
    let addresses = Addresses::new(limits.connections, limits.connections_per_address);
    let door = Arc::new(Door {
        gate,
        limits,
        clock,
        shutdown: shutdown.clone(),
    });
    let mut publishers = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.draining() => break,
            Some(ended) = publishers.join_next() => report(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => admit(stream, client, &addresses, &door, &mut publishers),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a publisher");
                    door.clock.sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let leaving = async {
        while let Some(ended) = publishers.join_next().await {
            report(ended);
        }
    };
    // Dropping the set ends whoever is left.
    shutdown.unless_stopped(leaving).await;
}

fn admit(
    stream: TcpStream,
    client: SocketAddr,
    addresses: &Addresses,
    door: &Arc<Door>,
    publishers: &mut JoinSet<()>,
) {
    let Some(place) = addresses.enter(client.ip()) else {
        tracing::warn!(clientIP = %client.ip(), "too many publisher connections; one is closed");
        return;
    };
    let door = door.clone();
    publishers.spawn(async move {
        door.attend(stream, client).await;
        drop(place);
    });
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the task of a publisher failed");
    }
}
