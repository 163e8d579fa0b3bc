//! Transcoding in sandboxed worker processes, and the transcoders that stand in for them in
//! load tests.
//!
//! The node never touches foreign video with a decoder: a [`Pool`] of child processes does, each
//! contained by its own sandbox, replaced when it fails. FFmpeg itself is not linked here.

pub mod protocol;

mod capabilities;
pub mod card;
mod faulty;
mod gate;
mod measure;
mod null;
mod pool;
mod take;
mod tokens;
mod transcoder;

pub use capabilities::default_capabilities;
pub use faulty::{Fault, Faulty, ParseFaultError};
pub use measure::{MeasureError, Measurement, machine, measure, measure_once};
pub use null::{Latency, Null, Tag, TagError};
pub use pool::{
    DeviceState, DeviceStatus, Devices, DevicesConfig, Fleet, Found, LaunchError,
    ParseDevicesError, Pool, PoolConfig, PoolStatus, Watchdog, find as find_devices,
};
pub use tokens::{QueueFull, QueueLimits, Start, Ticket, Tokens};
pub use transcoder::{Job, Outcome, Transcoder};
