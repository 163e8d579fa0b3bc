//! The coarse part of a signature: what words the frames of a segment use.

use super::Thresholds;

/// Frames from the beginning of one segment to that of the next.
pub(super) const SEGMENT_STEP: usize = 45;

/// Frames of a segment that is not the last.
pub(super) const SEGMENT_FRAMES: usize = 90;

/// Words of each frame.
pub(super) const WORDS: usize = 5;

/// Values a word can take, a bit each.
pub(super) const WORD_VALUES: usize = 243;

/// Words that may be too far apart.
const MOST_FAR: u32 = 2;

/// Which values each word takes in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// Its first frame.
    pub(super) start: usize,
    pub(super) words: [[u64; 4]; WORDS],
}

impl Segment {
    /// Whether the frames are worth comparing. The measure of a word is what the filter takes for
    /// it: the whole part of common by all values, so 1 for equal words and 0 for others. With
    /// the usual thresholds every pair passes; a stricter measure would pass over pairs in which
    /// the filter finds its matches, such as a segment and the short one at the end of its film.
    pub(super) fn resembles(&self, other: &Self, thresholds: Thresholds) -> bool {
        let (mut far, mut sum) = (0u32, 0u32);
        for (one, other) in self.words.iter().zip(&other.words) {
            let pairs = || one.iter().zip(other);
            let common: u32 = pairs().map(|(one, other)| (one & other).count_ones()).sum();
            let all: u32 = pairs().map(|(one, other)| (one | other).count_ones()).sum();
            let measure = common.checked_div(all).unwrap_or(0);
            far += u32::from(measure >= thresholds.word);
            sum += measure;
            if far > MOST_FAR || sum > thresholds.words {
                return false;
            }
        }
        true
    }
}
