//! The HTTP push door: one request a segment, answered with its renditions.
//!
//! Work that was begun is finished even when the client leaves: it is paid for, and the stream's
//! viewers wait for it. Several uploads of a stream may be in flight, and a number may come again.

mod answer;
mod body;
mod door;
mod request;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use streamflow_types::{
    Clip, Container, MAX_SEGMENT_BYTES, MAX_SEGMENT_DURATION, ManifestId, SegmentNumber,
    TranscodeFailure,
};

pub use door::Door;

/// One pushed segment.
#[derive(Clone, Debug)]
pub struct PushRequest {
    /// `http://<Host><path>`, without query: what the auth webhook is told.
    pub url: String,
    /// The stream.
    pub manifest: ManifestId,
    /// Its place in the stream; numbers may start anywhere, skip and repeat.
    pub number: SegmentNumber,
    /// How long it plays, as the client says.
    pub duration: Duration,
    /// How the bytes are wrapped, by the extension of the path.
    pub container: Container,
    /// Width and height the client names.
    pub resolution: Option<(u32, u32)>,
    /// The part to transcode.
    pub clip: Option<Clip>,
    /// The JSON object of `Livepeer-Transcode-Configuration`.
    pub configuration: Option<serde_json::Value>,
    /// The segment.
    pub bytes: Bytes,
    /// Keccak-256 of it.
    pub keccak: [u8; 32],
    /// Where the client connects from, where the server told.
    pub client: Option<SocketAddr>,
}

/// What became of a pushed segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushAnswer {
    /// The stream is configured without outputs.
    NoOutputs,
    /// One for each profile, in their order.
    Renditions(Vec<PushedRendition>),
}

/// One rendition of a pushed segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedRendition {
    /// Name of its profile.
    pub profile: String,
    /// How it is wrapped.
    pub container: Container,
    /// The video, or where it is.
    pub body: PushedBody,
}

/// The video of a rendition, or where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushedBody {
    /// The bytes.
    Bytes(Bytes),
    /// A URL to fetch them from.
    Url(String),
}

/// Why a pushed segment was not done. Each variant has its own HTTP status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The configuration header is JSON of the wrong shape: 400.
    #[error("the transcode configuration is unusable: {0}")]
    Configuration(String),
    /// The webhook, or a rule of the operator, says no: 403.
    #[error("the stream is not allowed")]
    Denied,
    /// The stream could not be made: bad profile, too many streams, conflicting profiles: 500.
    #[error("the stream cannot be started: {0}")]
    Stream(String),
    /// The segment itself is bad: 422.
    #[error("{0}")]
    BadSegment(TranscodeFailure),
    /// Every attempt failed: 500.
    #[error("{0}")]
    Failed(TranscodeFailure),
    /// Nobody to give it to: 503.
    #[error("no sessions available")]
    NoSessions,
}

/// Takes pushed segments.
#[async_trait]
pub trait PushGate: Send + Sync + 'static {
    /// Has the segment transcoded. Runs to its end even when the client has left.
    async fn push(&self, request: PushRequest) -> Result<PushAnswer, PushError>;

    /// A client has left without its whole answer.
    fn client_left(&self, client: &Client, when: Left);
}

/// Who pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The stream.
    pub manifest: ManifestId,
    /// The segment.
    pub number: SegmentNumber,
    /// Where the client connects from, where the server told.
    pub address: Option<SocketAddr>,
}

/// When a client left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Before there was an answer.
    BeforeAnswer,
    /// While renditions were being sent.
    WithinAnswer,
}

/// Bounds on pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest segment.
    pub body_bytes: usize,
    /// Bytes of all segments being received or worked on.
    pub bytes_in_flight: usize,
    /// Segments being received or worked on.
    pub requests_in_flight: usize,
    /// Longest silence while a body is received. There is no least rate: encoders send a segment
    /// while they make it.
    pub body_idle: Duration,
    /// Longest time a body may take.
    pub body_total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: MAX_SEGMENT_BYTES,
            bytes_in_flight: 1024 * 1024 * 1024,
            requests_in_flight: 256,
            body_idle: Duration::from_secs(15),
            body_total: MAX_SEGMENT_DURATION.saturating_add(Duration::from_secs(60)),
        }
    }
}

/// Routes for `/live/…`. Keep a [`Door`] instead where a drain should wait for segments whose
/// clients have left.
pub fn router(gate: Arc<dyn PushGate>, limits: Limits) -> Router {
    Door::new(gate, limits).router()
}
