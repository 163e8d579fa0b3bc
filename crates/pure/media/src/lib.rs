//! Containers, codec headers, segmenter, playlists and the plans of a transcode.
//!
//! Everything here works on bytes and numbers in memory. Nothing decodes a picture, waits, or
//! reads a file; bytes that came from elsewhere lead to a typed error, never to a panic, and every
//! list that grows with foreign input has a named bound.

pub mod codec;
pub mod flv;
pub mod hls_check;
pub mod inspect;
pub mod ladder;
pub mod mp4;
pub mod mpegts;
pub mod plan;
pub mod playlist;
pub mod segmenter;
pub mod signature;
