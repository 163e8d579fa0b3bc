//! How the process keeps memory between segments.
//!
//! Encoders and decoders ask for the same large blocks for every segment. By default the C library
//! takes them from the system and gives them back each time, and the system clears every page
//! again, which costs a ladder a twentieth of its time. A worker keeps them instead, and gives them back when it has nothing to do.

/// The largest block that can be kept: beyond it the C library always asks the system.
#[cfg(target_env = "gnu")]
const LARGEST_KEPT: libc::c_int = 32 << 20;

/// Keeps memory that is freed for the next segment. To be called before there are threads.
pub fn keep_memory() {
    // SAFETY: settings of the allocator, which take numbers.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGEST_KEPT);
        libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
        // One store of memory for all threads: what one of a job's threads let go, another of the
        // next job takes.
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Gives memory that is kept but not used back to the system.
pub fn release_memory() {
    // SAFETY: works on memory nobody holds.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}
