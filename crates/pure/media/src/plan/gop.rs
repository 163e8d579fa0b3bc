//! Where key frames stand.
//!
//! Every segment opens with one. With a set rate the distance is a whole number of frames, without
//! one it is measured in source time.

use std::time::Duration;

use streamflow_types::{FrameRate, Gop};

use super::frame_rate::TimeBase;

/// Why a key-frame interval was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GopError {
    /// An interval of nothing: ask for `intra`, or for some time.
    #[error("a key-frame interval of 0; ask for intra-only or a longer interval")]
    Zero,
    /// Longer than any segment may be: ask for less than [`MAX_INTERVAL`].
    #[error("a key-frame interval beyond {} s", MAX_INTERVAL.as_secs())]
    TooLong,
}

/// Longest interval taken. Segments are shorter, so a longer one says nothing.
pub const MAX_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Key frames of one rendition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GopPlan {
    /// The first frame; the encoder adds its own.
    FirstFrame,
    /// Every frame.
    Intra,
    /// The first frame and every so many after it.
    Frames(u32),
    /// The first frame and whenever this much source time has passed.
    Time(Duration),
}

impl GopPlan {
    /// For a profile's interval and rate. An interval shorter than a frame means every frame.
    pub fn new(gop: Gop, rate: FrameRate) -> Result<Self, GopError> {
        let interval = match gop {
            Gop::Default => return Ok(Self::FirstFrame),
            Gop::Intra => return Ok(Self::Intra),
            Gop::Every(interval) => interval,
        };
        if interval.is_zero() {
            return Err(GopError::Zero);
        }
        if interval > MAX_INTERVAL {
            return Err(GopError::TooLong);
        }
        let Some((num, den)) = rate.ratio() else {
            return Ok(Self::Time(interval));
        };
        let frames =
            interval.as_nanos() * u128::from(num.get()) / (1_000_000_000 * u128::from(den.get()));
        Ok(match u32::try_from(frames) {
            Ok(0) => Self::Intra,
            Ok(frames) => Self::Frames(frames),
            Err(_) => return Err(GopError::TooLong),
        })
    }

    /// The encoder's own interval (`g`); `None` leaves its default.
    pub const fn encoder_interval(self) -> Option<u32> {
        match self {
            Self::FirstFrame | Self::Time(_) => None,
            Self::Intra => Some(0),
            Self::Frames(frames) => Some(frames),
        }
    }

    /// Starts a segment whose frames have times in `base`.
    pub const fn start(self, base: TimeBase) -> KeyFrames {
        KeyFrames {
            plan: self,
            base,
            index: 0,
            first: None,
            passed: 0,
        }
    }
}

/// Says of each encoded frame of a segment whether it must be a key frame.
#[derive(Clone, Debug)]
pub struct KeyFrames {
    plan: GopPlan,
    base: TimeBase,
    index: u64,
    first: Option<i64>,
    /// Whole intervals between the first frame and the last forced one.
    passed: u128,
}

impl KeyFrames {
    /// The next frame, at `pts`: must it be a key frame?
    pub fn next(&mut self, pts: i64) -> bool {
        let index = self.index;
        self.index = index.saturating_add(1);
        let first = *self.first.get_or_insert(pts);
        if index == 0 {
            return true;
        }
        match self.plan {
            GopPlan::FirstFrame => false,
            GopPlan::Intra => true,
            GopPlan::Frames(frames) => index.is_multiple_of(u64::from(frames.max(1))),
            GopPlan::Time(interval) => self.crosses(first, pts, interval),
        }
    }

    /// Whether a multiple of the interval lies between the last forced frame and this one. The
    /// grid starts at the first frame, so late frames do not shift the following ones.
    fn crosses(&mut self, first: i64, pts: i64, interval: Duration) -> bool {
        let units = (i128::from(pts) - i128::from(first)).max(0).unsigned_abs();
        // Below 2^65 units × 2^32 × 10^9 / 2^32: checked, and saturated to "no further key frame".
        let Some(scaled) = units
            .checked_mul(u128::from(self.base.num.get()))
            .and_then(|value| value.checked_mul(1_000_000_000))
        else {
            return false;
        };
        let per = u128::from(self.base.den.get()) * interval.as_nanos().max(1);
        let passed = scaled / per;
        let crossed = passed > self.passed;
        self.passed = self.passed.max(passed);
        crossed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(plan: GopPlan, times: impl Iterator<Item = i64>) -> Vec<usize> {
        let mut schedule = plan.start(TimeBase::new(1, 90_000).unwrap());
        times
            .enumerate()
            .filter(|(_, pts)| schedule.next(*pts))
            .map(|(index, _)| index)
            .collect()
    }

    fn every(millis: u64) -> Gop {
        Gop::Every(Duration::from_millis(millis))
    }

    #[test]
    fn a_set_rate_counts_frames_rounding_down() {
        let plan = GopPlan::new(every(2000), FrameRate::whole(30)).unwrap();
        assert_eq!(plan.encoder_interval(), Some(60));
        let ntsc = FrameRate {
            num: 30_000,
            den: 1001,
        };
        let plan = GopPlan::new(every(1000), ntsc).unwrap();
        assert_eq!(plan, GopPlan::Frames(29));
        assert_eq!(keys(plan, (0..60).map(|n| n * 3003)), [0, 29, 58]);
    }

    #[test]
    fn source_timing_forces_by_time() {
        let plan = GopPlan::new(every(500), FrameRate::SOURCE).unwrap();
        assert_eq!(plan.encoder_interval(), None);
        let times = (0..60).map(|n| 126_000 + n * 3000);
        assert_eq!(keys(plan, times), [0, 15, 30, 45]);
        // A late frame takes the key; the grid stays where it was.
        let late = [0, 50_000, 80_000, 90_000, 134_999, 135_000];
        assert_eq!(keys(plan, late.into_iter()), [0, 1, 3, 5]);
    }

    #[test]
    fn intra_and_default_are_what_they_say() {
        let intra = GopPlan::new(Gop::Intra, FrameRate::whole(30)).unwrap();
        assert_eq!(intra.encoder_interval(), Some(0));
        assert_eq!(keys(intra, 0..4), [0, 1, 2, 3]);
        let plain = GopPlan::new(Gop::Default, FrameRate::SOURCE).unwrap();
        assert_eq!(keys(plain, 0..4), [0]);
        assert_eq!(
            GopPlan::new(every(10), FrameRate::whole(30)),
            Ok(GopPlan::Intra)
        );
    }

    #[test]
    fn impossible_intervals_are_refused() {
        let rate = FrameRate::whole(30);
        assert_eq!(GopPlan::new(every(0), rate), Err(GopError::Zero));
        let forever = Gop::Every(Duration::MAX);
        assert_eq!(GopPlan::new(forever, rate), Err(GopError::TooLong));
    }

    #[test]
    fn extreme_times_do_not_overflow() {
        let plan = GopPlan::new(every(1), FrameRate::SOURCE).unwrap();
        let times = [i64::MIN, i64::MAX, i64::MIN];
        assert_eq!(keys(plan, times.into_iter())[0], 0);
    }
}
