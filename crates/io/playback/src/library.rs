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

mod snapshot;
mod state;
mod stream;
mod timeline;
mod variant;
mod view;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::OwnedMutexGuard;

use streamflow_runtime::{Clock, Counter, Gauge, Metrics, Shutdown};
use streamflow_storage::{Owner, PutError, ReadError, SegmentStore};
use streamflow_types::{Container, ManifestId, Profile, SegmentNumber, SourceSegment};

use crate::Facts;
use snapshot::Snapshot;
use stream::{Announced, KEPT, MAX_UNRESOLVED, Made, Outcome, Released, Source, Stream};
use timeline::Cut;
use variant::SOURCE;

pub use view::{StreamView, VariantView};

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
const MAX_RENDITIONS: usize = 16;

/// Most entries a stream may have in the store for one variant.
const STORED: usize = KEPT + MAX_UNRESOLVED + 2 * stream::MAX_EARLY as usize;

/// How often time is looked at for what it brings.
const TICK: Duration = Duration::from_millis(250);

/// The streams of a node. Clones share them.
#[derive(Clone)]
pub struct Library {
    shared: Arc<Shared>,
}

struct Shared {
    options: LibraryOptions,
    store: SegmentStore,
    clock: Arc<dyn Clock>,
    states: Option<state::Folder>,
    streams: Mutex<BTreeMap<String, Arc<Entry>>>,
    /// Held while a stream is opened, so that two publishers do not open it twice.
    opening: tokio::sync::Mutex<()>,
    next_place: AtomicU64,
    counters: Counters,
}

struct Entry {
    manifest: ManifestId,
    opened_unix: Duration,
    owner: Owner,
    stream: Arc<tokio::sync::Mutex<Stream>>,
    snapshot: RwLock<Arc<Snapshot>>,
}

