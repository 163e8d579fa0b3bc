//! The engine against real media, judged by the ffmpeg and ffprobe programs.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod audio;
mod bad_input;
mod clip;
mod clips;
mod codecs;
mod command_line;
mod counts;
mod joining;
mod limits;
mod packets;
mod repairs;
mod resources;
mod session;
mod shapes;
mod streams;
mod time;
