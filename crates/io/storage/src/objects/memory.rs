//! Objects in memory, for tests and for nodes that hand nothing on.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use streamflow_wire::proto::OsInfo;

use super::{ObjectError, ObjectKey, ObjectStore};

/// Objects in memory, up to a size.
#[derive(Debug)]
pub struct MemoryObjects {
    limit: u64,
    objects: Mutex<BTreeMap<ObjectKey, Bytes>>,
}

impl MemoryObjects {
    /// An empty store for this many bytes.
    pub const fn new(limit: u64) -> Self {
        Self {
            limit,
            objects: Mutex::new(BTreeMap::new()),
        }
    }
}

#[async_trait]
impl ObjectStore for MemoryObjects {
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<String, ObjectError> {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let others = objects.iter().filter(|(other, _)| *other != key);
        let used: u64 = others.map(|(_, bytes)| bytes.len() as u64).sum();
        if used + bytes.len() as u64 > self.limit {
            return Err(ObjectError::Full { limit: self.limit });
        }
        objects.insert(key.clone(), bytes);
        Ok(format!("memory:{key}"))
    }

    async fn read(&self, key: &ObjectKey, limit: usize) -> Result<Option<Bytes>, ObjectError> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        match objects.get(key) {
            Some(bytes) if bytes.len() > limit => Err(ObjectError::TooLarge { limit }),
            found => Ok(found.cloned()),
        }
    }

    fn hand_over(&self, _prefix: &ObjectKey, _unix: Duration) -> Option<OsInfo> {
        None
    }
}
