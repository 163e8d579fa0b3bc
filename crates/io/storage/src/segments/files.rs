//! Spilled segments as files, one each, in a folder of this process alone.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustix::fs::{FlockOperation, flock};

use super::OpenError;
use super::index::ItemId;

/// Extension of a spilled segment; only such files are ever removed.
const EXTENSION: &str = "segment";

/// Name of the lock that keeps other processes out.
const LOCK: &str = "lock";

/// Files by id. Calls block, so they belong on a thread that may.
pub(super) trait Files: Send + Sync + 'static {
    fn write(&self, id: ItemId, bytes: &Bytes) -> io::Result<()>;
    fn read(&self, id: ItemId) -> io::Result<Bytes>;
    /// A file that is not there counts as removed.
    fn remove(&self, id: ItemId);
}

/// A locked folder.
pub(super) struct Folder {
    path: PathBuf,
    /// Held for as long as the store lives; the system lets go of it when the process dies.
    _lock: File,
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

    fn file(&self, id: ItemId) -> PathBuf {
        self.path.join(format!("{id}.{EXTENSION}"))
    }
}

impl Files for Folder {
    fn write(&self, id: ItemId, bytes: &Bytes) -> io::Result<()> {
        // No sync: after a crash of the machine these files are removed anyway.
        File::create_new(self.file(id))?.write_all(bytes)
    }

    fn read(&self, id: ItemId) -> io::Result<Bytes> {
        std::fs::read(self.file(id)).map(Bytes::from)
    }

    fn remove(&self, id: ItemId) {
        if let Err(error) = std::fs::remove_file(self.file(id))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, id, "a spilled segment could not be removed");
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
    Ok(Folder { path, _lock: lock })
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
