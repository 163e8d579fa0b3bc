//! The JSON of the control API. Members are added, never renamed. Pixels and bytes are decimal
//! strings, times RFC 3339 UTC, enums kebab-case.

use serde::{Deserialize, Serialize};

/// Which role a node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are the roles")]
pub enum Role {
    Gateway,
    Orchestrator,
    Transcoder,
}

/// An address of the node that people or programs use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressView {
    /// What it is for: `rtmp`, `push`, `hls`, `player`, `service`.
    pub name: String,
    /// The address itself.
    pub url: String,
}

/// How much of something is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Usage {
    /// Taken.
    pub active: u64,
    /// Limit, where there is one.
    pub max: Option<u64>,
}

/// What became of segments since the start.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Default)]
pub struct SegmentCounts {
    /// Being worked on.
    pub in_flight: u64,
    /// Done with all renditions.
    pub succeeded: u64,
    /// Given up.
    pub failed: u64,
}

/// How a role is doing, as the role itself tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleStatus {
    /// Which role.
    pub role: Role,
    /// Addresses in use.
    pub addresses: Vec<AddressView>,
    /// Streams of a gateway, sessions of an orchestrator or transcoder.
    pub sessions: Usage,
    /// Segments since the start.
    pub segments: SegmentCounts,
    /// Encoded pixels since the start, decimal.
    pub pixels: String,
    /// Orchestrators a gateway knows; `null` on other roles.
    pub orchestrators: Option<u64>,
    /// Transcoders an orchestrator has attached; `null` on other roles.
    pub workers: Option<u64>,
}

/// A reason not to be ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonView {
    /// Stable code.
    pub code: String,
    /// For people.
    pub message: String,
}

/// How a node is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Version of the program.
    pub version: String,
    /// Network it belongs to.
    pub network: String,
    /// When it started.
    pub started_at: String,
    /// Seconds since then.
    pub uptime_s: u64,
    /// Whether the role can do its job right now.
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<ReasonView>,
    /// What is good to know and stands in nobody's way, such as the cards in use.
    #[serde(default)]
    pub notes: Vec<ReasonView>,
    /// What the role tells.
    #[serde(flatten)]
    pub role: RoleStatus,
}

/// Who does the work of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkPath {
    /// An orchestrator.
    Network,
    /// This machine.
    Local,
    /// Nobody: the source alone is served.
    Passthrough,
}

/// A stream at a glance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamView {
    /// Manifest id.
    pub id: String,
    /// When its first byte came.
    pub started_at: String,
    /// Door it came through: `rtmp` or `push`.
    pub ingest: String,
    /// `WxH` of the source, once known.
    pub resolution: Option<String>,
    /// Pictures a second of the source, once known.
    pub fps: Option<f64>,
    /// Names of its renditions.
    pub profiles: Vec<String>,
    /// Who does the work.
    pub path: WorkPath,
    /// Orchestrator of the latest segment.
    pub orchestrator: Option<String>,
    /// Changes of orchestrator.
    pub swaps: u64,
    /// Its segments.
    pub segments: SegmentCounts,
    /// Share of the last 30 segments that succeeded.
    pub success_rate: Option<f64>,
    /// Median time from source to all renditions.
    pub latency_p50_ms: Option<u64>,
    /// Time within which 95 of 100 segments were done.
    pub latency_p95_ms: Option<u64>,
    /// Master playlist, where playback is served.
    pub playback_url: Option<String>,
}

/// One try to get a segment done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptView {
    /// Where.
    pub orchestrator: String,
    /// How long it took.
    pub took_ms: u64,
    /// Why it failed; `null` when it did not.
    pub error: Option<String>,
}

/// One segment of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentView {
    /// Its number.
    pub number: u64,
    /// How long it plays.
    pub duration_ms: u64,
    /// When its source was complete.
    pub received_at: String,
    /// Who did the work in the end.
    pub path: WorkPath,
    /// The tries, in order.
    pub attempts: Vec<AttemptView>,
}

/// A stream with its recent segments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamDetail {
    /// At a glance.
    #[serde(flatten)]
    pub stream: StreamView,
    /// The latest segments, oldest first.
    pub recent: Vec<SegmentView>,
}

/// What a gateway makes of an orchestrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrchestratorState {
    /// Known, never asked.
    Unknown,
    /// Answers and may be chosen.
    Available,
    /// Has a stream of ours.
    InUse,
    /// Sits out after failures.
    Suspended,
    /// Shut out by the operator.
    Blocked,
    /// Does not answer.
    Unreachable,
}

/// An orchestrator as a gateway sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrchestratorView {
    /// Its address on the net.
    pub url: String,
    /// Its address on chain, EIP-55; `null` off chain.
    pub address: Option<String>,
    /// What we make of it.
    pub state: OrchestratorState,
    /// Smoothed time to answer.
    pub latency_ms: Option<f64>,
    /// Latest score: time over duration, lower is better.
    pub score: Option<f64>,
    /// Asking price in wei per pixel, as `n/m`; `null` off chain.
    pub price: Option<String>,
    /// Version it tells.
    pub version: Option<String>,
    /// Names of its capabilities.
    pub capabilities: Vec<String>,
    /// When it may be chosen again, while suspended.
    pub suspended_until: Option<String>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// What an orchestrator does with a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkerState {
    /// Gets new sessions.
    Attached,
    /// Finishes what it has.
    Draining,
}

/// A transcoder attached to an orchestrator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerView {
    /// Its name here, for `drain` and `remove`.
    pub id: String,
    /// Where its connection comes from.
    pub address: String,
    /// What we do with it.
    pub state: WorkerState,
    /// When it attached.
    pub attached_at: String,
    /// Sessions bound to it, of its capacity.
    pub sessions: Usage,
    /// Its segments.
    pub segments: SegmentCounts,
    /// Encoded pixels, decimal.
    pub pixels: String,
    /// Version it tells.
    pub version: Option<String>,
    /// Names of its capabilities.
    pub capabilities: Vec<String>,
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorView {
    /// Stable kebab-case code.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

/// The body of every failed request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Why.
    pub error: ErrorView,
}
