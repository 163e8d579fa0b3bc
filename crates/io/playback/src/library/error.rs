//! What can go wrong when streams are opened and segments published.

use streamflow_storage::{OwnerError, PutError};
use streamflow_types::{ManifestId, SegmentNumber};

use super::MAX_RENDITIONS;

/// Why a stream was not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Refuse the publisher, or raise the limit.
    #[error("{0} streams are held already")]
    TooManyStreams(usize),
    /// More than any ladder has: refuse the configuration.
    #[error("{0} renditions in the ladder, at most {MAX_RENDITIONS}")]
    TooManyRenditions(usize),
    /// Refuse the configuration: a rendition's name is empty, `source`, or used twice.
    #[error("a rendition cannot be called {0:?}: names are unique, not empty and not \"source\"")]
    Name(String),
    /// Segments of this name are stored for something else: a bug of the caller.
    #[error("segments cannot be kept: {0}")]
    Store(#[from] OwnerError),
}

/// Why a segment, rendition or gap was not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Open the stream first; it may have ended meanwhile.
    #[error("no stream {0} is open")]
    UnknownStream(ManifestId),
    /// Its number was waited for and given up: drop it.
    #[error("segment {0} comes after its place was given up")]
    TooLate(SegmentNumber),
    /// The segment left the playlists, or was never published: drop the renditions.
    #[error("the segment has no place in the playlists any more")]
    UnknownPlace,
    /// A rendition of the ladder is missing: publish a gap instead.
    #[error("rendition {0:?} is missing")]
    Incomplete(String),
    /// A rendition nobody asked for: a bug of the caller.
    #[error("rendition {0:?} is not in the ladder")]
    NotInLadder(String),
    /// The bytes were not stored: publish a gap instead.
    #[error("the segment cannot be kept: {0}")]
    Store(#[from] PutError),
}
