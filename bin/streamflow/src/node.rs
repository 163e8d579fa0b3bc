//! What a running node leaves in its data directory for others on this machine: where its control
//! API is, and a lock so that no second node uses the same files.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::failure::{Exit, Failure};

/// The note of where a role's control API is.
pub(crate) fn control_file(data_dir: &Path, role: &str) -> PathBuf {
    data_dir.join(role).join("control.url")
}

/// A role's place in the data directory, held until dropped.
#[derive(Debug)]
pub(crate) struct Place {
    folder: PathBuf,
    control_file: PathBuf,
    _lock: fs::File,
}

impl Place {
    /// Takes the folder of this role, creating it where missing.
    pub(crate) fn take(data_dir: &Path, role: &str) -> Result<Self, Failure> {
        let folder = data_dir.join(role);
        let fail = |error: std::io::Error| {
            Failure::new(
                Exit::Precondition,
                "data-dir",
                format!("{}: {error}", folder.display()),
            )
            .hint("name a folder this user may write with --data-dir")
        };
        fs::create_dir_all(&folder).map_err(fail)?;
        let path = folder.join("lock");
        let options = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let mut lock = options.map_err(fail)?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            let owner = fs::read_to_string(&path).unwrap_or_default();
            let place = folder.display();
            let message = format!("another {role} (process {}) uses {place}", owner.trim());
            return Err(Failure::usage("data-dir-in-use", message)
                .hint("stop it, or give this one its own --data-dir"));
        }
        let process = std::process::id().to_string();
        lock.set_len(0)
            .and_then(|()| lock.write_all(process.as_bytes()))
            .map_err(fail)?;
        Ok(Self {
            control_file: control_file(data_dir, role),
            folder,
            _lock: lock,
        })
    }

    /// The role's own folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Notes where the control API is.
    pub(crate) fn note_control(&self, address: std::net::SocketAddr) {
        if let Err(error) = fs::write(&self.control_file, format!("http://{address}\n")) {
            tracing::warn!(%error, "the control address could not be noted");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // It may never have been written.
        let _ = fs::remove_file(&self.control_file);
    }
}
