//! Which source frame each output frame shows.
//!
//! Output frame *n* lies *n*/rate after the first source frame. Source times are rounded to that
//! grid, halves away from the start, and each output shows the latest source frame at or before
//! it, so two source frames on one grid point leave the later one. The decision falls when the
//! *next* frame is known and before anything is scaled: a frame emitted 0 times costs nothing, one
//! emitted several times is scaled once.

use std::num::NonZeroU32;

/// Output frames allowed for each frame decoded.
pub const MAX_FRAMES_PER_DECODED: u64 = 25;

/// Seconds in one unit of a stream's times, as a ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeBase {
    /// Seconds.
    pub num: NonZeroU32,
    /// Units in them.
    pub den: NonZeroU32,
}

impl TimeBase {
    /// `None` when either term is 0.
    pub fn new(num: u32, den: u32) -> Option<Self> {
        Some(Self {
            num: NonZeroU32::new(num)?,
            den: NonZeroU32::new(den)?,
        })
    }
}

/// The rate asks for more than [`MAX_FRAMES_PER_DECODED`] outputs for each frame decoded. Stop the
/// rendition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {MAX_FRAMES_PER_DECODED} output frames for each decoded one")]
pub struct Runaway;

/// Decides for one rendition of one segment. Feed it the repaired, increasing times of the decoded
/// frames, then [`finish`](Self::finish).
#[derive(Clone, Debug)]
pub struct FrameRatePlan {
    /// Frames a second.
    rate: (NonZeroU32, NonZeroU32),
    base: TimeBase,
    first: Option<i64>,
    last: i64,
    /// Distance between the last two frames, for an unknown last duration.
    step: Option<i64>,
    /// Grid point of the next output, which is also how many there are.
    emitted: u64,
    decoded: u64,
    guarded: bool,
}

impl FrameRatePlan {
    /// For a rate of `num`/`den` frames a second and source times in `base`.
    pub const fn new(num: NonZeroU32, den: NonZeroU32, base: TimeBase) -> Self {
        Self {
            rate: (num, den),
            base,
            first: None,
            last: 0,
            step: None,
            emitted: 0,
            decoded: 0,
            guarded: true,
        }
    }

    /// Without the runaway guard, for still pictures.
    #[must_use]
    pub const fn unguarded(mut self) -> Self {
        self.guarded = false;
        self
    }

    /// A frame was decoded. Returns how many times the frame *before* it is shown.
    pub fn push(&mut self, pts: i64) -> Result<u64, Runaway> {
        self.decoded = self.decoded.saturating_add(1);
        let Some(first) = self.first else {
            self.first = Some(pts);
            self.last = pts;
            return Ok(0);
        };
        let step = pts.saturating_sub(self.last);
        if step > 0 {
            self.step = Some(step);
            self.last = pts;
        }
        self.emit_until(first, self.last)
    }

    /// No more frames. Returns how many times the last one is shown; a segment of at least one
    /// frame shows at least one. Without a duration the last distance between frames counts, or
    /// else one output frame.
    pub fn finish(&mut self, last_duration: Option<i64>) -> Result<u64, Runaway> {
        let Some(first) = self.first.take() else {
            return Ok(0);
        };
        let duration = last_duration.filter(|d| *d > 0).or(self.step);
        let mut count = match duration {
            Some(duration) => self.emit_until(first, self.last.saturating_add(duration))?,
            None => 0,
        };
        if self.emitted == 0 {
            self.emitted = 1;
            count = 1;
        }
        Ok(count)
    }

    /// Output frames decided so far.
    pub const fn emitted(&self) -> u64 {
        self.emitted
    }

    /// The time of output frame `n` in the source's units, for a first frame at `first`. `None`
    /// beyond what 64 bits hold.
    pub fn time_of(&self, first: i64, n: u64) -> Option<i64> {
        let (num, den) = self.rate;
        let units = i128::from(n)
            .checked_mul(i128::from(den.get()))?
            .checked_mul(i128::from(self.base.den.get()))?;
        let per = i128::from(num.get()) * i128::from(self.base.num.get());
        let offset = i64::try_from(rounded_ratio(units, per)?).ok()?;
        first.checked_add(offset)
    }

    /// Emits up to but not including the grid point of `time`.
    fn emit_until(&mut self, first: i64, time: i64) -> Result<u64, Runaway> {
        let point = self.grid_point(first, time).ok_or(Runaway)?;
        let count = point.saturating_sub(self.emitted);
        let total = self.emitted.saturating_add(count);
        if self.guarded && total > self.decoded.saturating_mul(MAX_FRAMES_PER_DECODED) {
            return Err(Runaway);
        }
        self.emitted = total;
        Ok(count)
    }

    fn grid_point(&self, first: i64, time: i64) -> Option<u64> {
        let (num, den) = self.rate;
        let distance = i128::from(time) - i128::from(first);
        let scaled = distance
            .max(0)
            .checked_mul(i128::from(num.get()))?
            .checked_mul(i128::from(self.base.num.get()))?;
        let per = i128::from(den.get()) * i128::from(self.base.den.get());
        u64::try_from(rounded_ratio(scaled, per)?).ok()
    }
}