impl Library {
    /// No streams yet.
    pub fn new(
        options: LibraryOptions,
        store: SegmentStore,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        let states = options.state_folder.clone().map(state::Folder::new);
        let shared = Shared {
            options,
            store,
            clock,
            states,
            streams: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            next_place: AtomicU64::new(0),
            counters: Counters::new(metrics),
        };
        Self {
            shared: Arc::new(shared),
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
        let mut stream = Stream::new(self.shared.load(manifest).await);
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

impl Entry {
    fn snapshot(&self) -> Arc<Snapshot> {
        // A snapshot is replaced as a whole, so a panic elsewhere does not spoil it.
        self.snapshot
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn show(&self, snapshot: Snapshot) {
        *self
            .snapshot
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }
}

impl Shared {
    fn streams(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Entry>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, manifest: &ManifestId) -> Option<Arc<Entry>> {
        self.entry_named(manifest.as_str())
    }

    fn entry_named(&self, manifest: &str) -> Option<Arc<Entry>> {
        self.streams().get(manifest).cloned()
    }

    fn known_entry(&self, manifest: &ManifestId) -> Result<Arc<Entry>, PublishError> {
        self.entry(manifest)
            .ok_or_else(|| PublishError::UnknownStream(manifest.clone()))
    }

    fn snapshot(&self, manifest: &str) -> Option<Arc<Snapshot>> {
        Some(self.entry_named(manifest)?.snapshot())
    }

    fn published(
        &self,
        announced: Announced,
        number: SegmentNumber,
        place: Option<u64>,
    ) -> Result<Published, PublishError> {
        match (announced, place) {
            (Announced::Repeated(place), _) => Ok(Published {
                place: Place(place),
                repeated: true,
            }),
            (Announced::Taken, Some(place)) => Ok(Published {
                place: Place(place),
                repeated: false,
            }),
            (Announced::Taken | Announced::TooLate, _) => Err(PublishError::TooLate(number)),
        }
    }

    async fn resolve(&self, entry: &Arc<Entry>, place: Place, outcome: Outcome) {
        let mut stream = entry.stream.clone().lock_owned().await;
        let (_, released) = stream.resolve(place.0, outcome);
        self.counters.count(released);
        self.commit(entry, stream).await;
    }

    /// Makes a change of a stream visible, once the next process would know of it. Goes on when
    /// the caller stops waiting.
    async fn commit(&self, entry: &Arc<Entry>, mut stream: OwnedMutexGuard<Stream>) {
        let expired = stream.expire();
        let view = view::of(
            &entry.manifest,
            entry.opened_unix,
            &stream,
            self.clock.as_ref(),
        );
        let snapshot = Snapshot::of(
            entry.manifest.as_str(),
            &stream,
            self.options.end_list,
            view,
        );
        let names: Vec<String> = stream.renditions.iter().map(|v| v.name.clone()).collect();
        match self.states.clone() {
            Some(states) => {
                let (entry, kept, failures) = (
                    entry.clone(),
                    stream.kept(),
                    self.counters.state_failures.clone(),
                );
                let work = tokio::task::spawn_blocking(move || {
                    if let Err(error) = states.save(entry.manifest.as_str(), &kept) {
                        failures.increment();
                        tracing::warn!(%error, manifestID = %entry.manifest,
                            "the place of the playlist is not saved");
                    }
                    entry.show(snapshot);
                    drop(stream);
                });
                if let Err(panic) = work.await {
                    tracing::error!(%panic, "saving a playlist's place failed");
                }
            }
            None => entry.show(snapshot),
        }
        for place in expired {
            let name = place.to_string();
            entry.owner.remove(SOURCE, &name);
            names
                .iter()
                .for_each(|rendition| entry.owner.remove(rendition, &name));
        }
    }

    async fn load(&self, manifest: &ManifestId) -> Option<stream::Kept> {
        let (states, name) = (self.states.clone()?, manifest.as_str().to_owned());
        let loaded = tokio::task::spawn_blocking(move || states.load(&name)).await;
        match loaded.unwrap_or_else(|panic| Err(std::io::Error::other(panic))) {
            Ok(kept) => kept,
            Err(error) => {
                tracing::warn!(%error, manifestID = %manifest,
                    "the place of the playlist is lost, it starts anew");
                None
            }
        }
    }

    /// Makes sure one more stream may be held, if need be by dropping the one that ended first.
    fn make_place(&self) -> Result<(), OpenError> {
        self.drop_ended(self.clock.now());
        let mut streams = self.streams();
        if streams.len() < self.options.max_streams {
            return Ok(());
        }
        let ended = streams
            .iter()
            .filter_map(|(name, entry)| Some((entry.snapshot().ended?, name.clone())));
        match ended.min() {
            Some((_, name)) => {
                streams.remove(&name);
                Ok(())
            }
            None => Err(OpenError::TooManyStreams(streams.len())),
        }
    }

    fn drop_ended(&self, now: Instant) {
        let grace = self.options.grace;
        let mut dropped = Vec::new();
        self.streams().retain(|_, entry| {
            let is_past = snapshot::is_past(entry.snapshot().ended, grace, now);
            if is_past {
                dropped.push(entry.clone());
            }
            !is_past
        });
        // The segments go with the last holder, outside the lock.
        drop(dropped);
        self.count_streams();
    }

    fn count_streams(&self) {
        self.counters.streams.set(self.streams().len() as f64);
    }
}

struct Counters {
    streams: Gauge,
    gaps: Counter,
    late: Counter,
    state_failures: Counter,
}

impl Counters {
    fn new(metrics: &Metrics) -> Self {
        let described = [
            ("streamflow_playback_streams", "streams that are served"),
            (
                "streamflow_playback_gaps_total",
                "segments listed as gaps, per rendition",
            ),
            (
                "streamflow_playback_late_total",
                "renditions that came after their deadline",
            ),
            (
                "streamflow_playback_state_failures_total",
                "playlist places that were not saved",
            ),
        ];
        for (name, help) in described {
            metrics.describe(name, help);
        }
        Self {
            streams: metrics.gauge("streamflow_playback_streams", &[]),
            gaps: metrics.counter("streamflow_playback_gaps_total", &[]),
            late: metrics.counter("streamflow_playback_late_total", &[]),
            state_failures: metrics.counter("streamflow_playback_state_failures_total", &[]),
        }
    }

    fn count(&self, released: Released) {
        self.gaps.add(released.gaps as f64);
        self.late.add(released.late as f64);
    }
}

#[cfg(test)]
mod tests;
