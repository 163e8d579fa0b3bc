//! Times of pictures: repaired on the way in, and given a decoding order on the way out.

use std::collections::VecDeque;

/// Makes the times of a segment's pictures strictly increasing. No state goes on to the next
/// segment.
#[derive(Clone, Copy, Debug)]
pub struct Repair {
    step: i64,
    last: Option<i64>,
}

impl Repair {
    /// `step` is how many ticks a picture lasts where nothing better is known.
    pub fn new(step: i64) -> Self {
        Self {
            step: step.max(1),
            last: None,
        }
    }

    /// The time of the next picture shown: its own where it has one, else a step after the last;
    /// equal and backward times become one tick after the last.
    pub fn next(&mut self, given: Option<i64>) -> i64 {
        let time = match (given, self.last) {
            (Some(time), None) => time,
            (None, None) => 0,
            (Some(time), Some(last)) => time.max(last.saturating_add(1)),
            (None, Some(last)) => last.saturating_add(self.step),
        };
        self.last = Some(time);
        time
    }
}

/// Gives encoded packets their decoding times out of the times at which pictures are shown.
///
/// With an encoder that reorders up to `depth` pictures, packet *k* is decoded when picture
/// *k − depth* is shown; the first `depth` packets come a step apart before the first picture.
/// That delay is the same in every segment, so the early packets of one never overlap the last
/// of the one before, and no picture's own time is touched.
#[derive(Clone, Debug)]
pub struct DecodeTimes {
    depth: usize,
    step: i64,
    first: Option<i64>,
    /// Early packets not given out yet.
    early: usize,
    /// Times of pictures whose packet is still to come, oldest first. Grows only to what the
    /// encoder holds back.
    shown: VecDeque<i64>,
}

impl DecodeTimes {
    /// For an encoder of this reorder depth and pictures usually `step` ticks apart.
    pub fn new(depth: usize, step: i64) -> Self {
        Self {
            depth,
            step: step.max(1),
            first: None,
            early: depth,
            shown: VecDeque::new(),
        }
    }

    /// A picture was given to the encoder. Times must grow.
    pub fn sent(&mut self, pts: i64) {
        self.first.get_or_insert(pts);
        self.shown.push_back(pts);
    }

    /// The decoding time of the next packet; `None` when there are more packets than pictures.
    pub fn next_packet(&mut self) -> Option<i64> {
        if self.early > 0 {
            let ahead = i64::try_from(self.early).ok()?;
            self.early -= 1;
            return Some(self.first?.saturating_sub(ahead.saturating_mul(self.step)));
        }
        self.shown.pop_front()
    }

    /// How many pictures the encoder may decode ahead.
    pub fn depth(&self) -> usize {
        self.depth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_where_they_grow_and_repaired_where_not() {
        let mut repair = Repair::new(3000);
        let given = [Some(5), Some(5), None, Some(9000), Some(100), Some(9002)];
        let times: Vec<i64> = given.into_iter().map(|time| repair.next(time)).collect();
        assert_eq!(times, [5, 6, 3006, 9000, 9001, 9002]);
        assert_eq!(Repair::new(1).next(None), 0);
    }

    #[test]
    fn decoding_runs_ahead_by_the_reorder_depth() {
        let mut times = DecodeTimes::new(2, 10);
        for pts in [100, 110, 125, 130] {
            times.sent(pts);
        }
        let order: Vec<_> = (0..4).map(|_| times.next_packet()).collect();
        assert_eq!(order, [Some(80), Some(90), Some(100), Some(110)]);
    }

    #[test]
    fn early_packets_do_not_reach_into_the_segment_before() {
        let mut last = 0;
        for segment in 0..5 {
            let mut times = DecodeTimes::new(2, 3000);
            let start = 1_000_000 + segment * 60 * 3000;
            for picture in 0..60 {
                times.sent(start + picture * 3000);
            }
            for _ in 0..60 {
                let dts = times.next_packet().unwrap();
                assert!(dts > last);
                last = dts;
            }
        }
    }
}
