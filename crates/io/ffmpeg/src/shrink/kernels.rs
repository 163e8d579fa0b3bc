//! The three loops of shrinking, for the instructions a processor has. All give the same samples.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod look_up;
#[cfg(test)]
mod plain;

pub(super) use look_up::Along;

use super::ROW_BITS;
use super::taps::MAX_COUNT;

/// Samples kept before and after a row, for taps beyond an edge and loads of whole vectors.
pub(super) const PAD: usize = 2 * WORDS;

/// Words of a block.
pub(super) const WORDS: usize = 64;

/// Words that start where the widest instructions want them.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(super) struct Block([i16; WORDS]);

impl Block {
    pub(super) const ZERO: Self = Self([0; WORDS]);
}

/// Blocks for so many words.
pub(super) const fn blocks(words: usize) -> usize {
    words.div_ceil(WORDS)
}

/// The words of blocks.
pub(super) const fn words(blocks: &[Block]) -> &[i16] {
    // SAFETY: a block is an array of words without anything between or after them.
    unsafe { std::slice::from_raw_parts(blocks.as_ptr().cast(), blocks.len() * WORDS) }
}

/// The words of blocks, to be written.
pub(super) const fn words_mut(blocks: &mut [Block]) -> &mut [i16] {
    // SAFETY: as above.
    unsafe { std::slice::from_raw_parts_mut(blocks.as_mut_ptr().cast(), blocks.len() * WORDS) }
}

/// Which instructions are used. That a value exists says that the processor has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// Without any: what the others are held to.
    #[cfg(test)]
    Plain,
}

impl Level {
    /// The best of this processor, if any is worth it.
    pub(super) fn best() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512bw") {
                return Some(Self::Avx512);
            }
            if is_x86_feature_detected!("avx2") {
                return Some(Self::Avx2);
            }
        }
        None
    }

    /// Target samples that share one place in the row to load from.
    const fn group(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::GROUP,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::GROUP,
            #[cfg(test)]
            Self::Plain => 1,
        }
    }

    /// Target samples of a vector.
    const fn samples(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::SAMPLES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::SAMPLES,
            #[cfg(test)]
            Self::Plain => 1,
        }
    }

    /// Words of one load.
    const fn reach(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::REACH,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::REACH,
            #[cfg(test)]
            Self::Plain => 2,
        }
    }

    /// Look-ups of words, two for each target sample, in what was loaded.
    fn tables(self, words: &[u16]) -> Vec<u8> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::tables(words),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::tables(words),
            #[cfg(test)]
            Self::Plain => Vec::with_capacity(words.len()),
        }
    }
}

/// Bytes as words with fractional bits; words after the last are left as they are.
pub(super) fn widen(level: Level, from: &[u8], to: &mut [i16]) {
    assert!(to.len() >= from.len());
    match level {
        // SAFETY: the processor has the instructions, or there were no such level.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2::widen(from, to) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512::widen(from, to) },
        #[cfg(test)]
        Level::Plain => plain::widen(from, to),
    }
}

/// The weighted sum of rows.
pub(super) fn down(level: Level, rows: &[&[i16]], weights: &[i16], to: &mut [i16]) {
    assert!(rows.len() == weights.len() && rows.len() <= MAX_COUNT);
    assert!(rows.iter().all(|row| row.len() >= to.len()) && to.len().is_multiple_of(WORDS));
    match level {
        // SAFETY: the processor has the instructions, or there were no such level.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2::down(rows, weights, to) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512::down(rows, weights, to) },
        #[cfg(test)]
        Level::Plain => plain::down(rows, weights, to),
    }
}

/// The weighted sums along a row, as bytes. The row has [`PAD`] words before its first.
pub(super) fn along(level: Level, line: &[i16], plan: &Along, to: &mut [u8]) {
    assert!(line.len() >= plan.needs && to.len() == plan.to && plan.level == level);
    match level {
        // SAFETY: the processor has the instructions, or there were no such level; the row is as
        // long as the plan needs.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2::along(line, plan, to) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512::along(line, plan, to) },
        #[cfg(test)]
        Level::Plain => plain::along(line, plan, to),
    }
}

#[cfg(test)]
mod tests {
    use super::super::taps::{FULL_ALONG, FULL_DOWN, Taps};
    use super::*;

    /// Numbers that look like chance and are the same each time.
    fn noise(count: usize, seed: u32) -> Vec<u8> {
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            // Edges from black to white are where sums overshoot.
            if state & 0x300 == 0 {
                255 * (state as u8 & 1)
            } else {
                state as u8
            }
        };
        (0..count).map(|_| next()).collect()
    }

    fn levels() -> Vec<Level> {
        #[cfg(target_arch = "x86_64")]
        {
            let mut levels = Vec::new();
            if is_x86_feature_detected!("avx2") {
                levels.push(Level::Avx2);
            }
            if is_x86_feature_detected!("avx512bw") {
                levels.push(Level::Avx512);
            }
            levels
        }
        #[cfg(not(target_arch = "x86_64"))]
        Vec::new()
    }

    fn row(level: Level, from: usize, to: usize, shift: f64) -> Vec<u8> {
        let (down_taps, taps) = (
            Taps::new(64, 64 * to / from, 0.0, FULL_DOWN),
            Taps::new(from, to, shift, FULL_ALONG),
        );
        let mut rows = vec![Block::ZERO; down_taps.count * blocks(from)];
        let pitch = blocks(from);
        for (number, blocks) in rows.chunks_mut(pitch).enumerate() {
            widen(level, &noise(from, number as u32 + 7), words_mut(blocks));
        }
        let rows: Vec<&[i16]> = rows.chunks(pitch).map(words).collect();
        let mut line = vec![Block::ZERO; pitch + blocks(2 * PAD)];
        let line = words_mut(&mut line);
        let (_, weights) = down_taps.at(5);
        down(level, &rows, weights, &mut line[PAD..PAD + pitch * WORDS]);
        let (first, last) = (line[PAD], line[PAD + from - 1]);
        line[..PAD].fill(first);
        line[PAD + from..].fill(last);
        let mut out = vec![0; to];
        along(level, line, &Along::new(level, &taps), &mut out);
        out
    }

    #[test]
    fn all_instructions_give_the_same_samples() {
        let ladder = [
            (1280, 854),
            (1280, 640),
            (1280, 426),
            (1920, 1280),
            (854, 640),
        ];
        let odd = [
            (640, 427),
            (960, 240),
            (100, 100),
            (66, 50),
            (64, 16),
            (130, 66),
            (34, 18),
        ];
        for (from, to) in ladder.into_iter().chain(odd) {
            for shift in [0.0, 0.25 * (1.0 - from as f64 / to as f64)] {
                let expected = row(Level::Plain, from, to, shift);
                for level in levels() {
                    assert_eq!(
                        row(level, from, to, shift),
                        expected,
                        "{level:?} {from} to {to}"
                    );
                }
            }
        }
    }
}
