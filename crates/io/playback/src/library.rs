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

mod error;
mod shelf;
mod snapshot;
mod state;
mod stream;
mod timeline;
mod variant;
mod view;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use streamflow_runtime::{Clock, Metrics, Shutdown};
use streamflow_storage::{ReadError, SegmentStore};
use streamflow_types::{Container, ManifestId, Profile, SegmentNumber, SourceSegment};

use crate::Facts;
use shelf::{Entry, Shelf};
use stream::{Announced, KEPT, MAX_UNRESOLVED, Made, Outcome, Source, Stream};
use timeline::Cut;
use variant::SOURCE;

pub use error::{OpenError, PublishError};
pub use view::{StreamView, VariantView};

/// How many and how long.
#[derive(Clone, Debug)]
pub struct LibraryOptions {
    /// Streams at one time, ended ones that are still served included.
    pub max_streams: usize,
    /// What segments last when all is as it should be. Playlists announce at least this as the
    /// longest segment, so that a short first one does not make them change their word.
    pub segment_duration: Duration,
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
            segment_duration: Duration::from_secs(2),
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

/// Renditions of a ladder.
const MAX_RENDITIONS: usize = 16;

/// Most entries a stream may have in the store for one variant.
const STORED: usize = KEPT + MAX_UNRESOLVED + 2 * stream::MAX_EARLY as usize;

/// How often time is looked at for what it brings.
const TICK: Duration = Duration::from_millis(250);

/// The streams of a node. Clones share them.
#[derive(Clone)]
pub struct Library {
    shared: Arc<Shelf>,
}

impl Library {
    /// No streams yet.
    pub fn new(
        options: LibraryOptions,
        store: SegmentStore,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        Self {
            shared: Arc::new(Shelf::new(options, store, clock, metrics)),
        }
    }

    /// Opens a stream, or takes an open or recent one up again, with this ladder from now on.
    /// Segments still out under another ladder are then wanted under the new one.
    pub async fn open_stream(
        &self,
        manifest: &ManifestId,
        ladder: &[Profile],
    ) -> Result<OpenedStream, OpenError> {
        let _turn = self.shared.opening.lock().await;
        if let Some(entry) = self.shared.entry(manifest) {
            let mut stream = entry.stream.clone().lock_owned().await;
            stream.set_ladder(ladder)?;
            stream.ended = None;
            let next = SegmentNumber(stream.next_number().unwrap_or(0));
            self.shared.commit(&entry, stream).await;
            return Ok(OpenedStream {
                next,
                resumed: true,
            });
        }
        let mut stream = Stream::new(
            self.shared.load(manifest).await,
            self.shared.options.segment_duration,
        );
        stream.set_ladder(ladder)?;
        self.shared.make_place()?;
        let place = self.shared.next_place.fetch_add(1, Ordering::Relaxed);
        let next = stream.next_number();
        let entry = Entry {
            manifest: manifest.clone(),
            opened_unix: self.shared.clock.unix(),
            // A name of its own: readers may still hold an earlier stream of this manifest.
            owner: self
                .shared
                .store
                .owner(&format!("stream/{manifest}#{place}"), STORED)?,
            stream: Arc::new(tokio::sync::Mutex::new(stream)),
            snapshot: RwLock::default(),
        };
        let entry = Arc::new(entry);
        let stream = entry.stream.clone().lock_owned().await;
        self.shared.commit(&entry, stream).await;
        self.shared
            .streams()
            .insert(manifest.as_str().to_owned(), entry);
        self.shared.count_streams();
        Ok(OpenedStream {
            next: SegmentNumber(next.unwrap_or(0)),
            resumed: next.is_some(),
        })
    }

