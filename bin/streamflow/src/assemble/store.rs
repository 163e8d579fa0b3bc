//! Where a role keeps segments.

use streamflow_storage::{SegmentStore, StoreConfig};

use super::engine::error_chain;
use super::ground::Ground;
use crate::failure::{Exit, Failure};

/// Opens the store: this much memory, and this much more in files of the role's folder.
pub(super) async fn open(
    ground: &Ground,
    memory_bytes: u64,
    disk_bytes: u64,
) -> Result<SegmentStore, Failure> {
    let folder = Some(ground.place.folder().join("segments"));
    let config = StoreConfig {
        memory_bytes,
        disk_bytes,
        folder,
    };
    SegmentStore::open(config, ground.clock.clone(), &ground.metrics)
        .await
        .map_err(|error| Failure::new(Exit::Precondition, "segment-store", error_chain(&error)))
}