/// `num`/`den` for non-negative `num`, halves up.
fn rounded_ratio(num: i128, den: i128) -> Option<i128> {
    Some(num.checked_add(den / 2)? / den)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plan(num: u32, den: u32, base: u32) -> FrameRatePlan {
        FrameRatePlan::new(
            NonZeroU32::new(num).unwrap(),
            NonZeroU32::new(den).unwrap(),
            TimeBase::new(1, base).unwrap(),
        )
    }

    /// How often each frame is shown.
    fn shown(plan: &mut FrameRatePlan, times: &[i64], last: Option<i64>) -> Vec<u64> {
        let mut counts: Vec<u64> = times.iter().map(|t| plan.push(*t).unwrap()).collect();
        counts.push(plan.finish(last).unwrap());
        counts.remove(0);
        counts
    }

    #[test]
    fn halving_the_rate_keeps_every_other_frame() {
        let times: Vec<i64> = (0..120).map(|n| 126_000 + n * 1500).collect();
        let counts = shown(&mut plan(30, 1, 90_000), &times, Some(1500));
        assert_eq!(counts.iter().sum::<u64>(), 60);
        // 0.5 rounds up, so the second frame shares grid point 1 with the third, which wins.
        assert_eq!(counts[..6], [1, 0, 1, 0, 1, 0]);
    }

    #[test]
    fn doubling_the_rate_shows_every_frame_twice() {
        let times: Vec<i64> = (0..60).map(|n| n * 3000).collect();
        let counts = shown(&mut plan(60, 1, 90_000), &times, Some(3000));
        assert!(counts.iter().all(|count| *count == 2));
    }

    #[test]
    fn a_segment_shorter_than_a_frame_gives_one() {
        assert_eq!(shown(&mut plan(30, 1, 90_000), &[5000], Some(10)), [1]);
        assert_eq!(shown(&mut plan(30, 1, 90_000), &[5000], None), [1]);
        assert_eq!(
            shown(&mut plan(1, 1, 90_000), &[0, 90, 180], Some(90)),
            [0, 0, 1]
        );
        assert_eq!(plan(30, 1, 90_000).finish(Some(3000)), Ok(0));
    }

    #[test]
    fn two_frames_far_apart_run_away() {
        let mut far = plan(30, 1, 90_000);
        assert_eq!(far.push(0), Ok(0));
        assert_eq!(far.push(90_000 * 100), Err(Runaway));
        assert_eq!(far.push(i64::MAX), Err(Runaway));
        let mut still = plan(30, 1, 90_000).unguarded();
        assert_eq!(still.push(0), Ok(0));
        assert_eq!(still.finish(Some(90_000 * 10)), Ok(300));
    }

    #[test]
    fn times_that_do_not_advance_show_the_later_frame_only() {
        let counts = shown(&mut plan(30, 1, 90_000), &[0, 0, -50, 3000], Some(3000));
        assert_eq!(counts, [0, 0, 1, 1]);
    }

    #[test]
    fn output_times_are_exact() {
        let ntsc = plan(30_000, 1001, 90_000);
        assert_eq!(ntsc.time_of(7, 0), Some(7));
        assert_eq!(ntsc.time_of(7, 30_000), Some(7 + 1001 * 90_000));
        assert_eq!(ntsc.time_of(i64::MAX, 1), None);
    }

    const RATES: [(u32, u32); 7] = [
        (24_000, 1001),
        (24, 1),
        (25, 1),
        (30_000, 1001),
        (30, 1),
        (60_000, 1001),
        (60, 1),
    ];

    proptest! {
        #[test]
        fn counts_are_the_exact_ratio_of_the_rates(
            from in 0usize..RATES.len(),
            to in 0usize..RATES.len(),
            frames in 1i64..2000,
            start in -1_000_000i64..1 << 34,
        ) {
            let ((fnum, fden), (tnum, tden)) = (RATES[from], RATES[to]);
            // One unit is one source frame: no rounding on the way in.
            let base = TimeBase::new(fden, fnum).unwrap();
            let mut plan = FrameRatePlan::new(
                NonZeroU32::new(tnum).unwrap(), NonZeroU32::new(tden).unwrap(), base);
            let times: Vec<i64> = (0..frames).map(|n| start + n).collect();
            let total: u64 = shown(&mut plan, &times, Some(1)).iter().sum();
            let num = frames as u64 * u64::from(fden) * u64::from(tnum);
            let den = u64::from(fnum) * u64::from(tden);
            prop_assert_eq!(total, ((2 * num + den) / (2 * den)).max(1));
            prop_assert_eq!(total, plan.emitted());
        }

        #[test]
        fn each_output_shows_the_latest_frame_on_the_grid(
            gaps in proptest::collection::vec(1i64..9000, 1..200),
        ) {
            let mut time = 0;
            let mut times = vec![0];
            for gap in gaps { time += gap; times.push(time); }
            let mut plan = plan(30, 1, 90_000);
            let counts = shown(&mut plan, &times, Some(3000));
            let order = counts.iter().enumerate()
                .flat_map(|(index, count)| vec![index; *count as usize]);
            for (n, frame) in order.enumerate() {
                let wanted = times.iter().rposition(|t| (t + 1500) / 3000 <= n as i64).unwrap();
                prop_assert_eq!(frame, wanted);
            }
        }
    }
}
