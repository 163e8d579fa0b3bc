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
    // The size may change inside the segment.
    let (width, height) = video.largest;
    let area = u64::from(width).saturating_mul(u64::from(height));
    if area > MAX_PICTURE_PIXELS || width.max(height) > MAX_PICTURE_SIDE {
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

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use bytes::Bytes;
    use streamflow_media::mpegts::Ticks;
    use streamflow_types::{ManifestId, SegmentNumber, SessionId, Work};
    use tokio::time::Instant;

    use super::*;
    use crate::card::{Card, Scene};

    fn job(source: Bytes, millis: u64) -> Job {
        Job {
            session: SessionId::from_random([0; 4]),
            manifest: ManifestId::new("m").unwrap(),
            number: SegmentNumber(0),
            duration: Duration::from_millis(millis),
            source,
            work: Work::new(Vec::new()),
            deadline: Instant::now(),
        }
    }

    fn clip(width: u32, height: u32, rate: u32, pictures: u16) -> Bytes {
        let card = Card::new(width, height, Scene::Black).unwrap();
        let rate = (NonZeroU32::new(rate).unwrap(), NonZeroU32::MIN);
        card.segment(Ticks(90_000), rate, pictures)
    }

    #[tokio::test]
    async fn bombs_are_told_by_their_headers() {
        use TranscodeFailure as F;
        let wide = check(&job(clip(4096, 4096, 30, 2), 2_000)).await;
        assert_eq!(wide, Err(F::InvalidVideo));
        let many = check(&job(clip(160, 90, 10_000, 5_000), 500)).await;
        assert_eq!(many, Err(F::InvalidVideo));
        let long = check(&job(clip(160, 90, 1, 302), 2_000)).await;
        assert_eq!(long, Err(F::InvalidDuration));
        for (width, height) in [(4096, 2304), (2304, 4096), (160, 90)] {
            assert_eq!(
                check(&job(clip(width, height, 30, 60), 2_000)).await,
                Ok(())
            );
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_left_to_the_worker() {
        assert_eq!(
            check(&job(Bytes::from_static(b"noise"), 2_000)).await,
            Ok(())
        );
        let empty = check(&job(Bytes::new(), 2_000)).await;
        assert_eq!(empty, Err(TranscodeFailure::EmptyData));
    }
}
