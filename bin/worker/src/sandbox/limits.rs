//! Bounds of the process that the kernel keeps. Time is bounded by the node for each segment.

use rustix::io;
use rustix::process::{Resource, Rlimit, setrlimit};
use streamflow_types::MAX_SEGMENT_BYTES;

/// Descriptors: the three standard ones and the memory files of one job.
const MAX_DESCRIPTORS: u64 = 32;

/// Threads: decoder, ten renditions with two helpers each, and the one that listens.
const MAX_THREADS: u64 = 128;

/// Sets the limits. Nothing can raise them afterwards.
pub(super) fn set(memory_bytes: u64, in_user_namespace: bool) -> io::Result<()> {
    let mut limits = vec![
        (Resource::As, memory_bytes),
        // Memory files count as files, so their size is bounded, not their existence; files
        // with a path cannot be made at all.
        (Resource::Fsize, MAX_SEGMENT_BYTES as u64),
        (Resource::Nofile, MAX_DESCRIPTORS),
        (Resource::Core, 0),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
    ];
    if in_user_namespace {
        // Counted for each user in each namespace: elsewhere this process would share the count
        // with everything else its user runs. Without it, threads are bounded by memory.
        limits.push((Resource::Nproc, MAX_THREADS));
    }
    for (resource, limit) in limits {
        let exactly = Rlimit {
            current: Some(limit),
            maximum: Some(limit),
        };
        match setrlimit(resource, exactly) {
            // A lower limit was set from outside.
            Err(io::Errno::PERM) if rustix::process::getrlimit(resource).maximum <= Some(limit) => {
            }
            other => other?,
        }
    }
    Ok(())
}
