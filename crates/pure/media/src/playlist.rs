//! HLS playlists (RFC 8216), written.
//!
//! [`MasterPlaylist`] and [`MediaPlaylist`] are values with one text each; [`Window`] is the
//! sliding list of a live rendition. Media sequence numbers are segment numbers, so the variants of
//! a stream agree on them whatever was lost in each.

mod master;
mod media;
mod window;

pub use master::{MasterPlaylist, Variant, VariantMeter};
pub use media::{Entry, MediaPlaylist};
pub use window::{PushError, Window};

/// Media type of a playlist.
pub const MEDIA_TYPE: &str = "application/vnd.apple.mpegurl";

/// Media type of a playlist as older nodes of the network send it.
pub const COMPATIBLE_MEDIA_TYPE: &str = "application/x-mpegURL";

/// Version for playlists with fractional durations and nothing newer.
const VERSION: u32 = 3;

/// Text that can stand between quotes or on a line of its own: other characters would end it.
fn is_safe(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_control() || c == '"')
}
