//! The engine against real media, judged by the ffmpeg and ffprobe programs.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod audio;
mod bad_input;
mod clips;
mod counts;
mod limits;
mod resources;
mod shapes;
mod time;
