//! All targets by name, for campaigns and for the corpus test.

use crate::{engine, media, payments, rtmp, wire};

/// A target: takes any bytes, must neither panic nor hang.
pub type Target = fn(&[u8]);

/// Every target. The corpus of `x` is the folder `corpus/x`.
pub const TARGETS: &[(&str, Target)] = &[
    ("engine_frames", engine::frames),
    ("engine_tag", engine::tag),
    ("media_segment", media::segment),
    ("media_transport", media::transport),
    ("media_mp4", media::mp4),
    ("media_headers", media::headers),
    ("media_playlist", media::playlists),
    ("media_signature", media::signature),
    ("payments_schedule", payments::schedule),
    ("rtmp_connection", rtmp::connection),
    ("rtmp_amf", rtmp::amf),
    ("wire_segment", wire::segment),
    ("wire_segment_header", wire::segment_header),
    ("wire_info", wire::info),
    ("wire_answer", wire::answer),
    ("wire_work", wire::work),
    ("wire_payment", wire::payment),
    ("wire_texts", wire::texts),
];
