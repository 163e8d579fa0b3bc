//! Health, metrics and control API of any node: what an operator, a supervisor and the command
//! line talk to.
//!
//! The role implements [`ControlApi`] with what it has; this crate owns the routes, their JSON
//! and who may use them. It opens no port: `streamflow-rpc` serves the router.

mod access;
mod control;
mod routes;
mod time;
mod view;

pub use access::{Access, BindError, check_bind};
pub use control::{Action, ControlApi, ControlError};
pub use routes::{Node, router};
pub use time::rfc3339;
pub use view::{
    AddressView, AttemptView, ErrorBody, ErrorView, NodeStatus, OrchestratorState,
    OrchestratorView, ReasonView, Role, RoleStatus, SegmentCounts, SegmentView, StreamDetail,
    StreamView, Usage, WorkPath, WorkerState, WorkerView,
};
