//! The doors: playlists, segments, the list of streams and the player page over HTTP.

use axum::Router;

use crate::Library;

/// What the doors offer.
#[derive(Clone, Debug, Default)]
pub struct RouterOptions {
    /// Serve the newest live stream as `/stream/current.m3u8`.
    pub current: bool,
    /// Serve the player page at `/` and `/play/…`.
    pub player: bool,
}

/// Playlists, segments, stream list and player page.
pub fn router(library: Library, options: &RouterOptions) -> Router {
    let _ = (library, options);
    Router::new()
}
