//! Bounds of the process that the kernel keeps. Time is bounded by the node for each segment.

use rustix::io;
use rustix::process::{Resource, Rlimit, setrlimit};
use streamflow_types::MAX_SEGMENT_BYTES;

/// Descriptors: the three standard ones and the memory files of one job.
const MAX_DESCRIPTORS: u64 = 32;

/// Threads: decoder, ten renditions with two helpers each, and the one that listens.
const MAX_THREADS: u64 = 128;

/// The same of a card's worker: its driver opens the card's nodes many times, and up to 32 jobs
/// run side by side.
const MAX_DESCRIPTORS_OF_CARD: u64 = 1_024;
const MAX_THREADS_OF_CARD: u64 = 1_024;

/// The limits of a worker on the processor.
pub(super) fn of_processor(memory_bytes: u64, in_user_namespace: bool) -> Vec<(Resource, u64)> {
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
    limits
}

/// Those of a card's worker. A driver reserves address space for all memory of the card and locks
/// pages, so neither is bounded; the node watches the memory that is really used.
pub(super) fn of_card(in_user_namespace: bool) -> Vec<(Resource, u64)> {
    let mut limits = vec![
        (Resource::Fsize, MAX_SEGMENT_BYTES as u64),
        (Resource::Nofile, MAX_DESCRIPTORS_OF_CARD),
        (Resource::Core, 0),
        (Resource::Msgqueue, 0),
    ];
    if in_user_namespace {
        limits.push((Resource::Nproc, MAX_THREADS_OF_CARD));
    }
    limits
}

/// Sets the limits. Nothing can raise them afterwards.
pub(super) fn set(limits: &[(Resource, u64)]) -> io::Result<()> {
    for (resource, limit) in limits.iter().copied() {
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
