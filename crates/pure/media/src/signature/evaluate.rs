//! Walks two films in step from a pair of like frames, to either end, and judges what it met.

use super::fine::{Candidate, Films};
use super::frame::Frame;
use super::{Found, Mode, Thresholds, Verdict, Work};

/// Steps that a pair of frames counts for.
const PAIR_WORK: u64 = 30;

/// Frames that differ one after the other before a walk turns or ends.
const TOLERATED: u32 = 2;

/// Where a walk goes. It is kept from one candidate to the next, and so are the counts: the
/// filter judges later candidates of a pair of segments by what it met with the earlier ones too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Forward,
    Back,
}

#[derive(Debug)]
struct Walk {
    direction: Direction,
    reached_end: bool,
    reached_begin: bool,
    /// Frames walked over, those among them that were alike, and those that said nothing.
    frames: usize,
    compared: u64,
    good: u64,
    distances: u64,
    empty_first: u64,
    empty_second: u64,
    bad_in_a_row: u32,
}

/// The best match so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Best {
    pub(super) verdict: Verdict,
    pub(super) found: Found,
    /// Mean distance of the good frames. The candidate with the least is kept, unless one reaches
    /// both ends.
    mean: f64,
}

/// Judges these candidates and puts the best into `best`. `None` when `work` is used up.
pub(super) fn judge(
    films: Films<'_>,
    candidates: &[Candidate],
    mode: Mode,
    thresholds: Thresholds,
    best: &mut Option<Best>,
    work: &mut Work,
) -> Option<()> {
    let mut walk = Walk {
        direction: Direction::Forward,
        reached_end: false,
        reached_begin: false,
        frames: 1,
        compared: 0,
        good: 0,
        distances: 0,
        empty_first: 0,
        empty_second: 0,
        bad_in_a_row: 0,
    };
    for candidate in candidates {
        walk.along(films, candidate, thresholds, work)?;
        if !walk.holds(thresholds) {
            continue;
        }
        let is_whole = walk.reached_end && walk.reached_begin;
        let mean = walk.distances as f64 / walk.good as f64;
        let least = best.map_or(f64::MAX, |best| best.mean);
        if is_whole || mode == Mode::Fast || mean < least {
            let verdict = if is_whole {
                Verdict::Full
            } else {
                Verdict::Partial
            };
            let found = Found {
                first: candidate.first,
                second: candidate.second,
                frames: walk.frames,
            };
            *best = Some(Best {
                verdict,
                found,
                mean,
            });
        }
        if is_whole || mode == Mode::Fast {
            break;
        }
    }
    Some(())
}

/// Whether two films of equal length are alike frame by frame.
pub(super) fn in_step(first: &[Frame], second: &[Frame], thresholds: Thresholds) -> bool {
    let mut in_a_row = 0;
    let is_good = |(one, other): (&Frame, &Frame)| {
        let is_good = one.distance(other) <= thresholds.frame;
        in_a_row = if is_good { 0 } else { in_a_row + 1 };
        in_a_row <= TOLERATED
    };
    let alike = |(one, other): &(&Frame, &Frame)| one.distance(other) <= thresholds.frame;
    let good = first.iter().zip(second).filter(alike).count();
    first.len() == second.len()
        && good as f64 >= thresholds.good * first.len() as f64
        && first.iter().zip(second).all(is_good)
}

impl Walk {
    fn along(
        &mut self,
        (first, second): Films<'_>,
        candidate: &Candidate,
        thresholds: Thresholds,
        work: &mut Work,
    ) -> Option<()> {
        let start = (candidate.first, candidate.second);
        let lengths = (first.len(), second.len());
        let mut at = start;
        loop {
            work.spend(PAIR_WORK)?;
            let (Some(one), Some(other)) = (first.get(at.0), second.get(at.1)) else {
                return Some(());
            };
            if self.compare(one, other, thresholds) {
                if self.direction == Direction::Back {
                    return Some(());
                }
                at = start;
                self.direction = Direction::Back;
            }
            self.compared += 1;
            let mut next = self.step(at, candidate.ratio, lengths);
            if next.is_none() && self.direction == Direction::Forward {
                self.reached_end = true;
                self.reached_begin = false;
                self.direction = Direction::Back;
                next = self.step(start, candidate.ratio, lengths);
            }
            let Some(next) = next else {
                self.reached_begin = true;
                return Some(());
            };
            at = next;
            if thresholds.frames != 0 && self.frames >= thresholds.frames {
                return Some(());
            }
        }
    }

    /// Takes in a pair. True after too many that differ.
    fn compare(&mut self, one: &Frame, other: &Frame, thresholds: Thresholds) -> bool {
        if one.distance(other) > thresholds.frame {
            // Only pictures that say something can speak against.
            self.bad_in_a_row += u32::from(one.confidence >= 1 || other.confidence >= 1);
            return self.bad_in_a_row > TOLERATED;
        }
        self.good += 1;
        self.distances += u64::from(one.distance(other));
        self.bad_in_a_row = 0;
        self.empty_first += u64::from(one.confidence < 1);
        self.empty_second += u64::from(other.confidence < 1);
        false
    }

    /// The next pair in the direction; `None` past an end.
    fn step(
        &mut self,
        at: (usize, usize),
        ratio: usize,
        lengths: (usize, usize),
    ) -> Option<(usize, usize)> {
        let next = match self.direction {
            Direction::Forward => {
                let next = (at.0 + 1, at.1 + ratio);
                (next.0 < lengths.0 && next.1 < lengths.1).then_some(next)?
            }
            Direction::Back => (at.0.checked_sub(1)?, at.1.checked_sub(ratio)?),
        };
        self.frames += 1;
        Some(next)
    }

    fn holds(&self, thresholds: Thresholds) -> bool {
        let empty = self.empty_first.max(self.empty_second);
        self.frames >= thresholds.frames
            && self.good as f64 / self.compared as f64 >= thresholds.good
            && self.good as f64 * 0.5 >= empty as f64
    }
}
