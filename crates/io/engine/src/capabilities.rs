//! Capability sets of transcoders. A peer compares a job's bits with one set for the whole node,
//! so a transcoder's set also holds what every node of this build does around the encoding.

use streamflow_types::{Capability, CapabilitySet};

/// Done by every node, whatever transcodes: fetching sources from the network's stores, tokens,
/// jobs cut from a push.
const AROUND: [Capability; 5] = [
    Capability::StorageDirect,
    Capability::StorageS3,
    Capability::StorageGcs,
    Capability::AuthToken,
    Capability::SegmentSlicing,
];

/// What the network assumes of a node that names nothing, besides the above.
const H264: [Capability; 10] = [
    Capability::H264,
    Capability::MpegTs,
    Capability::Mp4,
    Capability::FractionalFramerates,
    Capability::H264Baseline,
    Capability::H264Main,
    Capability::H264High,
    Capability::H264ConstrainedHigh,
    Capability::Gop,
    Capability::Mpeg7Signature,
];

/// A transcoder's own capabilities together with those of every node.
pub(crate) fn of_node(own: impl IntoIterator<Item = u32>) -> CapabilitySet {
    AROUND
        .into_iter()
        .map(Capability::number)
        .chain(own)
        .collect()
}

/// The set the network assumes of a node that names nothing.
pub fn default_capabilities() -> CapabilitySet {
    of_node(H264.into_iter().map(Capability::number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_set_has_the_bits_of_the_network() {
        assert_eq!(default_capabilities().words(), &[67_133_439]);
    }
}
