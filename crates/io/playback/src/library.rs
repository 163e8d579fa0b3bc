//! All streams of a node and what their viewers may see of them.
//!
//! A segment gets its place when its source is published and keeps it: the media sequence number
//! of the place is also the number in its URI, the same in every variant. For a publisher who
//! counts without holes it is the publisher's own number. Renditions appear for all variants in
//! one step and in order; a segment without renditions is a gap in all of them. The source runs
//! ahead.
//!
//! Invariants: a reader never sees two renditions of a stream differ in what they list; media and
//! discontinuity sequences of a stream never go back, not over a restart of the publisher or of
//! this process either; what was listed under a URI is never replaced by something else.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use streamflow_runtime::{Clock, Metrics, Shutdown};
use streamflow_storage::{PutError, SegmentStore};
use streamflow_types::{Container, ManifestId, Profile, SegmentNumber, SourceSegment};

use crate::Facts;

/// How many and how long.
#[derive(Clone, Debug)]
pub struct LibraryOptions {
    /// Streams at one time, ended ones that are still served included.
    pub max_streams: usize,
    /// Write `EXT-X-ENDLIST` when a stream ends. Players then stop asking; a publisher who comes
    /// back is a new programme to them.
    pub end_list: bool,
    /// How long an ended stream is served.
    pub grace: Duration,
    /// Where the places of playlists are kept over a restart; `None` forgets them.
    pub state_folder: Option<PathBuf>,
}

impl Default for LibraryOptions {
    fn default() -> Self {
        Self {
            max_streams: 1_000,
            end_list: false,
            grace: Duration::from_secs(60),
            state_folder: None,
        }
    }
}

/// A segment's place in its stream, as [`Library::publish_source`] gave it. Its renditions are
/// published, or given up, under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place(u64);

/// What became of a source segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where its renditions go.
    pub place: Place,
    /// The same segment was published before: it keeps its place and is listed once. Renditions
    /// published again are ignored.
    pub repeated: bool,
}

/// What a stream that was opened goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenedStream {
    /// The number that continues the stream; 0 for one never seen. A publisher that does not
    /// number its segments itself counts from here, so that places and numbers agree.
    pub next: SegmentNumber,
    /// The stream was here before: in this process, or in one before it.
    pub resumed: bool,
}

/// Who made the renditions of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryPath {
    /// An orchestrator.
    Network,
    /// The gateway's own engine.
    Local,
    /// Nobody: the source is passed through.
    Source,
}

/// One rendition of a segment.
#[derive(Clone, Debug)]
pub struct RenditionToPublish {
    /// The name of its profile, as in the ladder.
    pub profile: String,
    /// How it is wrapped.
    pub container: Container,
    /// The video.
    pub bytes: Bytes,
    /// What was measured; `None` for payloads that are no video.
    pub facts: Option<Facts>,
}

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
    Store(#[from] streamflow_storage::OwnerError),
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

/// Renditions of a ladder.
pub const MAX_RENDITIONS: usize = 16;

/// The streams of a node. Clones share them.
#[derive(Clone)]
pub struct Library {
    _shared: Arc<()>,
}

/// A stream as its viewers may know it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamView {
    /// Its name.
    pub manifest: String,
}

/// A variant as its viewers may know it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariantView {
    /// Its name.
    pub name: String,
}

impl Library {
    /// No streams yet. Makes the state folder where one is given.
    pub fn new(
        options: LibraryOptions,
        store: SegmentStore,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        let _ = (options, store, clock, metrics);
        Self {
            _shared: Arc::new(()),
        }
    }

    /// Opens a stream, or takes an open or recent one up again, with this ladder from now on.
    pub async fn open_stream(
        &self,
        manifest: &ManifestId,
        ladder: &[Profile],
    ) -> Result<OpenedStream, OpenError> {
        let _ = (manifest, ladder);
        Ok(OpenedStream {
            next: SegmentNumber(0),
            resumed: false,
        })
    }

    /// Publishes the source of a segment at once. One that comes before its predecessor waits for
    /// it a moment.
    pub async fn publish_source(
        &self,
        segment: &SourceSegment,
        facts: Option<&Facts>,
    ) -> Result<Published, PublishError> {
        let _ = (segment, facts);
        Ok(Published {
            place: Place(0),
            repeated: false,
        })
    }

    /// Publishes all renditions of a segment in one step. Where earlier segments are not resolved
    /// yet, it waits for them unseen.
    pub async fn publish_renditions(
        &self,
        manifest: &ManifestId,
        place: Place,
        path: DeliveryPath,
        renditions: Vec<RenditionToPublish>,
    ) -> Result<(), PublishError> {
        let _ = (manifest, place, path, renditions);
        Ok(())
    }

    /// Gives the renditions of a segment up: a gap in all of them.
    pub async fn publish_gap(
        &self,
        manifest: &ManifestId,
        place: Place,
    ) -> Result<(), PublishError> {
        let _ = (manifest, place);
        Ok(())
    }

    /// The publisher is gone. The stream is served for the grace time; opening it again within
    /// takes it up.
    pub async fn end_stream(&self, manifest: &ManifestId) {
        let _ = manifest;
    }

    /// All streams, by name.
    pub fn streams(&self) -> Vec<StreamView> {
        Vec::new()
    }

    /// Does what time brings: gives up waiting for segments that do not come, drops ended streams.
    /// Ends when the node stops.
    pub async fn run(&self, shutdown: Shutdown) {
        shutdown.stopped().await;
    }
}
