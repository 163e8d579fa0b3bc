//! Where playlists stood, as a small file per stream, so that a process that starts again goes on
//! counting where the last one stopped.
//!
//! A file has a line for each change, the last whole one counts; one that has grown is replaced as a
//! whole. So it survives the death of the process at any moment. It is not forced to the platter:
//! after a power failure players find what a new stream looks like.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::stream::Kept;

/// Form of the files; others are ignored.
const VERSION: u32 = 1;

/// A stream that was not here for so long counts as new.
const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// Files read at most this far.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// A file with more than this is not appended to. A line has some hundred bytes.
const GROWN_BYTES: u64 = 64 * 1024;

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
        let bytes = std::fs::read(&path)?;
        let file = last_whole(&bytes)?;
        Ok((file.version == VERSION && file.manifest == manifest).then_some(file.kept))
    }

    /// Adds what is now known of a stream.
    pub(super) fn save(&self, manifest: &str, kept: &Kept) -> io::Result<()> {
        let file = File {
            version: VERSION,
            manifest: manifest.to_owned(),
            kept: kept.clone(),
        };
        let path = self.file(manifest);
        // Each begins its line itself: the one before may have been cut off.
        let mut bytes = vec![b'\n'];
        serde_json::to_writer(&mut bytes, &file)?;
        if let Ok(mut open) = std::fs::File::options().append(true).open(&path)
            && open.metadata()?.len() <= GROWN_BYTES
        {
            return open.write_all(&bytes);
        }
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

/// The last line that was written whole.
fn last_whole(bytes: &[u8]) -> Result<File, serde_json::Error> {
    let mut lines = bytes.rsplit(|byte| *byte == b'\n');
    let last = serde_json::from_slice(lines.next().unwrap_or_default());
    last.or_else(|error| {
        let older = lines.find_map(|line| serde_json::from_slice(line).ok());
        older.ok_or(error)
    })
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
    fn the_last_whole_line_counts_and_a_file_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let states = Folder::new(folder.path().to_owned());
        let path = folder.path().join(file_name("x"));
        let kept = |target_ms| Kept {
            target_ms,
            ..Kept::default()
        };
        for target in 1..=3_000 {
            states.save("x", &kept(target)).unwrap();
            assert!(std::fs::metadata(&path).unwrap().len() <= GROWN_BYTES + 1_000);
        }
        assert_eq!(states.load("x").unwrap(), Some(kept(3_000)));
        states.save("x", &kept(3_001)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        assert_eq!(states.load("x").unwrap(), Some(kept(3_000)));
        states.save("x", &kept(3_002)).unwrap();
        assert_eq!(states.load("x").unwrap(), Some(kept(3_002)));
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
