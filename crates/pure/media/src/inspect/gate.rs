//! What may reach a decoder.
//!
//! A few bytes can claim a picture of gigabytes. The headers are asked before a frame is
//! allocated.

use std::time::Duration;

use super::report::MediaInfo;
use crate::plan::geometry::Size;

/// Largest input taken to a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateLimits {
    /// Longer and shorter side of a picture, in either orientation.
    pub largest: Size,
    /// Frames a second.
    pub rate: u32,
    /// How long a segment may play.
    pub duration: Duration,
}

impl Default for GateLimits {
    fn default() -> Self {
        Self {
            largest: Size::new(4096, 2304),
            rate: 60,
            duration: streamflow_types::MAX_SEGMENT_DURATION,
        }
    }
}

/// Why a segment is kept from the decoder. Refuse it; nobody else should be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// A picture larger than allowed.
    #[error("pictures of {}x{}, at most {}x{}", found.width, found.height, most.width, most.height)]
    TooLarge {
        /// What the headers announce.
        found: Size,
        /// What is allowed.
        most: Size,
    },
    /// More frames than its time can hold.
    #[error("{found} frames in {duration:?}, at most {most}")]
    TooManyFrames {
        /// Frames found.
        found: u64,
        /// Frames allowed.
        most: u64,
        /// The time they should fill.
        duration: Duration,
    },
    /// Plays longer than allowed.
    #[error("plays for {found:?}, at most {most:?}")]
    TooLong {
        /// How long it plays.
        found: Duration,
        /// What is allowed.
        most: Duration,
    },
}

/// Whether a decoder may see the segment. `claimed` is the duration its sender gives; where the
/// segment itself says less, that counts: frames that claim no time of their own are many.
pub fn gate(info: &MediaInfo, claimed: Duration, limits: &GateLimits) -> Result<(), GateError> {
    let Some(video) = &info.video else {
        return Ok(());
    };
    let (width, height) = video.largest;
    let (longer, shorter) = (width.max(height), width.min(height));
    if longer > limits.largest.width || shorter > limits.largest.height {
        return Err(GateError::TooLarge {
            found: Size::new(width, height),
            most: limits.largest,
        });
    }
    let measured = info.duration().unwrap_or(claimed);
    let longest = measured.max(claimed);
    if longest > limits.duration {
        return Err(GateError::TooLong {
            found: longest,
            most: limits.duration,
        });
    }
    // A fifth more than the rate, and a second's worth for segments of a few frames.
    let millis = u64::try_from(measured.min(claimed).as_millis()).unwrap_or(u64::MAX);
    let rate = u64::from(limits.rate);
    let most = (rate * 12).saturating_mul(millis) / 10_000 + rate;
    let found = video.frame_count();
    if found > most {
        return Err(GateError::TooManyFrames {
            found,
            most,
            duration: measured.min(claimed),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use streamflow_types::{Codec, Container};

    use super::*;
    use crate::inspect::{FrameTime, VideoCodec};
    use crate::mpegts::Ticks;

    fn segment(width: u32, height: u32, frames: i64) -> MediaInfo {
        let mut video = crate::inspect::video::unknown(VideoCodec::Known(Codec::H264));
        (video.width, video.height) = (width, height);
        video.largest = (width, height);
        video.frames = (0..frames)
            .map(|n| FrameTime {
                pts: Some(Ticks(n * 180_000 / frames)),
                dts: None,
                key: n == 0,
                idr: n == 0,
            })
            .collect();
        MediaInfo {
            container: Container::MpegTs,
            bytes: 1,
            video: Some(video),
            audio: None,
            other_tracks: 0,
            transport: None,
        }
    }

    const TWO: Duration = Duration::from_secs(2);

    fn gated(info: &MediaInfo) -> Result<(), GateError> {
        gate(info, TWO, &GateLimits::default())
    }

    #[test]
    fn usual_segments_pass_in_either_orientation() {
        assert_eq!(gated(&segment(1280, 720, 120)), Ok(()));
        assert_eq!(gated(&segment(2304, 4096, 60)), Ok(()));
        assert_eq!(gated(&segment(1280, 720, 1)), Ok(()));
    }

    #[test]
    fn large_pictures_are_stopped() {
        let result = gated(&segment(4096, 2306, 1));
        assert!(matches!(result, Err(GateError::TooLarge { .. })));
        let mut changing = segment(640, 360, 60);
        if let Some(video) = &mut changing.video {
            video.largest = (8192, 8192);
        }
        assert!(matches!(gated(&changing), Err(GateError::TooLarge { .. })));
    }

    #[test]
    fn floods_of_frames_are_stopped() {
        assert_eq!(gated(&segment(64, 64, 203)), Ok(()));
        let result = gated(&segment(64, 64, 206));
        assert!(matches!(
            result,
            Err(GateError::TooManyFrames {
                found: 206,
                most: 204 | 203,
                ..
            })
        ));
    }

    #[test]
    fn long_segments_are_stopped() {
        let info = segment(64, 64, 10);
        let result = gate(&info, Duration::from_secs(301), &GateLimits::default());
        assert!(matches!(result, Err(GateError::TooLong { .. })));
    }
}
