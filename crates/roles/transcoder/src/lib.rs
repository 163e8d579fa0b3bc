//! A transcoder's whole working day: attach to one orchestrator, take jobs, fetch their sources,
//! transcode, post the results; attach again when the line is lost.
//!
//! It holds no keys and no wallet, opens no port and keeps nothing on disk. It does not decide
//! what it is paid.

mod attach;
mod config;
mod fetch;
mod job;
mod report;
mod run;

pub use config::{
    AddressError, Capacity, Config, Deps, OrchestratorAddress, RunError, Secret, SecretError,
};
pub use run::run;
