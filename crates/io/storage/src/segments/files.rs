//! Spilled segments in one file, in a folder of this process alone.
//!
//! Each segment has a place in the file, and what is removed makes room for others: making and
//! deleting a file for each costs a gateway of many streams more than the segments' bytes do.

mod space;

use std::collections::HashMap;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rustix::fs::{FlockOperation, flock};

use super::OpenError;
use super::index::ItemId;
use space::{Extent, Space};

/// Extension of files with spilled segments; only such files are ever removed.
const EXTENSION: &str = "segment";

/// The file, beside the lock.
const SPILLED: &str = "spilled.segment";

/// Name of the lock that keeps other processes out.
const LOCK: &str = "lock";

/// Spilled segments by id. Calls block, so they belong on a thread that may.
pub(super) trait Files: Send + Sync + 'static {
    fn write(&self, id: ItemId, bytes: &Bytes) -> io::Result<()>;
    fn read(&self, id: ItemId) -> io::Result<Bytes>;
    /// A segment that is not there counts as removed.
    fn remove(&self, id: ItemId);
}

/// A locked folder.
pub(super) struct Folder {
    file: File,
    places: Mutex<Places>,
    /// Held for as long as the store lives; the system lets go of it when the process dies.
    _lock: File,
}

/// What is where. As many entries as the index has in files.
#[derive(Default)]
struct Places {
    of: HashMap<ItemId, (Extent, usize)>,
    space: Space,
}

impl Folder {
    pub(super) async fn open(path: PathBuf) -> Result<Self, OpenError> {
        let folder = path.clone();
        let opened = tokio::task::spawn_blocking(move || prepare(path)).await;
        opened.unwrap_or_else(|panic| {
            Err(OpenError::Folder {
                folder,
                source: io::Error::other(panic),
            })
        })
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        // Consistent between its calls, so a panic elsewhere does not spoil it.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files for Folder {
    fn write(&self, id: ItemId, bytes: &Bytes) -> io::Result<()> {
        let extent = {
            let mut places = self.places();
            let extent = places.space.take(bytes.len() as u64);
            places.of.insert(id, (extent, bytes.len()));
            extent
        };
        // No sync: after a crash of the machine the file is removed anyway.
        self.file.write_all_at(bytes, extent.start)
    }

    fn read(&self, id: ItemId) -> io::Result<Bytes> {
        let place = self.places().of.get(&id).copied();
        let (extent, len) = place.ok_or(io::ErrorKind::NotFound)?;
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, extent.start)?;
        // Where it was removed meanwhile, another segment may have been written there.
        match self.places().of.contains_key(&id) {
            true => Ok(Bytes::from(bytes)),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn remove(&self, id: ItemId) {
        let mut places = self.places();
        let Some((extent, _)) = places.of.remove(&id) else {
            return;
        };
        places.space.give_back(extent);
        // What is not needed any more is not kept from others.
        if let Some(len) = places.space.shrunk()
            && let Err(error) = self.file.set_len(len)
        {
            tracing::warn!(%error, "the file of spilled segments could not be shortened");
        }
    }
}

fn prepare(path: PathBuf) -> Result<Folder, OpenError> {
    let failed = |source| OpenError::Folder {
        folder: path.clone(),
        source,
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&path)
        .map_err(failed)?;
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path.join(LOCK))
        .map_err(failed)?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(OpenError::InUse(path)),
        Err(error) => return Err(failed(error.into())),
    }
    clean(&path).map_err(failed)?;
    let file = File::options()
        .create_new(true)
        .read(true)
        .write(true)
        .open(path.join(SPILLED))
        .map_err(failed)?;
    Ok(Folder {
        file,
        places: Mutex::default(),
        _lock: lock,
    })
}

fn clean(path: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == EXTENSION)
        {
            std::fs::remove_file(file)?;
        }
    }
    Ok(())
}
