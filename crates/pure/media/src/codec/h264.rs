//! H.264: parameter sets, slice headers as far as they tell frames apart, and `avcC`.

mod config;
mod slice;
mod sps;

pub use config::DecoderConfig;
pub(super) use slice::{SliceStart, recovery_point};
pub use sps::Sps;

/// Kinds of NAL units.
pub mod nal_type {
    /// Slice of a picture that is no random access point.
    pub const SLICE: u8 = 1;
    /// First partition of such a slice.
    pub const PARTITION_A: u8 = 2;
    /// Slice of a picture that resets the decoder.
    pub const IDR: u8 = 5;
    /// Supplemental information.
    pub const SEI: u8 = 6;
    /// Sequence parameter set.
    pub const SPS: u8 = 7;
    /// Picture parameter set.
    pub const PPS: u8 = 8;
    /// Access unit delimiter.
    pub const AUD: u8 = 9;
}

/// The kind of a NAL unit.
pub fn nal_type(unit: &[u8]) -> Option<u8> {
    unit.first().map(|byte| byte & 0x1f)
}
