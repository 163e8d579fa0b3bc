//! The plan of sums along a row, laid out as vectors take it.
//!
//! Neighbouring target samples form a group. For each pair of taps one load from the group's place
//! brings the words of all its samples; a look-up puts each sample's two words side by side, and
//! one instruction multiplies and adds them. The look-up is the same for every pair of taps.

use super::{Level, PAD, ROW_BITS};
use crate::shrink::taps::{FULL_ALONG, Taps};

/// Fractional bits of a sum.
pub(super) const SHIFT: u32 = ROW_BITS + FULL_ALONG.trailing_zeros();

/// Half of one, for rounding.
pub(super) const HALF: i32 = 1 << (SHIFT - 1);

/// Target samples made at once by the widest instructions.
const AT_ONCE: usize = 16;

/// The plan.
pub(in crate::shrink) struct Along {
    /// Length of the source.
    pub(in crate::shrink) from: usize,
    /// Length of the target.
    pub(super) to: usize,
    pub(super) level: Level,
    /// Pairs of taps.
    pub(super) pairs: usize,
    /// Whether samples of a group are too far apart for one load.
    pub(super) wide: bool,
    /// For each group the word of a padded row to load from.
    pub(super) starts: Vec<u32>,
    /// The look-ups, as the level has them.
    pub(super) tables: Vec<u8>,
    /// For each vector of samples, each pair of taps, each sample: two weights.
    pub(super) weights: Vec<i16>,
    /// Words a padded row must have.
    pub(super) needs: usize,
}

impl Along {
    /// Lays the taps out. The last vector is filled with the last sample.
    pub(in crate::shrink) fn new(level: Level, taps: &Taps) -> Self {
        let to = taps.len();
        let mut plan = Self {
            from: taps.from,
            to,
            level,
            pairs: taps.count / 2,
            wide: false,
            starts: Vec::new(),
            tables: Vec::new(),
            weights: Vec::new(),
            needs: 0,
        };
        let padded = to.next_multiple_of(AT_ONCE);
        let mut words = Vec::with_capacity(padded);
        for group in (0..padded).step_by(level.group()) {
            let first = |place: usize| taps.at(place.min(to - 1)).0;
            let start = first(group);
            for place in group..group + level.group() {
                let word = u16::try_from(first(place) - start).expect("places grow within a group");
                plan.wide |= usize::from(word) + 1 >= level.reach();
                words.extend([word, word + 1]);
            }
            let start = usize::try_from(start + PAD as isize).expect("a row has its padding");
            plan.starts
                .push(u32::try_from(start).expect("rows are short"));
            let last = start + 2 * (plan.pairs - 1);
            plan.needs = plan.needs.max(last + 2 * level.reach());
        }
        for vector in (0..padded).step_by(level.samples()) {
            for pair in 0..plan.pairs {
                for place in vector..vector + level.samples() {
                    let (_, weights) = taps.at(place.min(to - 1));
                    plan.weights.extend(&weights[2 * pair..2 * pair + 2]);
                }
            }
        }
        plan.tables = level.tables(&words);
        plan
    }
}
