//! Where a segment goes: its place in the media sequence, and what lies between it and the one
//! before. Pure: numbers and time stamps in, places out.
//!
//! The media sequence follows the publisher's own numbers as long as they follow each other. A hole
//! in the numbers is filled with gaps when film is missing as well; a publisher that starts over
//! goes on where the sequence stood.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::facts::{is_continuous, missing_between};

/// Missing segments that are listed one by one as gaps. More is a break in the programme.
pub(super) const MAX_LISTED_GAPS: u64 = 6;

/// First numbers above this are not taken over, so that the sequence stays exact in every player.
const MAX_FIRST_NUMBER: u64 = 1 << 48;

/// What the timeline looks at in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// The publisher's number.
    pub(super) number: u64,
    pub(super) duration: Duration,
    /// The publisher left and came back before it.
    pub(super) discontinuity: bool,
    pub(super) first_pts: Option<u64>,
    pub(super) end_pts: Option<u64>,
    /// Tells whether two segments hold the same bytes.
    pub(super) fingerprint: u64,
}

/// A place for a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// Its media sequence number.
    pub(super) slot: u64,
    /// How long each of the gaps before it is, if there are any.
    pub(super) gap_duration: Duration,
    pub(super) discontinuity: bool,
    /// Discontinuities up to and with this one.
    pub(super) discontinuities: u64,
}

/// A segment that an earlier process listed as source and did not finish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unfinished {
    pub(super) slot: u64,
    pub(super) number: u64,
    pub(super) fingerprint: u64,
    pub(super) discontinuity: bool,
}

/// What follows next. Kept over restarts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The next free media sequence number.
    pub(super) slot: u64,
    /// The number that follows; `None` before the first segment.
    pub(super) number: Option<u64>,
    /// Where the film stands.
    pub(super) end_pts: Option<u64>,
    /// Discontinuities so far.
    pub(super) discontinuities: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    at: Position,
    /// After a restart: what was listed before it and may come again, the end of that, and
    /// nothing once something else has come.
    unfinished: VecDeque<Unfinished>,
    end: Option<Position>,
}

impl Timeline {
    /// Goes on after a restart: from the first unfinished segment when it comes again, else from
    /// `end`.
    pub(super) fn resume(before: Position, unfinished: Vec<Unfinished>, end: Position) -> Self {
        match unfinished.is_empty() {
            true => Self {
                at: end,
                ..Self::default()
            },
            false => Self {
                at: before,
                unfinished: unfinished.into(),
                end: Some(end),
            },
        }
    }

    /// What follows if nothing comes again.
    pub(super) fn end(&self) -> &Position {
        self.end.as_ref().unwrap_or(&self.at)
    }

    /// What follows.
    pub(super) fn at(&self) -> &Position {
        &self.at
    }

