//! H.265: sequence parameter sets, `hvcC`, and where pictures start.

mod config;
mod reference_sets;
mod sps;

pub use config::{DecoderConfig, MAX_SETS};
pub use sps::Sps;

/// Kinds of NAL units.
pub mod nal_type {
    /// Last kind of slice that is no random access point.
    pub const LAST_TRAILING: u8 = 9;
    /// First random access point.
    pub const FIRST_RANDOM_ACCESS: u8 = 16;
    /// A picture that resets the decoder, with leading pictures.
    pub const IDR_WITH_LEADING: u8 = 19;
    /// A picture that resets the decoder.
    pub const IDR: u8 = 20;
    /// A clean random access point.
    pub const CLEAN_RANDOM_ACCESS: u8 = 21;
    /// Video parameter set.
    pub const VPS: u8 = 32;
    /// Sequence parameter set.
    pub const SPS: u8 = 33;
    /// Picture parameter set.
    pub const PPS: u8 = 34;
    /// Access unit delimiter.
    pub const AUD: u8 = 35;
    /// Supplemental information in front of a picture.
    pub const PREFIX_SEI: u8 = 39;
}

/// Bytes of a NAL unit's header.
pub const HEADER_BYTES: usize = 2;

/// The kind of a NAL unit of the base layer; `None` for other layers.
pub fn nal_type(unit: &[u8]) -> Option<u8> {
    let &[first, second, ..] = unit else {
        return None;
    };
    let layer = (first & 1) << 5 | second >> 3;
    (layer == 0).then_some(first >> 1 & 0x3f)
}

/// Whether units of this kind are slices.
pub(super) const fn is_slice(kind: u8) -> bool {
    kind <= nal_type::LAST_TRAILING || is_key(kind)
}

/// Whether decoding can start at a picture of this kind.
pub(super) const fn is_key(kind: u8) -> bool {
    kind >= nal_type::FIRST_RANDOM_ACCESS && kind <= nal_type::CLEAN_RANDOM_ACCESS
}

/// Whether a slice is the first of its picture.
pub(super) fn opens_picture(unit: &[u8]) -> bool {
    unit.get(HEADER_BYTES).is_some_and(|byte| byte & 0x80 != 0)
}
