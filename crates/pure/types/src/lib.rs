//! The vocabulary of the network. Numbers know what they are: a bare integer in a signature
//! elsewhere is a question. Nothing here waits, reads a clock or draws a random number.
//!
//! Values are checked when they are made (`new`, `parse`) and trusted afterwards.

mod capability;
mod failure;
mod identity;
mod price;
mod profile;
mod segment;
mod work;

pub use capability::{Capability, CapabilitySet, UnknownCapability};
pub use failure::TranscodeFailure;
pub use identity::{Address, AddressError, IdError, ManifestId, SegmentNumber, SessionId};
pub use price::{Pixels, PricePerPixel};
pub use profile::{
    ChromaFormat, Codec, Container, FrameRate, Gop, H264Profile, Profile, ProfileError, presets,
};
pub use segment::{Clip, MAX_SEGMENT_BYTES, MAX_SEGMENT_DURATION, Rendition, SourceSegment};
pub use work::{AudioMode, VideoMode, Work};