    /// Publishes the source of a segment at once. One that comes before its predecessor waits for
    /// it a moment.
    pub async fn publish_source(
        &self,
        segment: &SourceSegment,
        facts: Option<&Facts>,
    ) -> Result<Published, PublishError> {
        let manifest = &segment.manifest;
        let entry = self.shared.known_entry(manifest)?;
        let cut = cut(segment, facts);
        if let Some(known) = entry.stream.lock().await.known(&cut) {
            return self.shared.published(known, segment.number, None);
        }
        let place = self.shared.next_place.fetch_add(1, Ordering::Relaxed);
        entry
            .owner
            .put(SOURCE, &place.to_string(), segment.bytes.clone())
            .await?;
        let mut stream = entry.stream.clone().lock_owned().await;
        let (announced, released) = stream.announce(Source {
            place,
            cut,
            container: segment.container,
            len: segment.bytes.len() as u64,
            facts: facts.cloned(),
            at: self.shared.clock.now(),
        });
        if announced != Announced::Taken {
            entry.owner.remove(SOURCE, &place.to_string());
        }
        self.shared.counters.count(released);
        self.shared.commit(&entry, stream).await;
        self.shared
            .published(announced, segment.number, Some(place))
    }

    /// Publishes all renditions of a segment in one step. Where earlier segments are not resolved
    /// yet, it waits for them unseen. Renditions of a segment that is resolved already are ignored.
    pub async fn publish_renditions(
        &self,
        manifest: &ManifestId,
        place: Place,
        path: DeliveryPath,
        renditions: Vec<RenditionToPublish>,
    ) -> Result<(), PublishError> {
        let entry = self.shared.known_entry(manifest)?;
        {
            let stream = entry.stream.lock().await;
            match stream.is_pending(place.0) {
                None => return Err(PublishError::UnknownPlace),
                Some(false) => return Ok(()),
                Some(true) => check_names(&stream, &renditions)?,
            }
        }
        let mut made = Vec::with_capacity(renditions.len());
        for rendition in renditions {
            let len = rendition.bytes.len() as u64;
            entry
                .owner
                .put(&rendition.profile, &place.0.to_string(), rendition.bytes)
                .await?;
            let RenditionToPublish {
                profile: name,
                container,
                facts,
                ..
            } = rendition;
            made.push(Made {
                name,
                container,
                len,
                facts,
            });
        }
        let outcome = Outcome::Ready {
            path,
            made,
            at: self.shared.clock.now(),
        };
        self.shared.resolve(&entry, place, outcome).await;
        Ok(())
    }

    /// Gives the renditions of a segment up: a gap in all of them.
    pub async fn publish_gap(
        &self,
        manifest: &ManifestId,
        place: Place,
    ) -> Result<(), PublishError> {
        let entry = self.shared.known_entry(manifest)?;
        if entry.stream.lock().await.is_pending(place.0).is_none() {
            return Err(PublishError::UnknownPlace);
        }
        self.shared.resolve(&entry, place, Outcome::Gap).await;
        Ok(())
    }

    /// The publisher is gone. The stream is served for the grace time; opening it again within
    /// takes it up. Segments that are still out may be published after this.
    pub async fn end_stream(&self, manifest: &ManifestId) {
        let Some(entry) = self.shared.entry(manifest) else {
            return;
        };
        let mut stream = entry.stream.clone().lock_owned().await;
        let now = self.shared.clock.now();
        stream.list_waiting();
        stream.ended.get_or_insert(now);
        self.shared.commit(&entry, stream).await;
    }

    /// All streams, by name.
    pub fn streams(&self) -> Vec<StreamView> {
        let entries: Vec<_> = self.shared.streams().values().cloned().collect();
        entries
            .iter()
            .filter_map(|entry| entry.snapshot().view.clone())
            .collect()
    }

    /// Does what time brings: gives up waiting for segments that do not come, drops ended streams.
    /// Ends when the node stops.
    pub async fn run(&self, shutdown: Shutdown) {
        if let Some(states) = self.shared.states.clone() {
            let cleaned = tokio::task::spawn_blocking(move || states.clean()).await;
            if let Ok(Err(error)) = cleaned {
                tracing::warn!(%error, "old playlist states could not be removed");
            }
        }
        let ticks = async {
            loop {
                self.shared.clock.sleep(TICK).await;
                self.tick().await;
            }
        };
        let _: Option<()> = shutdown.unless_stopped(ticks).await;
    }

