//! Times of frames and packets: repaired on the way in, ordered on the way out.
//!
//! All state is that of one segment. Times are in the caller's units and go through exactly
//! wherever they were right.

mod decode;
mod encoder;

pub use decode::{DecodeTimes, MuxTimes};
pub use encoder::{EncoderClock, TooManyInFlight};

/// Gives decoded frames, in display order, strictly increasing times.
#[derive(Clone, Debug)]
pub struct FrameTimes {
    /// Usual distance between frames.
    step: i64,
    /// A step back of more than this is a break in the source's clock, not a defect of one frame.
    jump: i64,
    last: Option<i64>,
    offset: i64,
}

impl FrameTimes {
    /// For frames usually `step` units apart, with `per_second` units in a second.
    pub const fn new(step: i64, per_second: i64) -> Self {
        Self {
            step: if step > 0 { step } else { 1 },
            jump: per_second,
            last: None,
            offset: 0,
        }
    }

    /// The time of the next frame: its own; else the decoder's guess; else a step after the last
    /// (the first of all is 0). A time that does not advance becomes the last plus one unit. Where
    /// the source's clock fell back by more than a second it runs on from the last frame.
    pub fn next(&mut self, pts: Option<i64>, best_effort: Option<i64>) -> i64 {
        let given = pts.or(best_effort);
        let time = match (given, self.last) {
            (Some(given), None) => given,
            (None, None) => 0,
            (None, Some(last)) => last.saturating_add(self.step),
            (Some(given), Some(last)) => self.after(last, given),
        };
        self.last = Some(time);
        time
    }

    /// What has been added to source times because of breaks in its clock. Whatever runs beside
    /// the video moves with it.
    pub const fn offset(&self) -> i64 {
        self.offset
    }

    fn after(&mut self, last: i64, given: i64) -> i64 {
        let time = given.saturating_add(self.offset);
        if time > last {
            return time;
        }
        if last.saturating_sub(time) > self.jump {
            let time = last.saturating_add(self.step);
            self.offset = time.saturating_sub(given);
            return time;
        }
        last.saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn repaired(times: &[Option<i64>]) -> Vec<i64> {
        let mut frames = FrameTimes::new(3000, 90_000);
        times.iter().map(|t| frames.next(*t, None)).collect()
    }

    #[test]
    fn right_times_pass_exactly() {
        let times = [Some(-5), Some(0), Some(3001), Some(90_000_000)];
        assert_eq!(repaired(&times), [-5, 0, 3001, 90_000_000]);
    }

    #[test]
    fn equal_and_backward_times_move_by_one_unit() {
        let times = [Some(3000), Some(3000), Some(2500), Some(6000)];
        assert_eq!(repaired(&times), [3000, 3001, 3002, 6000]);
    }

    #[test]
    fn missing_times_follow_the_last() {
        assert_eq!(repaired(&[None, None, Some(9000)]), [0, 3000, 9000]);
        let mut frames = FrameTimes::new(3000, 90_000);
        assert_eq!(frames.next(None, Some(77)), 77);
    }

    #[test]
    fn a_restarted_clock_runs_on() {
        let mut frames = FrameTimes::new(3000, 90_000);
        let times = [126_000, 300_000, 126_000, 129_000].map(|t| frames.next(Some(t), None));
        assert_eq!(times, [126_000, 300_000, 303_000, 306_000]);
        assert_eq!(frames.offset(), 177_000);
    }

    proptest! {
        #[test]
        fn times_never_go_back(times in proptest::collection::vec(
            proptest::option::of(-(1i64 << 40)..1i64 << 40), 1..200)) {
            let repaired = repaired(&times);
            prop_assert!(repaired.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
