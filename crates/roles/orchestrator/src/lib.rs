//! An orchestrator's whole working day: say what it offers, admit segments, have them transcoded by
//! its own engine or by attached transcoders, keep the renditions until they are fetched.
//!
//! It does not decide which streams come to it, and it runs no FFmpeg itself: that is the engine's
//! workers, or somebody else's machine.

mod config;
mod control;
mod gatekeeper;
mod identity;
mod info;
mod meters;
mod payments;
mod renditions;
mod run;
mod secrets;
mod segment;
mod sessions;
mod source;
mod state;
mod workers;
mod workshop;

pub use config::{Config, Deps, RunError, SessionLimit};
pub use control::ControlHandle;
pub use identity::Identity;
pub use payments::{OffChain, Payer, PaymentError, Payments};
pub use run::run;
pub use secrets::SecretsError;
