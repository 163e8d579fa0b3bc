//! What a playlist has to know of a segment, as measured from its bytes.

use std::time::Duration;

/// What a playlist has to know of a segment. Whatever is not known is left out of the playlist, or
/// taken from the profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Presentation time of the first picture, in ticks of 1/90000 s.
    pub first_pts: Option<u64>,
    /// Where the last picture ends, in the same ticks.
    pub end_pts: Option<u64>,
    /// Width and height of the pictures.
    pub size: Option<(u32, u32)>,
    /// Pictures a second.
    pub frame_rate: Option<f64>,
    /// Codec strings of all tracks, such as `avc1.64001f` and `mp4a.40.2`.
    pub codecs: Vec<String>,
}

/// Ticks after which time stamps of a transport stream start again.
const WRAP: u64 = 1 << 33;

/// Ticks a second.
const TICKS: u64 = 90_000;

/// How far two time stamps may be from fitting and still be one piece of film. Wide enough for
/// slow frame rates, where a picture stands for a second.
const TOLERANCE: u64 = TICKS;

/// How much film is missing between `end` and `next`: `None` where time stamps jump back, or
/// forward by more than the half of their range.
pub(crate) fn missing_between(end: u64, next: u64) -> Option<Duration> {
    let ahead = next.wrapping_sub(end) % WRAP;
    if ahead <= WRAP / 2 {
        return Some(Duration::from_micros(ahead.saturating_mul(100) / 9));
    }
    // A little early is an overlap of rounding, not a jump.
    (WRAP - ahead <= TOLERANCE).then_some(Duration::ZERO)
}

/// Whether this much missing film is none: rounding, or a slow frame rate.
pub(crate) fn is_continuous(missing: Duration) -> bool {
    missing <= Duration::from_secs(1)
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
            missing_between(WRAP - 90_000, 90_000),
            Some(Duration::from_secs(2))
        );
        assert_eq!(missing_between(10_000_000, 0), None);
    }
}
