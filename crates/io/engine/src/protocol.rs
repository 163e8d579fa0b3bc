//! What the node and a worker process say to each other: frames of
//! `u32 length · u8 kind · u32 job · body`, little-endian, over the Unix socket that is the
//! worker's standard input. `length` counts the body. Bodies are JSON; segments, renditions and
//! signatures travel beside their frame as sealed memory files.
//!
//! It is not a network protocol: both ends are of one build. But the worker handles foreign
//! video, so the node treats every byte from it as foreign: lengths are bounded for each kind
//! before anything is allocated, and nothing here panics.

mod channel;
mod device;
mod frame;
mod layer;
mod memory;
mod message;

pub use channel::{AsyncChannel, Channel, ChannelError, Received};
pub use device::{DeviceFacts, DeviceRefusal, DeviceReport, DeviceUse};
pub use frame::{FrameError, HEADER_BYTES, Header, Kind};
pub use layer::{Layer, ParseLayerError};
pub use memory::{MemoryError, SealedMemory};
pub use message::{
    FromWorker, Hello, JobSpec, MessageError, MissingLayer, PROTOCOL_VERSION, StageTimes, ToWorker,
};
