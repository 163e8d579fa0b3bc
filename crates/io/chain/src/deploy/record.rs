//! What was put on the chain so far, on disk before each step, so that a deployment that was
//! interrupted goes on where it stopped.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use alloy_primitives::Address;

/// A deployment, finished or not. This is the file that nodes read addresses from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deployment {
    /// The chain it is on.
    pub chain_id: u64,
    /// Who deployed.
    pub deployer: Address,
    /// The block before the first transaction: no event of the protocol is older.
    pub from_block: u64,
    /// Whether every step is done.
    pub complete: bool,
    /// Addresses by name; a contract behind a proxy has the proxy's here, and its own under the
    /// name with `Target`.
    pub contracts: BTreeMap<String, Address>,
}

/// Why a record cannot be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no deployment. Name another one.
    #[error("{path} is not a deployment: {reason}")]
    Format {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Where a deployment is written down.
pub trait Record: Send {
    /// Writes it down, durably, before anything else happens.
    fn keep(&mut self, deployment: &Deployment) -> Result<(), RecordError>;
}

/// A record for deployments that nobody resumes.
#[derive(Debug, Default)]
pub struct Forgotten;

impl Record for Forgotten {
    fn keep(&mut self, _: &Deployment) -> Result<(), RecordError> {
        Ok(())
    }
}

/// A record in a file.
#[derive(Debug)]
pub struct RecordFile(PathBuf);

impl RecordFile {
    /// A record in this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl Record for RecordFile {
    fn keep(&mut self, deployment: &Deployment) -> Result<(), RecordError> {
        deployment.write(&self.0)
    }
}

impl Deployment {
    /// Reads a file; `None` where there is none.
    pub fn read(path: &Path) -> Result<Option<Self>, RecordError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                let path = path.to_owned();
                return Err(RecordError::Io { path, source });
            }
        };
        let parsed = serde_json::from_str(&text);
        parsed.map(Some).map_err(|error| RecordError::Format {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    /// Writes a file: it is the old one or the new one whatever happens meanwhile.
    pub fn write(&self, path: &Path) -> Result<(), RecordError> {
        let text = serde_json::to_vec_pretty(self).expect("a deployment has nothing JSON lacks");
        let beside = path.with_extension("partial");
        let write = || -> io::Result<()> {
            let mut file = fs::File::create(&beside)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&beside, path)?;
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(|source| RecordError::Io {
            path: path.to_owned(),
            source,
        })
    }

    /// The address of a contract of the finished deployment.
    pub fn contract(&self, name: &str) -> Option<Address> {
        self.contracts.get(name).copied()
    }
}