    /// One look at the clock.
    pub(crate) async fn tick(&self) {
        let now = self.shared.clock.now();
        self.shared.drop_ended(now);
        let entries: Vec<_> = self.shared.streams().values().cloned().collect();
        for entry in entries {
            // A stream that is being changed settles by itself.
            if let Ok(mut stream) = entry.stream.clone().try_lock_owned()
                && stream.settle(now)
            {
                self.shared.commit(&entry, stream).await;
            }
        }
    }

    /// One stream.
    pub(crate) fn stream(&self, manifest: &str) -> Option<StreamView> {
        self.shared.snapshot(manifest)?.view.clone()
    }

    /// The name of the live stream that was opened last.
    pub(crate) fn newest(&self) -> Option<String> {
        let streams = self.shared.streams();
        let live = streams
            .values()
            .filter(|entry| entry.snapshot().ended.is_none());
        let newest = live.max_by_key(|entry| entry.opened_unix)?;
        Some(newest.manifest.as_str().to_owned())
    }

    /// Whether the first renditions of a stream are still being made.
    pub(crate) fn awaits_ladder(&self, manifest: &str) -> bool {
        self.stream(manifest).is_some_and(|stream| {
            let made = |variant: &VariantView| variant.segments > 0;
            match stream.variants.split_first() {
                Some((source, renditions)) => {
                    let all_in_work = source.segments == stream.in_work as u64;
                    stream.live && made(source) && all_in_work && !renditions.iter().any(made)
                }
                None => false,
            }
        })
    }

    /// A master playlist.
    pub(crate) fn master(&self, manifest: &str) -> Option<Bytes> {
        self.shared.snapshot(manifest)?.master.clone()
    }

    /// A media playlist.
    pub(crate) fn media(&self, manifest: &str, variant: &str) -> Option<Bytes> {
        self.shared.snapshot(manifest)?.media.get(variant).cloned()
    }

    /// A segment and its wrapping.
    pub(crate) async fn segment(
        &self,
        manifest: &str,
        variant: &str,
        number: u64,
    ) -> Result<Option<(Container, Bytes)>, ReadError> {
        let Some(entry) = self.shared.entry_named(manifest) else {
            return Ok(None);
        };
        let Some(found) = entry.snapshot().find(variant, number) else {
            return Ok(None);
        };
        let bytes = entry.owner.read(variant, &found.place.to_string()).await?;
        Ok(bytes.map(|bytes| (found.container, bytes)))
    }

    /// The clock streams are stamped with.
    pub(crate) fn unix(&self) -> Duration {
        self.shared.clock.unix()
    }
}

fn check_names(stream: &Stream, renditions: &[RenditionToPublish]) -> Result<(), PublishError> {
    let wanted = || {
        stream
            .renditions
            .iter()
            .map(|variant| variant.name.as_str())
    };
    let given = || {
        renditions
            .iter()
            .map(|rendition| rendition.profile.as_str())
    };
    if let Some(extra) = given().find(|name| wanted().all(|wanted| wanted != *name)) {
        return Err(PublishError::NotInLadder(extra.to_owned()));
    }
    match wanted().find(|name| given().all(|given| given != *name)) {
        Some(missing) => Err(PublishError::Incomplete(missing.to_owned())),
        None => Ok(()),
    }
}

fn cut(segment: &SourceSegment, facts: Option<&Facts>) -> Cut {
    Cut {
        number: segment.number.0,
        duration: segment.duration,
        discontinuity: segment.discontinuity,
        first_pts: facts.and_then(|facts| facts.first_pts),
        end_pts: facts.and_then(|facts| facts.end_pts),
        fingerprint: fingerprint(&segment.bytes),
    }
}

/// FNV-1a over eight bytes at a time: tells segments apart, protects against nobody, and is the
/// same in every version of this program.
pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word.iter_mut()
            .zip(chunk)
            .for_each(|(to, from)| *to = *from);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}

#[cfg(test)]
mod tests;