    /// What is left to come again.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = &Unfinished> {
        self.unfinished.iter()
    }

    /// How many numbers lie between what is expected and this one; 0 where it may be placed now.
    pub(super) fn missing_before(&self, cut: &Cut) -> u64 {
        match self.at.number {
            Some(expected) if !cut.discontinuity => cut.number.saturating_sub(expected),
            _ => 0,
        }
    }

    /// Gives the segment its place.
    pub(super) fn place(&mut self, cut: &Cut) -> Placed {
        let step = self.step(cut);
        let slot = self.at.slot.saturating_add(step.skipped);
        let placed = match self.again(cut, slot) {
            Some(placed) => placed,
            None => {
                if let Some(end) = self.end.take() {
                    self.at = end;
                }
                self.unfinished.clear();
                Placed {
                    slot: slot.max(self.at.slot),
                    gap_duration: step.gap_duration,
                    discontinuity: step.discontinuity,
                    discontinuities: self.at.discontinuities + u64::from(step.discontinuity),
                }
            }
        };
        self.at = Position {
            slot: placed.slot.saturating_add(1),
            number: Some(cut.number.saturating_add(1)),
            end_pts: cut.end_pts,
            discontinuities: placed.discontinuities,
        };
        placed
    }

    /// The place of a segment that was listed before the restart.
    fn again(&mut self, cut: &Cut, slot: u64) -> Option<Placed> {
        let known = self.unfinished.iter().position(|old| old.slot == slot)?;
        let old = self.unfinished.get(known)?;
        if (old.number, old.fingerprint) != (cut.number, cut.fingerprint) {
            return None;
        }
        let flags = self
            .unfinished
            .iter()
            .take(known + 1)
            .filter(|old| old.discontinuity)
            .count();
        let placed = Placed {
            slot,
            gap_duration: cut.duration,
            discontinuity: old.discontinuity,
            discontinuities: self.at.discontinuities + flags as u64,
        };
        self.unfinished.drain(..=known);
        if self.unfinished.is_empty() {
            self.end = None;
        }
        Some(placed)
    }

    fn step(&self, cut: &Cut) -> Step {
        let missing_film = self
            .at
            .end_pts
            .zip(cut.first_pts)
            .map(|(a, b)| missing_between(a, b));
        let Some(expected) = self.at.number else {
            let skipped = if cut.number <= MAX_FIRST_NUMBER {
                cut.number
            } else {
                0
            };
            return Step {
                skipped,
                ..Step::plain(cut)
            };
        };
        if cut.discontinuity {
            return Step {
                discontinuity: true,
                ..Step::plain(cut)
            };
        }
        let continuous = missing_film.map(|film| film.is_some_and(is_continuous));
        let missing = match cut.number.checked_sub(expected) {
            // Starting over without a word: only time stamps that go on say it is the same film.
            None => {
                return Step {
                    discontinuity: continuous != Some(true),
                    ..Step::plain(cut)
                };
            }
            Some(0) => {
                return Step {
                    discontinuity: continuous == Some(false),
                    ..Step::plain(cut)
                };
            }
            Some(missing) => missing,
        };
        let listable = missing <= MAX_LISTED_GAPS;
        match missing_film {
            Some(Some(film)) if is_continuous(film) => Step::plain(cut),
            Some(Some(film)) if listable && film <= longest_gap(cut, missing) => Step {
                skipped: missing,
                gap_duration: film / u32::try_from(missing).unwrap_or(u32::MAX),
                discontinuity: false,
            },
            None if listable => Step {
                skipped: missing,
                ..Step::plain(cut)
            },
            _ => Step {
                discontinuity: true,
                ..Step::plain(cut)
            },
        }
    }
}

/// How much film the missing segments can have held, with segments as uneven as cuts at key frames
/// make them.
fn longest_gap(cut: &Cut, missing: u64) -> Duration {
    let each = cut.duration * 2 + Duration::from_secs(1);
    each * u32::try_from(missing).unwrap_or(u32::MAX)
}

struct Step {
    /// Places left out before it.
    skipped: u64,
    gap_duration: Duration,
    discontinuity: bool,
}

