//! What is bought and what comes back.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{Container, ManifestId, Pixels, SegmentNumber};

/// Largest segment, and largest rendition, that crosses the wire.
pub const MAX_SEGMENT_BYTES: usize = 300_000_000;

/// Longest segment the network takes.
pub const MAX_SEGMENT_DURATION: Duration = Duration::from_secs(300);

/// One piece of source video, cut at a key frame. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct SourceSegment {
    /// The stream.
    pub manifest: ManifestId,
    /// Its place in the stream.
    pub number: SegmentNumber,
    /// How long it plays.
    pub duration: Duration,
    /// How the bytes are wrapped.
    pub container: Container,
    /// The video itself.
    pub bytes: Bytes,
    /// It does not continue the segment before: the publisher left and came back, or the format or
    /// the tracks changed.
    pub discontinuity: bool,
}

/// The part of a segment to encode, measured from its first picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clip {
    /// Encode from here.
    pub from: Duration,
    /// Drop everything after this, where given.
    pub to: Option<Duration>,
}

/// One encoded output of a segment. Its place in the answer names its profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendition {
    /// The encoded video.
    pub bytes: Bytes,
    /// Width × height × frames of what was encoded.
    pub pixels: Pixels,
    /// MPEG-7 video signature, where asked for.
    pub signature: Option<Bytes>,
}
