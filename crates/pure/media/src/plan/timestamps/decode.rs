//! Decoding times of encoded packets.

use std::collections::VecDeque;

/// Frames between entering an encoder and leaving it; as for [`super::EncoderClock`].
const MAX_WAITING: usize = 1024;

/// Gives packets of an encoder with reordering their decoding times.
///
/// The k-th packet out decodes when the (k − depth)-th frame shows. The first `depth` packets
/// decode that many steps early, in every segment alike, so that they fall into the place the
/// segment before left free.
#[derive(Clone, Debug)]
pub struct DecodeTimes {
    depth: i64,
    step: i64,
    first: Option<i64>,
    packets: i64,
    /// Display times not yet used as decoding times.
    waiting: VecDeque<i64>,
}

impl DecodeTimes {
    /// For an encoder that reorders over `depth` frames, usually `step` units apart.
    pub const fn new(depth: u32, step: i64) -> Self {
        Self {
            depth: depth as i64,
            step: if step > 0 { step } else { 1 },
            first: None,
            packets: 0,
            waiting: VecDeque::new(),
        }
    }

    /// A frame went into the encoder, in display order.
    pub fn enter(&mut self, pts: i64) {
        self.first.get_or_insert(pts);
        // An encoder that holds more is stopped by its clock; the oldest time is the useless one.
        if self.waiting.len() >= MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(pts);
    }

    /// The decoding time of the next packet out, which shows at `pts`. Never above `pts`.
    pub fn leave(&mut self, pts: i64) -> i64 {
        let early = self.depth.saturating_sub(self.packets);
        self.packets = self.packets.saturating_add(1);
        let dts = if early > 0 {
            let first = self.first.unwrap_or(pts);
            first.saturating_sub(early.saturating_mul(self.step))
        } else {
            self.waiting.pop_front().unwrap_or(pts)
        };
        dts.min(pts)
    }
}

/// Puts packet times of one stream in the order a file needs.
#[derive(Clone, Debug, Default)]
pub struct MuxTimes {
    last: Option<i64>,
}

impl MuxTimes {
    /// For a new file.
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// The (pts, dts) to write. A packet that decodes after it shows gets the middle of both and
    /// the earliest possible time; decoding times then only rise, and no packet shows before it
    /// decodes. A missing dts is the pts.
    pub fn next(&mut self, pts: i64, dts: Option<i64>) -> (i64, i64) {
        let (mut pts, mut dts) = (pts, dts.unwrap_or(pts));
        let earliest = self.last.map(|last| last.saturating_add(1));
        if dts > pts {
            let mut three = [pts, dts, earliest.unwrap_or(pts)];
            three.sort_unstable();
            pts = three[1];
            dts = three[1];
        }
        if let Some(earliest) = earliest {
            dts = dts.max(earliest);
        }
        pts = pts.max(dts);
        self.last = Some(dts);
        (pts, dts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn segments_of_b_frames_do_not_overlap_in_decoding_time() {
        let mut all = Vec::new();
        for segment in 0..3i64 {
            let start = 126_000 + segment * 8 * 3000;
            let mut times = DecodeTimes::new(2, 3000);
            (0..8).for_each(|n| times.enter(start + n * 3000));
            for shown in [0, 4, 2, 1, 3, 7, 6, 5] {
                let pts = start + shown * 3000;
                let dts = times.leave(pts);
                assert!(dts <= pts);
                all.push(dts);
            }
        }
        assert!(all.windows(2).all(|pair| pair[1] - pair[0] == 3000));
        assert_eq!(all[0], 126_000 - 6000);
    }

    #[test]
    fn without_reordering_both_times_are_equal() {
        let mut times = DecodeTimes::new(0, 3000);
        for pts in [5, 3005, 6005] {
            times.enter(pts);
            assert_eq!(times.leave(pts), pts);
        }
    }

    #[test]
    fn wrong_decoding_times_take_the_middle() {
        let mut times = MuxTimes::new();
        assert_eq!(times.next(0, Some(0)), (0, 0));
        assert_eq!(times.next(3000, Some(9000)), (3000, 3000));
        assert_eq!(times.next(2000, Some(9000)), (3001, 3001));
        assert_eq!(times.next(9000, Some(2000)), (9000, 3002));
        assert_eq!(times.next(12_000, None), (12_000, 12_000));
    }

    proptest! {
        #[test]
        fn decoding_times_rise_and_precede_showing(
            packets in proptest::collection::vec(
                (-(1i64 << 34)..1i64 << 34, proptest::option::of(-(1i64 << 34)..1i64 << 34)),
                1..200)) {
            let mut times = MuxTimes::new();
            let written: Vec<_> = packets.iter().map(|(p, d)| times.next(*p, *d)).collect();
            prop_assert!(written.windows(2).all(|pair| pair[0].1 < pair[1].1));
            prop_assert!(written.iter().all(|(pts, dts)| pts >= dts));
        }
    }
}