impl Step {
    fn plain(cut: &Cut) -> Self {
        Self {
            skipped: 0,
            gap_duration: cut.duration,
            discontinuity: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 90_000;

    fn cut(number: u64, from_s: u64) -> Cut {
        Cut {
            number,
            duration: Duration::from_secs(2),
            discontinuity: false,
            first_pts: Some(from_s * SECOND),
            end_pts: Some((from_s + 2) * SECOND),
            fingerprint: number.wrapping_mul(1_000).wrapping_add(from_s),
        }
    }

    fn places(cuts: &[Cut]) -> Vec<(u64, bool, u64)> {
        let mut timeline = Timeline::default();
        let placed = cuts.iter().map(|cut| timeline.place(cut));
        placed
            .map(|p| (p.slot, p.discontinuity, p.discontinuities))
            .collect()
    }

    #[test]
    fn places_are_the_publishers_numbers() {
        let placed = places(&[cut(7, 10), cut(8, 12), cut(9, 14)]);
        assert_eq!(placed, [(7, false, 0), (8, false, 0), (9, false, 0)]);
        assert_eq!(places(&[cut(u64::MAX, 0), cut(u64::MAX, 2)]).len(), 2);
    }

    #[test]
    fn numbers_left_out_with_their_film_are_gaps() {
        let mut timeline = Timeline::default();
        timeline.place(&cut(0, 0));
        let placed = timeline.place(&cut(3, 6));
        assert_eq!((placed.slot, placed.discontinuity), (3, false));
        assert_eq!(placed.gap_duration, Duration::from_secs(2));
    }

    #[test]
    fn numbers_left_out_while_the_film_goes_on_are_nothing() {
        assert_eq!(
            places(&[cut(0, 0), cut(10, 2), cut(20, 4)]).last(),
            Some(&(2, false, 0))
        );
    }

    #[test]
    fn a_wide_hole_is_a_discontinuity() {
        assert_eq!(
            places(&[cut(0, 0), cut(50, 100)]).last(),
            Some(&(1, true, 1))
        );
    }

    #[test]
    fn a_jump_of_time_stamps_is_a_discontinuity() {
        assert_eq!(
            places(&[cut(0, 100), cut(1, 0)]).last(),
            Some(&(1, true, 1))
        );
        assert_eq!(
            places(&[cut(0, 0), cut(1, 100)]).last(),
            Some(&(1, true, 1))
        );
    }

    #[test]
    fn a_publisher_that_starts_over_goes_on_in_the_sequence() {
        let placed = places(&[cut(5, 10), cut(6, 12), cut(0, 0), cut(1, 2)]);
        assert_eq!(placed[2..], [(7, true, 1), (8, false, 1)]);
    }

    #[test]
    fn without_time_stamps_numbers_decide() {
        let blank = |number| Cut {
            first_pts: None,
            end_pts: None,
            ..cut(number, 0)
        };
        let placed = places(&[blank(0), blank(1), blank(3), blank(90), blank(4)]);
        let expected = [
            (0, false, 0),
            (1, false, 0),
            (3, false, 0),
            (4, true, 1),
            (5, true, 2),
        ];
        assert_eq!(placed, expected);
    }

    fn restarted() -> Timeline {
        let old = |slot: u64, discontinuity| Unfinished {
            slot,
            number: slot,
            fingerprint: cut(slot, slot * 2).fingerprint,
            discontinuity,
        };
        let at = |slot: u64, discontinuities| Position {
            slot,
            number: Some(slot),
            end_pts: Some(slot * 2 * SECOND),
            discontinuities,
        };
        Timeline::resume(at(55, 3), vec![old(55, false), old(56, true)], at(57, 4))
    }

    #[test]
    fn what_was_unfinished_before_a_restart_takes_its_old_place() {
        let mut timeline = restarted();
        let placed: Vec<_> = (55..58).map(|n| timeline.place(&cut(n, n * 2))).collect();
        let seen: Vec<_> = placed.iter().map(|p| (p.slot, p.discontinuities)).collect();
        assert_eq!(seen, [(55, 3), (56, 4), (57, 4)]);
        assert!(placed[1].discontinuity && !placed[2].discontinuity);
    }

    #[test]
    fn other_film_after_a_restart_never_takes_an_old_place() {
        for come in [
            cut(55, 900),
            cut(0, 0),
            Cut {
                discontinuity: true,
                ..cut(57, 0)
            },
        ] {
            let mut timeline = restarted();
            let placed = timeline.place(&come);
            assert_eq!(
                (placed.slot, placed.discontinuity, placed.discontinuities),
                (57, true, 5)
            );
            assert_eq!(timeline.unfinished().count(), 0);
        }
    }

    #[test]
    fn a_publisher_that_goes_on_after_a_restart_needs_no_discontinuity() {
        let mut timeline = restarted();
        let placed = timeline.place(&cut(57, 114));
        assert_eq!((placed.slot, placed.discontinuities), (57, 4));
    }
}
