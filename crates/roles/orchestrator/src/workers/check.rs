//! Whether what a transcoder sent is what was asked for, as far as the structure of its bytes
//! tells. What only a decoder can see is for whoever decodes.

use streamflow_engine::Job;
use streamflow_media::inspect;
use streamflow_types::{Pixels, Rendition, TranscodeFailure};
use streamflow_wire::result::{MIN_RENDITION_BYTES, SegmentFailure};

/// Renditions that were looked at, and the pixels they hold.
pub(super) struct Checked {
    pub(super) renditions: Vec<Rendition>,
    pub(super) pixels: Pixels,
}

/// Looks at the renditions, on a thread of its own: a rendition can be hundreds of megabytes.
pub(super) async fn check(
    renditions: Vec<Rendition>,
    job: &Job,
) -> Result<Checked, SegmentFailure> {
    if renditions.len() != job.work.profiles.len() {
        return Err(SegmentFailure::MismatchedSegments);
    }
    if renditions
        .iter()
        .any(|rendition| rendition.bytes.len() < MIN_RENDITION_BYTES)
    {
        return Err(SegmentFailure::ZeroSegments);
    }
    let looking = tokio::task::spawn_blocking(move || {
        let pixels = renditions.iter().map(counted).sum::<Option<u64>>()?;
        Some(Checked {
            renditions,
            pixels: Pixels(pixels),
        })
    });
    // A bug in looking costs this result, not the node.
    let found = looking.await.unwrap_or_default();
    found.ok_or(SegmentFailure::Transcode(
        TranscodeFailure::InvalidVideoData,
    ))
}

/// The pixels of a rendition, `None` where its claim does not fit its bytes.
fn counted(rendition: &Rendition) -> Option<u64> {
    let info = inspect::inspect(&rendition.bytes).ok()?;
    let video = info.video.as_ref()?;
    let found = Pixels::of_frames(video.width, video.height, video.frames.len() as u64);
    // Pictures that change their size are counted by whoever decodes them.
    let keeps_size = video.largest == (video.width, video.height);
    (!keeps_size || found == Some(rendition.pixels)).then_some(rendition.pixels.0)
}
