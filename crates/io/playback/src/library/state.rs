//! Where playlists stood, as a small file per stream, so that a process that starts again goes on
//! counting where the last one stopped.
//!
//! A file is replaced as a whole and survives the death of the process at any moment. It is not
//! forced to the platter: after a power failure players find what a new stream looks like.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::stream::Kept;

/// Form of the files; others are ignored.
const VERSION: u32 = 1;

/// A stream that was not here for so long counts as new.
const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// Files read at most this far: they have some kilobytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;

const EXTENSION: &str = "json";

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    manifest: String,
    #[serde(flatten)]
    kept: Kept,
}

/// The folder with the files. Calls block.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// What is known of a stream; `None` for one that is new, too old, or whose file says nothing
    /// sensible.
    pub(super) fn load(&self, manifest: &str) -> io::Result<Option<Kept>> {
        let path = self.file(manifest);
        let about = match std::fs::metadata(&path) {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if is_old(&about) || about.len() > MAX_FILE_BYTES {
            return Ok(None);
        }
        let file: File = serde_json::from_slice(&std::fs::read(&path)?)?;
        Ok((file.version == VERSION && file.manifest == manifest).then_some(file.kept))
    }

    /// Replaces what is known of a stream.
    pub(super) fn save(&self, manifest: &str, kept: &Kept) -> io::Result<()> {
        let file = File {
            version: VERSION,
            manifest: manifest.to_owned(),
            kept: kept.clone(),
        };
        let bytes = serde_json::to_vec(&file)?;
        let path = self.file(manifest);
        let fresh = path.with_extension("new");
        match std::fs::write(&fresh, &bytes) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(&self.path)?;
                std::fs::write(&fresh, &bytes)?;
            }
            written => written?,
        }
        std::fs::rename(fresh, path)
    }

    /// Removes the files of streams that count as new anyway.
    pub(super) fn clean(&self) -> io::Result<()> {
        let entries = match std::fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            let is_ours = path
                .extension()
                .is_some_and(|e| e == EXTENSION || e == "new");
            if is_ours && is_old(&entry.metadata()?) {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn file(&self, manifest: &str) -> PathBuf {
        self.path.join(Path::new(&file_name(manifest)))
    }
}

/// A name that is safe as a file's and differs for different streams, also where the file system
/// does not tell upper from lower case, or takes short names only.
fn file_name(manifest: &str) -> String {
    let plain: String = manifest
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .take(40)
        .collect();
    format!(
        "{plain}-{:016x}.{EXTENSION}",
        super::fingerprint(manifest.as_bytes())
    )
}

/// By the machine's own clock, since that is what files are stamped with.
fn is_old(about: &std::fs::Metadata) -> bool {
    let age = about
        .modified()
        .ok()
        .and_then(|at| SystemTime::now().duration_since(at).ok());
    age.is_some_and(|age| age > MAX_AGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_under_its_own_name_only() {
        let folder = tempfile::tempdir().unwrap();
        let states = Folder::new(folder.path().join("playlists"));
        assert_eq!(states.load("a/b").unwrap(), None);
        let kept = Kept {
            target_ms: 2_000,
            ..Kept::default()
        };
        states.save("a/b", &kept).unwrap();
        states.save("A/b", &Kept::default()).unwrap();
        assert_eq!(states.load("a/b").unwrap(), Some(kept));
        assert_eq!(states.load("a-b").unwrap(), None);
    }

    #[test]
    fn a_file_that_says_nothing_sensible_is_an_error_and_an_old_one_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let states = Folder::new(folder.path().to_owned());
        let path = folder.path().join(file_name("x"));
        std::fs::write(&path, b"{\"version\":1}").unwrap();
        assert!(states.load("x").is_err());
        let old = SystemTime::now() - MAX_AGE - Duration::from_secs(60);
        std::fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(old)
            .unwrap();
        assert_eq!(states.load("x").unwrap(), None);
        states.clean().unwrap();
        assert!(!path.exists());
    }
}
