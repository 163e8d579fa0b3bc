//! What a job must be before a worker sees a byte of it: bounded in size, time, outputs and, as
//! far as its headers tell, in pictures.
//!
//! It reads headers only and never decodes. What it cannot read is left to the worker, whose
//! failure says better what is wrong: the gate refuses what is surely too much, not what is odd.

use std::time::Duration;

use streamflow_media::inspect::{MediaInfo, inspect};
use streamflow_types::{MAX_SEGMENT_BYTES, MAX_SEGMENT_DURATION, TranscodeFailure};

use crate::transcoder::Job;

/// Outputs of one job.
const MAX_OUTPUTS: usize = 10;

/// Largest picture, as area and as side, so that both orientations fit.
const MAX_PICTURE_PIXELS: u64 = 4096 * 2304;
const MAX_PICTURE_SIDE: u32 = 4096;

/// Pictures a second, with a fifth on top, and some for segments shorter than they say.
const MAX_FRAME_RATE: u64 = 60;
const FRAME_SLACK: u64 = 600;

/// Checks a job.
pub(crate) async fn check(job: &Job) -> Result<(), TranscodeFailure> {
    check_request(job)?;
    let source = job.source.clone();
    // A parser at work on a large segment must not hold up sockets.
    let looking = tokio::task::spawn_blocking(move || inspect(&source).ok());
    match looking.await {
        Ok(Some(info)) => check_pictures(&info, job.duration),
        // Not readable, or the parser failed on it: a worker will say.
        Ok(None) | Err(_) => Ok(()),
    }
}

/// What is known without looking at the source.
pub(crate) fn check_request(job: &Job) -> Result<(), TranscodeFailure> {
    if job.work.profiles.len() > MAX_OUTPUTS {
        return Err(TranscodeFailure::TooManyOutputs);
    }
    if job.source.is_empty() {
        return Err(TranscodeFailure::EmptyData);
    }
    if job.source.len() > MAX_SEGMENT_BYTES {
        return Err(TranscodeFailure::InvalidInput);
    }
    if job.duration > MAX_SEGMENT_DURATION {
        return Err(TranscodeFailure::InvalidDuration);
    }
    Ok(())
}

/// What headers say about the pictures.
fn check_pictures(info: &MediaInfo, claimed: Duration) -> Result<(), TranscodeFailure> {
    let duration = info.duration().unwrap_or_default();
    if duration > MAX_SEGMENT_DURATION {
        return Err(TranscodeFailure::InvalidDuration);
    }
    let Some(video) = &info.video else {
        return Ok(());
    };
    let area = u64::from(video.width).saturating_mul(u64::from(video.height));
    if area > MAX_PICTURE_PIXELS || video.width.max(video.height) > MAX_PICTURE_SIDE {
        return Err(TranscodeFailure::InvalidVideo);
    }
    let millis = u64::try_from(duration.max(claimed).as_millis()).unwrap_or(u64::MAX);
    let at_rate = millis.saturating_mul(MAX_FRAME_RATE) / 1000;
    if video.frame_count()
        > at_rate
            .saturating_add(at_rate / 5)
            .saturating_add(FRAME_SLACK)
    {
        return Err(TranscodeFailure::InvalidVideo);
    }
    Ok(())
}
