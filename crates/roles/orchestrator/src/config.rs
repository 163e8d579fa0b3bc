//! What an orchestrator is told, what it uses, and why it ends.

use std::path::PathBuf;
use std::sync::Arc;

use streamflow_engine::Transcoder;
use streamflow_rpc::{PeerPolicy, ServerLimits};
use streamflow_runtime::{Clock, Metrics, Readiness};
use tokio::net::TcpListener;
use url::Url;

use crate::control::ControlHandle;
use crate::identity::Identity;
use crate::payments::Payments;
use crate::secrets::SecretsError;

/// How many sessions are carried at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionLimit {
    /// What the engine and the attached transcoders carry together.
    Auto,
    /// This many.
    Fixed(u32),
}

/// What an orchestrator is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where others reach it: `https://host:port`, or `http://` for plaintext.
    pub service: Url,
    /// Where secrets that outlive a restart are kept.
    pub data_dir: PathBuf,
    /// Shared with transcoders; without one none can attach.
    pub secret: Option<String>,
    /// How many sessions are carried at once.
    pub sessions: SessionLimit,
    /// Further addresses of the same operator, told to gateways.
    pub nodes: Vec<String>,
    /// Largest segment taken, in bytes; the network's limit is 300,000,000.
    pub max_segment_bytes: usize,
    /// Source bytes held at once, over all segments; more wait at the door.
    pub source_budget_bytes: usize,
    /// Rendition bytes kept for fetching; beyond it the oldest go first.
    pub rendition_budget_bytes: usize,
    /// Where a segment may be fetched from: at or below these. Empty: segments come in bodies only.
    pub fetch_allowed: Vec<Url>,
    /// Asked about every gateway that wants an offer; whoever it refuses gets none.
    pub auth_webhook: Option<Url>,
    /// The version it announces.
    pub version: String,
    /// Whether it calls its own service address at start and refuses to run when that fails.
    pub ping_itself: bool,
}

/// What an orchestrator uses.
pub struct Deps {
    /// Where gateways and transcoders come in.
    pub listener: TcpListener,
    /// The certificate of that port; `None` for plaintext.
    pub tls: Option<streamflow_rpc::Identity>,
    /// Limits of that port.
    pub limits: ServerLimits,
    /// Who it is on the network.
    pub identity: Identity,
    /// What it is paid with.
    pub payments: Arc<dyn Payments>,
    /// Its own engine, where it has one.
    pub engine: Option<Arc<dyn Transcoder>>,
    /// Which certificates it accepts of those it calls.
    pub peers: PeerPolicy,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where counts go.
    pub metrics: Metrics,
    /// Where it says whether it can work: `no-workers`, `draining`.
    pub readiness: Readiness,
    /// What its operator asks and does.
    pub control: ControlHandle,
}

impl std::fmt::Debug for Deps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deps").finish_non_exhaustive()
    }
}

/// Why an orchestrator could not start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Nothing would ever do the work. Give it an engine, or a secret for transcoders.
    #[error(
        "an orchestrator needs an engine (--transcoder), a secret for remote transcoders \
         (--secret-file), or both"
    )]
    NobodyWorks,
    /// What must survive a restart cannot be kept.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The HTTP clients could not be made.
    #[error(transparent)]
    Clients(#[from] streamflow_rpc::client::ClientsError),
    /// Its own address does not lead to it.
    #[error(
        "{service} does not answer as this node: {reason}; check the service address and that \
             the port is open, or start with the check off"
    )]
    Unreachable {
        /// The address.
        service: Url,
        /// What happened.
        reason: String,
    },
}
