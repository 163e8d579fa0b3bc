//! The streams behind a library: finding them, changing them in one step, letting them go.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::OwnedMutexGuard;

use streamflow_runtime::{Clock, Counter, Gauge, Metrics};
use streamflow_storage::{Owner, SegmentStore};
use streamflow_types::{ManifestId, SegmentNumber};

use super::snapshot::{self, Snapshot};
use super::stream::{self, Announced, Outcome, Released, Stream};
use super::variant::SOURCE;
use super::{LibraryOptions, OpenError, Place, PublishError, Published, state, view};

/// What all clones of a library share.
pub(super) struct Shelf {
    pub(super) options: LibraryOptions,
    pub(super) store: SegmentStore,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) states: Option<state::Folder>,
    pub(super) streams: Mutex<BTreeMap<String, Arc<Entry>>>,
    /// Held while a stream is opened, so that two publishers do not open it twice.
    pub(super) opening: tokio::sync::Mutex<()>,
    pub(super) next_place: AtomicU64,
    pub(super) counters: Counters,
}

/// One stream: what changes it goes through `stream`, what readers see is `snapshot`.
pub(super) struct Entry {
    pub(super) manifest: ManifestId,
    pub(super) opened_unix: Duration,
    pub(super) owner: Owner,
    pub(super) stream: Arc<tokio::sync::Mutex<Stream>>,
    pub(super) snapshot: RwLock<Arc<Snapshot>>,
}

impl Entry {
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        // A snapshot is replaced as a whole, so a panic elsewhere does not spoil it.
        self.snapshot
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn show(&self, snapshot: Snapshot) {
        *self
            .snapshot
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }
}

impl Shelf {
    pub(super) fn new(
        options: LibraryOptions,
        store: SegmentStore,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        let states = options.state_folder.clone().map(state::Folder::new);
        Self {
            options,
            store,
            clock,
            states,
            streams: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            next_place: AtomicU64::new(0),
            counters: Counters::new(metrics),
        }
    }

    pub(super) fn streams(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Entry>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn entry(&self, manifest: &ManifestId) -> Option<Arc<Entry>> {
        self.entry_named(manifest.as_str())
    }

    pub(super) fn entry_named(&self, manifest: &str) -> Option<Arc<Entry>> {
        self.streams().get(manifest).cloned()
    }

    pub(super) fn known_entry(&self, manifest: &ManifestId) -> Result<Arc<Entry>, PublishError> {
        self.entry(manifest)
            .ok_or_else(|| PublishError::UnknownStream(manifest.clone()))
    }

    pub(super) fn snapshot(&self, manifest: &str) -> Option<Arc<Snapshot>> {
        Some(self.entry_named(manifest)?.snapshot())
    }

    pub(super) fn published(
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

    pub(super) async fn resolve(&self, entry: &Arc<Entry>, place: Place, outcome: Outcome) {
        let mut stream = entry.stream.clone().lock_owned().await;
        let (_, released) = stream.resolve(place.0, outcome);
        self.counters.count(released);
        self.commit(entry, stream).await;
    }

    /// Makes a change of a stream visible, once the next process would know of it. Goes on when
    /// the caller stops waiting.
    pub(super) async fn commit(&self, entry: &Arc<Entry>, mut stream: OwnedMutexGuard<Stream>) {
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

    pub(super) async fn load(&self, manifest: &ManifestId) -> Option<stream::Kept> {
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
    pub(super) fn make_place(&self) -> Result<(), OpenError> {
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

    pub(super) fn drop_ended(&self, now: Instant) {
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

    pub(super) fn count_streams(&self) {
        self.counters.streams.set(self.streams().len() as f64);
    }
}

pub(super) struct Counters {
    pub(super) streams: Gauge,
    pub(super) gaps: Counter,
    pub(super) late: Counter,
    pub(super) state_failures: Counter,
}

impl Counters {
    pub(super) fn new(metrics: &Metrics) -> Self {
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

    pub(super) fn count(&self, released: Released) {
        self.gaps.add(released.gaps as f64);
        self.late.add(released.late as f64);
    }
}
