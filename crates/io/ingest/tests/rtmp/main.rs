//! The RTMP door before real publishers, hand-written ones and hostile peers.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod door;
mod enhanced;
mod hand_written;
mod hostile_peers;
mod probe;
mod real_publishers;
