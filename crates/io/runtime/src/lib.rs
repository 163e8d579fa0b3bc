//! What every long-running process needs and nothing of what it does: clock, orderly shutdown,
//! backoff, supervised tasks, readiness, logs and metrics.
//!
//! Nothing here is global: each value is made once in `bin` and handed in. The one exception is
//! the log subscriber, which the `tracing` macros find by themselves.

pub mod backoff;
pub mod clock;
pub mod metrics;
pub mod readiness;
pub mod shutdown;
pub mod signals;
pub mod tasks;
pub mod telemetry;

pub use backoff::Backoff;
pub use clock::{Clock, ManualClock, SystemClock};
pub use metrics::{Counter, Gauge, Histogram, Metrics};
pub use readiness::{Readiness, Reason};
pub use shutdown::Shutdown;
pub use tasks::{TaskFailure, supervise};
