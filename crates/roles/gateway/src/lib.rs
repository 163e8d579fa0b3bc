//! A gateway's whole working day: streams come in, each segment is bought from an orchestrator,
//! checked, and put in front of viewers.
//!
//! One task owns one stream. Which orchestrator gets a segment, and when another one is asked too,
//! is decided by `streamflow-sessions`; what viewers see, by `streamflow-playback`. A stream goes
//! down its fallback chain by itself, from network to local engine to source only, and up again.
//!
//! Invariants: the source of a stream is live at once, whatever becomes of its renditions; nothing
//! that failed a check is published; a segment ends in exactly one outcome.

mod api;
mod config;
mod control;
mod discovery;
mod gate;
mod local;
mod metrics;
mod node;
mod pay;
mod registry;
mod run;
mod session;
mod setup;
mod status;
mod stream;
mod submit;
mod verify;

pub use config::{ApiKey, Config, Deps, Fallback, Ladder, Listeners, RunError};
pub use discovery::{OrchestratorUrlError, orchestrator_url};
pub use pay::{OffChain, PayError, Payer, Purchase};
pub use run::run;
