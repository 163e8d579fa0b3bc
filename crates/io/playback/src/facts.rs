//! What a playlist has to know of a segment, as measured from its bytes.

use std::time::Duration;

use streamflow_media::inspect::MediaInfo;
use streamflow_media::mpegts::Ticks;

/// What a playlist has to know of a segment. Whatever is not known is left out of the playlist, or
/// taken from the profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Presentation time of the first picture, in ticks of 1/90000 s.
    pub first_pts: Option<u64>,
    /// Where the last picture ends, in the same ticks.
    pub end_pts: Option<u64>,
    /// Width and height of the pictures.
    pub size: Option<(u32, u32)>,
    /// Pictures a second, as a ratio.
    pub frame_rate: Option<(u32, u32)>,
    /// Codec strings of all tracks, such as `avc1.64001f` and `mp4a.40.2`.
    pub codecs: Vec<String>,
    /// Whether a decoder can start with its first picture.
    pub starts_with_key: bool,
}

impl From<&MediaInfo> for Facts {
    fn from(info: &MediaInfo) -> Self {
        let (video, audio) = (info.video.as_ref(), info.audio.as_ref());
        let picture = video.filter(|video| video.has_picture());
        let sound = || {
            let audio = audio?;
            let first = audio.first_pts?;
            Some((first, first + audio.duration?))
        };
        let times = picture.and_then(|video| Some((video.min_pts()?, video.end_pts()?)));
        let times = times.or_else(sound);
        Self {
            first_pts: times.map(|(first, _)| first.to_wire()),
            end_pts: times.map(|(_, end)| end.to_wire()),
            size: picture.map(|video| (video.width, video.height)),
            frame_rate: picture.and_then(|video| video.frame_rate()),
            codecs: info.codec_strings(),
            starts_with_key: picture.is_none_or(|video| video.starts_with_key()),
        }
    }
}

/// How far two time stamps may be from fitting and still be one piece of film. Wide enough for
/// slow frame rates, where a picture stands for a second.
const TOLERANCE: Duration = Duration::from_secs(1);

/// How much film is missing between `end` and `next`: `None` where time stamps jump back.
pub(crate) fn missing_between(end: u64, next: u64) -> Option<Duration> {
    let ticks = |wire: u64| Ticks(i64::try_from(wire).unwrap_or(i64::MAX));
    let ahead = ticks(next).wrapped_distance(ticks(end));
    // A little early is an overlap of rounding, not a jump.
    let is_near = ahead.abs().to_duration() <= TOLERANCE;
    (ahead >= Ticks::ZERO || is_near).then(|| ahead.to_duration())
}

/// Whether this much missing film is none: rounding, or a slow frame rate.
pub(crate) fn is_continuous(missing: Duration) -> bool {
    missing <= TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_film_is_counted_across_the_wrap_of_time_stamps() {
        assert_eq!(missing_between(180_000, 180_000), Some(Duration::ZERO));
        assert_eq!(missing_between(180_000, 179_000), Some(Duration::ZERO));
        assert_eq!(
            missing_between(180_000, 360_000),
            Some(Duration::from_secs(2))
        );
        assert_eq!(
            missing_between((1 << 33) - 90_000, 90_000),
            Some(Duration::from_secs(2))
        );
        assert_eq!(missing_between(10_000_000, 0), None);
    }
}
