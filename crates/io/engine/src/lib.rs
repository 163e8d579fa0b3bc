//! Transcoding in sandboxed worker processes.

mod transcoder;

pub use transcoder::{Job, Outcome, Transcoder};
