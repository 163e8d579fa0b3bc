//! Decoding, scaling, encoding and muxing with FFmpeg and zimg; all unsafe code of the project.
//!
//! [`transcode`] turns one segment in memory into its renditions in memory. It opens no file and
//! reaches no network; it trusts neither the bytes it is given nor, with its bounds, the library
//! that reads them. What it does not do is contain that library: callers run it in a sandboxed
//! process.
//!
//! Invariants: a picture sent to an encoder comes out of the container or the job fails; pixel
//! counts are of pictures encoded; no thread outlives its job; the library writes nothing to the
//! standard streams.

mod av;
mod card;
mod check;
mod control;
mod feed;
mod join;
mod order;
mod picture;
mod probe;
mod product;
mod rendition;
mod scale;
mod settings;
mod sound;
mod source;
mod transcode;
mod zimg;

pub use card::{Card, CardError, CardReport, EncoderSessions};
pub use check::{DecodeReport, decode_check};
pub use control::{Cancel, Control, Threads};
pub use join::{Joined, Joiner};
pub use probe::{Probe, ProbeError, probe};
pub use product::{Product, StageTimes};
pub use settings::{FRAME_SLACK, OUTPUT_SLACK, Settings};
pub use transcode::transcode;
