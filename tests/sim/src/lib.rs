//! The market under a seed: streams, orchestrators and their transcoders in virtual time, in one
//! thread, with nodes that die, hang, lie, crawl, refuse and are cut off.
//!
//! What decides is the real code of a gateway: [`streamflow_sessions::Pool`] per stream,
//! [`streamflow_sessions::Record`] and [`streamflow_sessions::suspend`]; nodes and time are made up.
//! Media, sockets and money do not occur. Invariant: a run depends on its seed and plan alone.
//!
//! A run has two phases. In the first one faults come all the time and every promise is checked
//! after every step. Then one orchestrator is healed, the others stay as they are, and every stream
//! has to go on.

mod ledger;
mod market;
mod plan;
mod world;

pub use ledger::{Report, Violation};
pub use plan::{Plan, PlanError};
pub use world::run;
