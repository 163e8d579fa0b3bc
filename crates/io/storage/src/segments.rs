//! Segments in memory, spilled oldest first to files when memory runs short.
//!
//! Whoever puts segments in is an [`Owner`]: a stream, or a session. It keeps the newest few of
//! each of its groups (one group a rendition), and all of it goes when the owner is dropped. This
//! is no cache of something else and no archive: what does not fit is gone, oldest first, and what
//! the process leaves on disk is removed at the next start.
//!
//! Invariants: after a `put` has returned, memory is within its budget; files are within theirs; the
//! newest segment is always served, whatever happens to the disk.

mod files;
mod index;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Semaphore;

use streamflow_runtime::{Clock, Counter, Gauge, Metrics};

use files::{Files, Folder};
use index::{Index, ItemId, Where};

/// Owners at one time; far above the streams and sessions of one node.
pub const MAX_OWNERS: usize = 20_000;

/// Groups of one owner: source and the renditions of a ladder, ladders changed on the way included.
pub const MAX_GROUPS: usize = 64;

/// Files read side by side; more readers wait their turn.
const MAX_READERS: usize = 32;

/// After a failed write the disk is left alone for this long.
const FAULT_PAUSE: Duration = Duration::from_secs(10);

/// Budgets of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// Segment bytes kept in memory.
    pub memory_bytes: u64,
    /// Segment bytes kept in files; 0 for none.
    pub disk_bytes: u64,
    /// Where the files go. Without one, what does not fit in memory is dropped.
    pub folder: Option<PathBuf>,
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process spills there: give this one a folder of its own.
    #[error("{0} is in use by another process; give each node its own data folder")]
    InUse(PathBuf),
    /// The folder cannot be made, locked or cleaned: check path and permissions.
    #[error("the segment folder {folder} cannot be used")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Why there is no owner of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OwnerError {
    /// It exists: use that one, or drop it first.
    #[error("{0:?} already keeps segments here")]
    Taken(String),
    /// Too many: refuse the stream or session.
    #[error("{MAX_OWNERS} streams and sessions keep segments here, that is all there is room for")]
    TooMany,
}

/// Why a segment was not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// Larger than the whole memory budget: raise the budget or refuse the segment.
    #[error("{len} bytes do not fit in the memory budget of {budget} bytes")]
    TooLarge {
        /// The segment.
        len: u64,
        /// The budget.
        budget: u64,
    },
    /// More groups than any ladder has: refuse the segment.
    #[error("more than {MAX_GROUPS} groups of segments for one stream or session")]
    TooManyGroups,
}

/// Why a stored segment cannot be read. The segment is lost; answer as for an unknown one or 500.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The system refused, or the file is not as it was written.
    #[error("a spilled segment cannot be read")]
    Io(#[source] std::io::Error),
}

/// Why the disk does not take segments at the moment. The newest are still served from memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpillFault {
    /// No room on the device: free some.
    #[error("the disk of the segment folder is full")]
    DiskFull,
    /// Anything else the system refused.
    #[error("the segment folder cannot be written: {0}")]
    Io(String),
}

/// What a store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in memory.
    pub memory_bytes: u64,
    /// Bytes in files.
    pub disk_bytes: u64,
    /// Segments, wherever they are.
    pub segments: usize,
}

/// The segments a node serves. Clones share them.
#[derive(Clone)]
pub struct SegmentStore {
    shared: Arc<Shared>,
}

/// One stream's or session's share of a store. Dropping it drops its segments.
pub struct Owner {
    shared: Arc<Shared>,
    name: Arc<str>,
}

struct Shared {
    config: StoreConfig,
    clock: Arc<dyn Clock>,
    index: Mutex<Index>,
    files: Option<Arc<dyn Files>>,
    /// Held by the one task that writes files.
    spilling: Arc<tokio::sync::Mutex<()>>,
    readers: Semaphore,
    fault: Mutex<Option<(Instant, SpillFault)>>,
    gauges: Gauges,
}

impl SegmentStore {
    /// A store without files: what does not fit is dropped, oldest first.
    pub fn in_memory(memory_bytes: u64, clock: Arc<dyn Clock>, metrics: &Metrics) -> Self {
        let config = StoreConfig {
            memory_bytes,
            disk_bytes: 0,
            folder: None,
        };
        Self::with_files(config, None, clock, metrics)
    }

