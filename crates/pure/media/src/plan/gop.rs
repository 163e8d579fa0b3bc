//! Where key frames stand.

use std::num::NonZeroU32;
use std::time::Duration;

use streamflow_types::Gop;

/// A key-frame interval of zero length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key-frame interval must be longer than zero")]
pub struct InvalidGop;

/// Where key frames stand besides the first picture of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFrames {
    /// Where the encoder wants them.
    EncoderDefault,
    /// After so many pictures; 0 makes every picture one.
    EveryPictures(u32),
    /// By time, since pictures are not evenly spaced.
    EveryTime(Duration),
}

impl KeyFrames {
    /// What a profile asks for, at a rate set (numerator, denominator) or at the source's.
    pub fn of(gop: Gop, rate: Option<(NonZeroU32, NonZeroU32)>) -> Result<Self, InvalidGop> {
        match (gop, rate) {
            (Gop::Default, _) => Ok(Self::EncoderDefault),
            (Gop::Intra, _) => Ok(Self::EveryPictures(0)),
            (Gop::Every(interval), _) if interval.is_zero() => Err(InvalidGop),
            (Gop::Every(interval), None) => Ok(Self::EveryTime(interval)),
            (Gop::Every(interval), Some((num, den))) => {
                let pictures = interval.as_nanos() * u128::from(num.get())
                    / (u128::from(den.get()) * 1_000_000_000);
                // An interval below one picture's still is one picture: 0 means something else.
                let pictures = u32::try_from(pictures).unwrap_or(u32::MAX).max(1);
                Ok(Self::EveryPictures(pictures))
            }
        }
    }
}

/// Says which pictures to make key frames when they stand by time.
#[derive(Clone, Copy, Debug)]
pub struct KeyClock {
    interval: i64,
    due: Option<i64>,
}

impl KeyClock {
    /// Key frames this many ticks apart.
    pub fn new(interval: i64) -> Self {
        Self {
            interval: interval.max(1),
            due: None,
        }
    }

    /// Whether the picture shown at this time is a key frame. The first always is.
    pub fn is_key(&mut self, pts: i64) -> bool {
        match self.due {
            Some(due) if pts < due => false,
            due => {
                // From the time it was due, so that uneven pictures do not add up.
                let from = due.unwrap_or(pts);
                let passed = pts.saturating_sub(from) / self.interval;
                let next = passed.saturating_add(1).saturating_mul(self.interval);
                self.due = Some(from.saturating_add(next));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(num: u32, den: u32) -> Option<(NonZeroU32, NonZeroU32)> {
        Some((NonZeroU32::new(num).unwrap(), NonZeroU32::new(den).unwrap()))
    }

    #[test]
    fn an_interval_becomes_whole_pictures_rounded_down() {
        let two = Gop::Every(Duration::from_secs(2));
        assert_eq!(KeyFrames::of(two, rate(30, 1)), Ok(KeyFrames::EveryPictures(60)));
        assert_eq!(
            KeyFrames::of(two, rate(30_000, 1001)),
            Ok(KeyFrames::EveryPictures(59))
        );
        assert_eq!(
            KeyFrames::of(two, None),
            Ok(KeyFrames::EveryTime(Duration::from_secs(2)))
        );
        let short = Gop::Every(Duration::from_millis(1));
        assert_eq!(KeyFrames::of(short, rate(30, 1)), Ok(KeyFrames::EveryPictures(1)));
    }

    #[test]
    fn intra_only_and_invalid() {
        assert_eq!(KeyFrames::of(Gop::Intra, None), Ok(KeyFrames::EveryPictures(0)));
        assert_eq!(KeyFrames::of(Gop::Every(Duration::ZERO), None), Err(InvalidGop));
        assert_eq!(KeyFrames::of(Gop::Default, None), Ok(KeyFrames::EncoderDefault));
    }

    #[test]
    fn key_frames_by_time_do_not_drift() {
        let mut clock = KeyClock::new(100);
        let keys: Vec<i64> = (0..40).map(|n| n * 30).filter(|pts| clock.is_key(*pts)).collect();
        assert_eq!(keys[..5], [0, 120, 210, 300, 420]);
        let mut clock = KeyClock::new(100);
        assert!(clock.is_key(7) && !clock.is_key(106) && clock.is_key(900) && !clock.is_key(906));
    }
}
