//! Where segments are kept: memory that spills to files, folders, S3.
//!
//! [`SegmentStore`] holds what is served right now and forgets it by itself. [`ObjectStore`] is the
//! seam to stores that outlive the process: a folder, an S3 bucket, and memory in tests.

pub mod objects;
pub mod segments;

pub use objects::{
    ClientError, FolderObjects, KeyError, LocationError, MemoryObjects, ObjectClient, ObjectError,
    ObjectKey, ObjectStore, PeerObjects, S3Objects, StoreLocation,
};
pub use segments::{
    OpenError, Owner, OwnerError, PutError, ReadError, SegmentStore, SpillFault, StoreConfig, Usage,
};