    /// Opens the folder, removes what an earlier process left in it and keeps others out of it.
    pub async fn open(
        config: StoreConfig,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Result<Self, OpenError> {
        let files: Option<Arc<dyn Files>> = match config.folder.clone() {
            Some(folder) if config.disk_bytes > 0 => Some(Arc::new(Folder::open(folder).await?)),
            _ => None,
        };
        Ok(Self::with_files(config, files, clock, metrics))
    }

    fn with_files(
        config: StoreConfig,
        files: Option<Arc<dyn Files>>,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Self {
        let shared = Shared {
            config,
            clock,
            index: Mutex::default(),
            files,
            spilling: Arc::default(),
            readers: Semaphore::new(MAX_READERS),
            fault: Mutex::default(),
            gauges: Gauges::new(metrics),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// A share of the store under this name that keeps the newest `per_group` segments of each
    /// group.
    pub fn owner(&self, name: &str, per_group: usize) -> Result<Owner, OwnerError> {
        let name: Arc<str> = name.into();
        self.shared.index().add_owner(name.clone(), per_group)?;
        Ok(Owner {
            shared: self.shared.clone(),
            name,
        })
    }

    /// The segment, or `None` where there is no such owner, group or name (any more).
    pub async fn read(
        &self,
        owner: &str,
        group: &str,
        name: &str,
    ) -> Result<Option<Bytes>, ReadError> {
        self.shared.read(owner, group, name).await
    }

    /// What is held right now.
    pub fn usage(&self) -> Usage {
        self.shared.index().usage()
    }

    /// Why the disk is not used at the moment, if it is not. Clears by itself once a write succeeds.
    pub fn fault(&self) -> Option<SpillFault> {
        self.shared
            .fault_slot()
            .as_ref()
            .map(|(_, fault)| fault.clone())
    }
}

impl Owner {
    /// The name it was made with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Stores a segment as the newest of its group; one of the same name is replaced. Returns once
    /// memory is within its budget again.
    pub async fn put(&self, group: &str, name: &str, bytes: Bytes) -> Result<(), PutError> {
        let (len, budget) = (bytes.len() as u64, self.shared.config.memory_bytes);
        if len > budget {
            return Err(PutError::TooLarge { len, budget });
        }
        let (removed, over) = {
            let mut index = self.shared.index();
            let removed = index.put(&self.name, group, name, bytes)?;
            (removed, index.usage().memory_bytes > budget)
        };
        self.shared.delete_later(removed);
        if over {
            Shared::make_room(&self.shared).await;
        }
        self.shared.report();
        Ok(())
    }

    /// One of its segments.
    pub async fn read(&self, group: &str, name: &str) -> Result<Option<Bytes>, ReadError> {
        self.shared.read(&self.name, group, name).await
    }

    /// Drops one segment before its time.
    pub fn remove(&self, group: &str, name: &str) {
        let removed = self.shared.index().remove(&self.name, group, name);
        self.shared.delete_later(removed.into_iter().collect());
        self.shared.report();
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let removed = self.shared.index().remove_owner(&self.name);
        self.shared.delete_later(removed);
        self.shared.report();
    }
}

impl Shared {
    fn index(&self) -> MutexGuard<'_, Index> {
        // The index is consistent between its calls, so a panic elsewhere does not spoil it.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault_slot(&self) -> MutexGuard<'_, Option<(Instant, SpillFault)>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self, owner: &str, group: &str, name: &str) -> Result<Option<Bytes>, ReadError> {
        let Some((id, place)) = self.index().find(owner, group, name) else {
            return Ok(None);
        };
        let files = match (place, &self.files) {
            (Where::Memory(bytes), _) => return Ok(Some(bytes)),
            (Where::File, Some(files)) => files.clone(),
            (Where::File, None) => return Ok(None),
        };
        // The semaphore is never closed.
        let _turn = self.readers.acquire().await;
        let read = tokio::task::spawn_blocking(move || files.read(id)).await;
        match read.unwrap_or_else(|panic| Err(std::io::Error::other(panic))) {
            Ok(bytes) => Ok(Some(bytes)),
            // Removed while this reader waited.
            Err(_) if !self.index().holds(id) => Ok(None),
            Err(error) => Err(ReadError::Io(error)),
        }
    }

    /// Brings memory back within its budget. Goes on in its own thread when the caller stops
    /// waiting, so that no segment is left half moved.
    async fn make_room(shared: &Arc<Self>) {
        let turn = shared.spilling.clone().lock_owned().await;
        let shared = shared.clone();
        let work = tokio::task::spawn_blocking(move || {
            while let Some((id, bytes)) = shared.next_to_move() {
                shared.move_out(id, &bytes);
            }
            drop(turn);
        });
        if let Err(panic) = work.await {
            tracing::error!(%panic, "moving segments to disk failed");
        }
    }

    fn next_to_move(&self) -> Option<(ItemId, Bytes)> {
        let index = self.index();
        let over = index.usage().memory_bytes > self.config.memory_bytes;
        over.then(|| index.oldest_in_memory()).flatten()
    }

    /// Moves one segment from memory to a file, or drops it where that is not possible.
    fn move_out(&self, id: ItemId, bytes: &Bytes) {
        let len = bytes.len() as u64;
        let files = self
            .files
            .as_ref()
            .filter(|_| len <= self.config.disk_bytes);
        let Some(files) = files.filter(|_| !self.is_paused()) else {
            self.drop_item(id);
            return;
        };
        let crowded = self.index().make_disk_room(self.config.disk_bytes - len);
        for old in &crowded {
            files.remove(*old);
            self.gauges.dropped.increment();
        }
        match files.write(id, bytes) {
            Ok(()) => {
                *self.fault_slot() = None;
                self.gauges.spilled.add(len as f64);
                if !self.index().moved_to_file(id) {
                    files.remove(id);
                }
            }
            Err(error) => {
                files.remove(id);
                self.note_fault(&error);
                self.drop_item(id);
            }
        }
    }

    fn is_paused(&self) -> bool {
        let since = self.fault_slot().as_ref().map(|(since, _)| *since);
        since.is_some_and(|since| self.clock.now().saturating_duration_since(since) < FAULT_PAUSE)
    }

    fn note_fault(&self, error: &std::io::Error) {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        let fault = match error.kind() {
            StorageFull | QuotaExceeded => SpillFault::DiskFull,
            _ => SpillFault::Io(error.to_string()),
        };
        tracing::warn!(%fault, "segments stay in memory only, older ones are dropped");
        self.gauges.failures.increment();
        *self.fault_slot() = Some((self.clock.now(), fault));
    }

    fn drop_item(&self, id: ItemId) {
        self.index().drop_item(id);
        self.gauges.dropped.increment();
    }

    /// Deletes files away from the caller, which may be a `Drop` in async code.
    fn delete_later(&self, ids: Vec<ItemId>) {
        let Some(files) = self.files.clone().filter(|_| !ids.is_empty()) else {
            return;
        };
        let delete = move || {
            let unique: HashSet<ItemId> = ids.into_iter().collect();
            unique.into_iter().for_each(|id| files.remove(id));
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(delete)),
            Err(_) => delete(),
        }
    }

    fn report(&self) {
        let usage = self.index().usage();
        self.gauges.memory.set(usage.memory_bytes as f64);
        self.gauges.disk.set(usage.disk_bytes as f64);
    }
}

struct Gauges {
    memory: Gauge,
    disk: Gauge,
    spilled: Counter,
    dropped: Counter,
    failures: Counter,
}

impl Gauges {
    fn new(metrics: &Metrics) -> Self {
        let described = [
            ("streamflow_store_memory_bytes", "segment bytes in memory"),
            ("streamflow_store_disk_bytes", "segment bytes in files"),
            (
                "streamflow_store_spilled_bytes_total",
                "segment bytes moved from memory to files",
            ),
            (
                "streamflow_store_dropped_total",
                "segments dropped for want of room",
            ),
            (
                "streamflow_store_spill_failures_total",
                "failed writes to the segment folder",
            ),
        ];
        for (name, help) in described {
            metrics.describe(name, help);
        }
        Self {
            memory: metrics.gauge("streamflow_store_memory_bytes", &[]),
            disk: metrics.gauge("streamflow_store_disk_bytes", &[]),
            spilled: metrics.counter("streamflow_store_spilled_bytes_total", &[]),
            dropped: metrics.counter("streamflow_store_dropped_total", &[]),
            failures: metrics.counter("streamflow_store_spill_failures_total", &[]),
        }
    }
}

#[cfg(test)]
mod tests;
