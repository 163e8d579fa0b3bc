//! The loops with AVX2: sixteen words at once.

use std::arch::x86_64::*;

use super::look_up::{HALF, SHIFT};
use super::{Along, MAX_COUNT, ROW_BITS, WORDS};

/// Samples of a group: those of one half of a vector.
pub(super) const GROUP: usize = 4;

/// Samples of a vector.
pub(super) const SAMPLES: usize = 2 * GROUP;

/// Words of a load.
pub(super) const REACH: usize = 8;

/// Words of a vector.
const LANES: usize = 16;

/// Bytes of a vector.
const BYTES: usize = 2 * LANES;

/// For each vector the look-up of the near load, then that of the far one. A byte with its high
/// bit set gives zero.
pub(super) fn tables(words: &[u16]) -> Vec<u8> {
    let mut tables = Vec::with_capacity(4 * words.len());
    for vector in words.chunks(LANES) {
        for skip in [0, REACH as u16] {
            for word in vector {
                match word.checked_sub(skip) {
                    Some(word) if usize::from(word) < REACH => {
                        tables.extend([2 * word as u8, 2 * word as u8 + 1]);
                    }
                    _ => tables.extend([0x80, 0x80]),
                }
            }
        }
    }
    tables
}

#[target_feature(enable = "avx2")]
pub(super) fn widen(from: &[u8], to: &mut [i16]) {
    let (vectors, rest) = from.as_chunks::<LANES>();
    let (targets, _) = to.as_chunks_mut::<LANES>();
    for (bytes, words) in vectors.iter().zip(targets) {
        // SAFETY: both arrays are as long as what is loaded and stored.
        unsafe {
            let wide = _mm256_cvtepu8_epi16(_mm_loadu_si128(bytes.as_ptr().cast()));
            let wide = _mm256_slli_epi16::<{ ROW_BITS as i32 }>(wide);
            _mm256_storeu_si256(words.as_mut_ptr().cast(), wide);
        }
    }
    let done = vectors.len() * LANES;
    for (sample, word) in rest.iter().zip(&mut to[done..]) {
        *word = i16::from(*sample) << ROW_BITS;
    }
}

/// # Safety
///
/// Rows are no shorter than the target, which is whole blocks.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn down(rows: &[&[i16]], weights: &[i16], to: &mut [i16]) {
    let mut each = [_mm256_setzero_si256(); MAX_COUNT];
    for (vector, weight) in each.iter_mut().zip(weights) {
        *vector = _mm256_set1_epi16(*weight);
    }
    let (blocks, _) = to.as_chunks_mut::<WORDS>();
    for (number, block) in blocks.iter_mut().enumerate() {
        let mut sums = [_mm256_setzero_si256(); WORDS / LANES];
        for (row, weight) in rows.iter().zip(&each) {
            for (place, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the block lies inside the row, and the vector inside the block.
                let words = unsafe {
                    let start = row.as_ptr().add(number * WORDS + place * LANES);
                    _mm256_loadu_si256(start.cast())
                };
                *sum = _mm256_add_epi16(*sum, _mm256_mulhrs_epi16(words, *weight));
            }
        }
        for (words, sum) in block.as_chunks_mut::<LANES>().0.iter_mut().zip(sums) {
            // SAFETY: the array is as long as what is stored.
            unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), sum) };
        }
    }
}

/// # Safety
///
/// The row is as long as the plan needs, and the plan is made for this level.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn along(line: &[i16], plan: &Along, to: &mut [u8]) {
    // SAFETY: passed on.
    unsafe {
        if plan.wide {
            sums::<true>(line, plan, to);
        } else {
            sums::<false>(line, plan, to);
        }
    }
}

/// # Safety
///
/// As [`along`]; without a far load no look-up asks for it.
#[target_feature(enable = "avx2")]
unsafe fn sums<const WIDE: bool>(line: &[i16], plan: &Along, to: &mut [u8]) {
    let vectors = to.chunks_mut(SAMPLES).zip(plan.starts.as_chunks::<2>().0);
    let tables = plan.tables.as_chunks::<{ 2 * BYTES }>().0.iter();
    let weights = plan.weights.chunks_exact(plan.pairs * LANES);
    for (((samples, starts), table), weights) in vectors.zip(tables).zip(weights) {
        // SAFETY: tables, weights and arrays are as long as what is loaded and stored; loads from
        // the row end where the plan says it must reach.
        unsafe {
            let near = _mm256_loadu_si256(table.as_ptr().cast());
            let far = _mm256_loadu_si256(table.as_ptr().add(BYTES).cast());
            let places = starts.map(|start| line.as_ptr().add(start as usize));
            let load = |at: usize| {
                let low = _mm_loadu_si128(places[0].add(at).cast());
                let high = _mm_loadu_si128(places[1].add(at).cast());
                _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high)
            };
            let mut sum = _mm256_set1_epi32(HALF);
            for (pair, weights) in weights.as_chunks::<LANES>().0.iter().enumerate() {
                let mut words = _mm256_shuffle_epi8(load(2 * pair), near);
                if WIDE {
                    let beyond = _mm256_shuffle_epi8(load(2 * pair + REACH), far);
                    words = _mm256_or_si256(words, beyond);
                }
                let weights = _mm256_loadu_si256(weights.as_ptr().cast());
                sum = _mm256_add_epi32(sum, _mm256_madd_epi16(words, weights));
            }
            let sum = _mm256_srai_epi32::<{ SHIFT as i32 }>(sum);
            let high = _mm256_extracti128_si256::<1>(sum);
            let words = _mm_packs_epi32(_mm256_castsi256_si128(sum), high);
            let bytes = _mm_packus_epi16(words, words);
            let mut made = [0u8; SAMPLES];
            _mm_storel_epi64(made.as_mut_ptr().cast(), bytes);
            match <&mut [u8; SAMPLES]>::try_from(&mut *samples) {
                Ok(whole) => *whole = made,
                Err(_) => samples.copy_from_slice(&made[..samples.len()]),
            }
        }
    }
}
