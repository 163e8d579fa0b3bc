//! What a segment is, without decoding a picture: container, codecs, sizes, counts and times.
//!
//! One pass over the bytes; it takes well under a millisecond for a usual segment, so every
//! rendition can be looked at. It sees structure only: whether pictures show the right thing is
//! for a decoder to say. The container is told by content, never by name.

mod audio;
mod gate;
mod mp4;
mod report;
mod transport;
mod video;

use streamflow_types::Container;

use crate::mp4::looks_like_mp4;
use crate::mpegts::demux::looks_like_transport_stream;

pub use gate::{GateError, GateLimits, gate};
pub use report::{
    AudioCodec, AudioInfo, FrameTime, InputFormat, MediaInfo, TransportInfo, VideoCodec, VideoInfo,
};

/// Frames a track may have: 300 s at over 400 frames a second.
pub const MAX_FRAMES: usize = crate::mp4::MAX_SAMPLES;

/// Why nothing can be said about a segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// No bytes at all: refuse the segment.
    #[error("the segment is empty")]
    Empty,
    /// Neither an MPEG transport stream nor MP4: refuse the segment.
    #[error("the segment is neither MPEG-TS nor MP4")]
    UnknownContainer,
    /// A container without any video or audio in it: the stream is missing.
    #[error("the segment has neither video nor audio")]
    NoStream,
    /// More frames than any segment has: refuse the segment.
    #[error("the segment has more than {MAX_FRAMES} frames")]
    TooManyFrames,
    /// The container is broken where it matters: refuse the segment.
    #[error("the {container:?} segment is broken: {problem}")]
    Broken {
        /// What it seemed to be.
        container: Container,
        /// What is wrong, and where.
        problem: String,
    },
}

/// Looks at a whole segment.
pub fn inspect(bytes: &[u8]) -> Result<MediaInfo, InspectError> {
    if bytes.is_empty() {
        return Err(InspectError::Empty);
    }
    let info = match container_of(bytes) {
        Some(Container::MpegTs) => transport::inspect(bytes)?,
        Some(Container::Mp4) => mp4::inspect(bytes)?,
        None => return Err(InspectError::UnknownContainer),
    };
    let has_video = info.video.as_ref().is_some_and(|video| video.bytes > 0);
    let has_audio = info.audio.as_ref().is_some_and(|audio| audio.bytes > 0);
    if !has_video && !has_audio {
        return Err(InspectError::NoStream);
    }
    Ok(info)
}

/// What container these bytes are, by their start. `None` for anything else.
pub fn container_of(bytes: &[u8]) -> Option<Container> {
    if looks_like_mp4(bytes) {
        Some(Container::Mp4)
    } else if looks_like_transport_stream(bytes) {
        Some(Container::MpegTs)
    } else {
        None
    }
}
