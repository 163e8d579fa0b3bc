//! Stores that outlive the process, behind one seam: memory, a folder, S3, and a peer's S3.
//!
//! Objects are written once under a key and found under the URL the store gives back. Nothing is
//! listed or deleted here; that is for the store's own rules.

mod client;
mod folder;
mod location;
mod memory;
mod s3;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use streamflow_wire::proto::OsInfo;
use streamflow_wire::storage::UploadError;

pub use client::{ClientError, ObjectClient};
pub use folder::FolderObjects;
pub use location::{LocationError, StoreLocation};
pub use memory::MemoryObjects;
pub use s3::{PeerObjects, S3Objects};

/// Longest upload or download of an object.
pub const EXCHANGE_LIMIT: Duration = Duration::from_secs(10);

/// Longest key.
pub const MAX_KEY_BYTES: usize = 1024;

/// A store of objects. Shared as `Arc<dyn ObjectStore>`.
#[async_trait]
pub trait ObjectStore: Send + Sync + 'static {
    /// Stores an object and says where it can be fetched. One of the same key is replaced.
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<String, ObjectError>;

    /// Fetches an object of at most `limit` bytes; `None` where there is none.
    async fn read(&self, key: &ObjectKey, limit: usize) -> Result<Option<Bytes>, ObjectError>;

    /// What another node needs to store below this prefix by itself; `None` where the store
    /// cannot be handed over.
    fn hand_over(&self, prefix: &ObjectKey, unix: Duration) -> Option<OsInfo>;
}

/// Where an object is in its store: names separated by slashes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(String);

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Longer than stores take.
    #[error("an object's key has at most {MAX_KEY_BYTES} bytes")]
    TooLong,
    /// An empty name, or one that leads out of the store.
    #[error("the object key {0:?} must be names separated by single slashes, none of them . or ..")]
    Name(String),
    /// Control characters, backslashes, or bytes outside ASCII.
    #[error("an object's key must be printable ASCII without backslashes")]
    NotPrintable,
}

/// Why an object was not stored or fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// The store did not answer in time: try another, or again.
    #[error("the object store did not answer within {EXCHANGE_LIMIT:?}")]
    Timeout,
    /// The store could not be reached, or broke off: try another, or again.
    #[error("the object store cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The store said no: check account, policy and clock.
    #[error("the object store refused with status {status}: {text}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The start of what it said.
        text: String,
    },
    /// What was handed over is of no use: ask the peer for other credentials, or keep the object.
    #[error("nothing can be stored with what the peer handed over")]
    HandOver(#[from] UploadError),
    /// The peer's store has no usable address.
    #[error("the peer's object store has no address that can be used: {0}")]
    Address(String),
    /// Larger than the caller takes: treat as not there.
    #[error("the object is larger than {limit} bytes")]
    TooLarge {
        /// The limit given.
        limit: usize,
    },
    /// The folder cannot be used: check path, permissions and free space.
    #[error("the object folder cannot be used")]
    Io(#[source] std::io::Error),
    /// The memory of a store in memory is used up.
    #[error("the object store is full: {limit} bytes")]
    Full {
        /// Its size.
        limit: u64,
    },
}

impl ObjectKey {
    /// From text such as `demo/0a0b0c0d/source/7.ts`.
    pub fn new(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_KEY_BYTES {
            return Err(KeyError::TooLong);
        }
        if !text
            .bytes()
            .all(|b| (0x20..0x7f).contains(&b) && b != b'\\')
        {
            return Err(KeyError::NotPrintable);
        }
        if text.split('/').any(|name| matches!(name, "" | "." | "..")) {
            return Err(KeyError::Name(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The key of something below this one.
    pub fn join(&self, below: &Self) -> Result<Self, KeyError> {
        Self::new(&format!("{self}/{below}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The media type an object is stored with: by its name, else by a look at its bytes.
fn content_type(key: &ObjectKey, bytes: &[u8]) -> &'static str {
    /// Bytes looked at.
    const SNIFFED: usize = 512;
    let name = key.as_str();
    if name.ends_with(".ts") {
        return "video/mp2t";
    }
    if name.ends_with(".mp4") {
        return "video/mp4";
    }
    let is_binary = |b: &u8| matches!(b, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
    match bytes.iter().take(SNIFFED).any(is_binary) {
        true => "application/octet-stream",
        false => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests;
