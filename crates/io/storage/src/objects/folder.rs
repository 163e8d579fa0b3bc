//! Objects as files below a folder.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use streamflow_wire::proto::OsInfo;

use super::{ObjectError, ObjectKey, ObjectStore};

/// Objects as files. An object is there whole or not at all.
#[derive(Debug)]
pub struct FolderObjects {
    root: PathBuf,
    /// Names files that are being written.
    writes: AtomicU64,
}

impl FolderObjects {
    /// Objects below this folder, which is made when the first one comes.
    pub const fn new(root: PathBuf) -> Self {
        Self {
            root,
            writes: AtomicU64::new(0),
        }
    }
}

#[async_trait]
impl ObjectStore for FolderObjects {
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<String, ObjectError> {
        let path = self.root.join(key.as_str());
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        let fresh = self
            .root
            .join(format!(".{}-{number}.new", std::process::id()));
        let url = path.display().to_string();
        blocking(move || {
            let written = write(&fresh, &path, &bytes);
            if written.is_err() {
                // What was written so far helps nobody; the error told is the first one.
                let _ = std::fs::remove_file(&fresh);
            }
            written
        })
        .await?;
        Ok(url)
    }

    async fn read(&self, key: &ObjectKey, limit: usize) -> Result<Option<Bytes>, ObjectError> {
        let path = self.root.join(key.as_str());
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let read = blocking(move || {
            let file = match std::fs::File::open(path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            let mut bytes = Vec::new();
            file.take(most).read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        });
        match read.await? {
            Some(bytes) if bytes.len() > limit => Err(ObjectError::TooLarge { limit }),
            found => Ok(found.map(Bytes::from)),
        }
    }

    fn hand_over(&self, _prefix: &ObjectKey, _unix: Duration) -> Option<OsInfo> {
        None
    }
}

fn write(fresh: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    for folder in [fresh.parent(), path.parent()].into_iter().flatten() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(fresh, bytes)?;
    std::fs::rename(fresh, path)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, ObjectError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| Err(std::io::Error::other(panic)))
        .map_err(ObjectError::Io)
}
