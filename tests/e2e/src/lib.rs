//! A network judged from outside: what an independent reader fetched, and nothing a node says of
//! itself.
//!
//! [`reader`] polls playlists and downloads segments as a player would, [`judge`] decodes them with
//! the `ffmpeg` program and compares them with the source, [`report`] sums up.

pub mod hostile;
pub mod judge;
pub mod network;
pub mod playlists;
pub mod probe;
pub mod reader;
pub mod report;
pub mod strangers;
