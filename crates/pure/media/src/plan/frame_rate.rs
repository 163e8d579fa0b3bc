//! Which source picture each output picture shows when the rate is set.
//!
//! Output picture *n* stands at *n* ÷ rate on the stream's own clock, so consecutive segments
//! join without state. A source picture belongs to the output time nearest to its own, halves
//! away from zero, and is shown until the next one's.

use std::num::NonZeroU32;

/// Output pictures that show the picture asked about: `count` of them from `first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Showing {
    /// Number of the first output picture on the output's clock.
    pub first: i64,
    /// How many; 0 drops the picture.
    pub count: u64,
}

/// Places source pictures on the clock of an output rate.
#[derive(Clone, Debug)]
pub struct RatePlan {
    /// Output pictures in a source tick, as a ratio.
    num: i128,
    den: i128,
    /// Output time of the picture that waits for its end.
    waiting: Option<i64>,
    /// First output time not filled yet.
    next: Option<i64>,
    emitted: u64,
}

impl RatePlan {
    /// From source times in ticks of `tick` (seconds as a ratio) to `rate` pictures a second.
    pub fn new(rate: (NonZeroU32, NonZeroU32), tick: (NonZeroU32, NonZeroU32)) -> Self {
        Self {
            num: i128::from(rate.0.get()) * i128::from(tick.0.get()),
            den: i128::from(rate.1.get()) * i128::from(tick.1.get()),
            waiting: None,
            next: None,
            emitted: 0,
        }
    }

    /// A picture arrived: where the one before it is shown, if there was one. Times must grow.
    pub fn arrive(&mut self, pts: i64) -> Option<Showing> {
        let place = self.place(pts);
        let before = self.waiting.replace(place);
        let next = *self.next.get_or_insert(place);
        before.map(|_| self.show(next, place))
    }

    /// No more pictures: where the last one is shown, given the time it ends. A segment shorter
    /// than an output picture still shows one.
    pub fn end(&mut self, end: i64) -> Option<Showing> {
        self.waiting.take()?;
        let next = self.next?;
        let mut end = self.place(end);
        if self.emitted == 0 {
            end = end.max(next.saturating_add(1));
        }
        Some(self.show(next, end))
    }

    fn show(&mut self, next: i64, end: i64) -> Showing {
        let count = u64::try_from(end.saturating_sub(next)).unwrap_or(0);
        self.next = Some(next.max(end));
        self.emitted = self.emitted.saturating_add(count);
        Showing { first: next, count }
    }

    /// The output time nearest to a source time; halves away from zero.
    fn place(&self, pts: i64) -> i64 {
        let scaled = i128::from(pts) * self.num;
        let half = self.den / 2;
        let nearest = if scaled >= 0 {
            (scaled + half) / self.den
        } else {
            // For an odd denominator there is no half to speak of.
            -((-scaled + half) / self.den)
        };
        i64::try_from(nearest).unwrap_or(if nearest < 0 { i64::MIN } else { i64::MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(num: u32, den: u32) -> (NonZeroU32, NonZeroU32) {
        (NonZeroU32::new(num).unwrap(), NonZeroU32::new(den).unwrap())
    }

    /// (source picture, output time) of everything shown.
    fn shown(rate: (u32, u32), times: &[i64], end: i64) -> Vec<(usize, i64)> {
        let mut plan = RatePlan::new(ratio(rate.0, rate.1), ratio(1, 90_000));
        let mut shown = Vec::new();
        let mut take = |picture: usize, showing: Option<Showing>| {
            if let Some(Showing { first, count }) = showing {
                shown.extend((0..count as i64).map(|n| (picture, first + n)));
            }
        };
        for (index, pts) in times.iter().enumerate() {
            take(index.wrapping_sub(1), plan.arrive(*pts));
        }
        take(times.len() - 1, plan.end(end));
        shown
    }

    #[test]
    fn sixty_to_thirty_halves_exactly() {
        let times: Vec<i64> = (0..120).map(|n| n * 1500).collect();
        let out = shown((30, 1), &times, 180_000);
        assert_eq!(out.len(), 60);
        assert_eq!(out.first(), Some(&(0, 0)));
        assert!(out.windows(2).all(|pair| pair[1].1 == pair[0].1 + 1));
    }

    #[test]
    fn consecutive_segments_join_at_fractional_rates() {
        let times: Vec<i64> = (0..240).map(|n| 90_000 * 7 + n * 3000).collect();
        let (first, second) = times.split_at(113);
        let mut out = shown((24_000, 1001), first, second[0]);
        out.extend(shown((24_000, 1001), second, 90_000 * 7 + 240 * 3000));
        assert!(out.windows(2).all(|pair| pair[1].1 == pair[0].1 + 1));
        assert!((191..=192).contains(&out.len()));
    }

    #[test]
    fn slower_sources_repeat_pictures() {
        let out = shown((30, 1), &[0, 6000, 12_000], 18_000);
        assert_eq!(out, [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4), (2, 5)]);
    }

    #[test]
    fn a_segment_shorter_than_an_output_picture_gives_one() {
        assert_eq!(shown((1, 1), &[90_000], 90_100), [(0, 1)]);
        assert_eq!(shown((1, 1), &[90_000, 90_010, 90_020], 90_030), [(2, 1)]);
    }

    #[test]
    fn times_before_zero_and_absurd_times_do_not_overflow() {
        assert_eq!(shown((30, 1), &[-6000, -3000, 0], 3000).len(), 3);
        let mut plan = RatePlan::new(ratio(u32::MAX, 1), ratio(u32::MAX, 1));
        assert_eq!(plan.arrive(i64::MIN + 1), None);
        assert!(plan.arrive(i64::MAX).is_some());
        assert!(plan.end(i64::MAX).is_some());
    }
}
