//! Streams as JSON shows them.

use std::time::Duration;

use serde::Serialize;

use streamflow_runtime::Clock;
use streamflow_types::ManifestId;

use super::DeliveryPath;
use super::stream::Stream;
use crate::name::encode;

/// A stream as its viewers may know it. Fields are added, never renamed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StreamView {
    /// Its name.
    pub manifest: String,
    /// Path of the master playlist.
    pub playlist: String,
    /// Path of the player page.
    pub player: String,
    /// Whether its publisher is there.
    pub live: bool,
    /// When it was opened, in milliseconds since 1970.
    pub opened_unix_ms: u64,
    /// When it last changed: a segment came, was made, or given up.
    pub changed_unix_ms: u64,
    /// Seconds of the longest segment so far.
    pub target_duration_s: u64,
    /// Segments whose renditions are being made.
    pub in_work: usize,
    /// The source first, then the ladder.
    pub variants: Vec<VariantView>,
}

/// A variant as its viewers may know it. Fields are added, never renamed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VariantView {
    /// Its name.
    pub name: String,
    /// Whether it is what the publisher sent.
    pub is_source: bool,
    /// Width of the pictures, if known.
    pub width: Option<u32>,
    /// Height of the pictures, if known.
    pub height: Option<u32>,
    /// Pictures a second, if known.
    pub frame_rate: Option<f64>,
    /// Codec strings of all tracks.
    pub codecs: Vec<String>,
    /// Largest bit rate of a segment.
    pub bandwidth: u64,
    /// Bit rate over all segments.
    pub average_bandwidth: u64,
    /// Segments since it was opened.
    pub segments: u64,
    /// The number of the last entry of its playlist.
    pub last_number: Option<u64>,
    /// Segments that were given up.
    pub gaps: u64,
    /// Segments that came after their deadline.
    pub late: u64,
    /// Who made the last one.
    pub path: Option<DeliveryPath>,
    /// Segments made by orchestrators.
    pub network: u64,
    /// Segments made by the gateway itself.
    pub local: u64,
    /// Segments passed through.
    pub source: u64,
    /// From the source's arrival to the last rendition, for the last segment.
    pub latency_ms: Option<u64>,
}

pub(super) fn of(
    manifest: &ManifestId,
    opened_unix: Duration,
    stream: &Stream,
    clock: &dyn Clock,
) -> StreamView {
    let path = encode(manifest.as_str());
    let variants = std::iter::once(&stream.source).chain(&stream.renditions);
    StreamView {
        manifest: manifest.as_str().to_owned(),
        playlist: format!("/stream/{path}.m3u8"),
        player: format!("/play/{path}"),
        live: stream.ended.is_none(),
        opened_unix_ms: opened_unix.as_millis() as u64,
        changed_unix_ms: clock.unix().as_millis() as u64,
        target_duration_s: stream.target_s(),
        in_work: stream.unresolved(),
        variants: variants.map(super::variant::Variant::view).collect(),
    }
}
