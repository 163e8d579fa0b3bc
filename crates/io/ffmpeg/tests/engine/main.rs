//! The engine against real media, judged by the ffmpeg and ffprobe programs.

mod audio;
mod bad_input;
mod clips;
mod counts;
mod limits;
mod resources;
mod shapes;
mod time;
