//! The loops with AVX-512: thirty-two words at once, and look-ups over all of them.

use std::arch::x86_64::*;

use super::look_up::{HALF, SHIFT};
use super::{Along, MAX_COUNT, ROW_BITS, WORDS};

/// Samples of a group, which is a vector.
pub(super) const GROUP: usize = 16;

/// Samples of a vector.
pub(super) const SAMPLES: usize = GROUP;

/// Words of a load.
pub(super) const REACH: usize = 32;

/// Words of a vector.
const LANES: usize = 32;

/// Bytes of a vector.
const BYTES: usize = 2 * LANES;

/// For each vector the places of its words.
pub(super) fn tables(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn widen(from: &[u8], to: &mut [i16]) {
    let (vectors, rest) = from.as_chunks::<LANES>();
    let (targets, _) = to.as_chunks_mut::<LANES>();
    for (bytes, words) in vectors.iter().zip(targets) {
        // SAFETY: both arrays are as long as what is loaded and stored.
        unsafe {
            let wide = _mm512_cvtepu8_epi16(_mm256_loadu_si256(bytes.as_ptr().cast()));
            let wide = _mm512_slli_epi16::<ROW_BITS>(wide);
            _mm512_storeu_si512(words.as_mut_ptr().cast(), wide);
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
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn down(rows: &[&[i16]], weights: &[i16], to: &mut [i16]) {
    let mut each = [_mm512_setzero_si512(); MAX_COUNT];
    for (vector, weight) in each.iter_mut().zip(weights) {
        *vector = _mm512_set1_epi16(*weight);
    }
    let (blocks, _) = to.as_chunks_mut::<WORDS>();
    for (number, block) in blocks.iter_mut().enumerate() {
        let mut sums = [_mm512_setzero_si512(); WORDS / LANES];
        for (row, weight) in rows.iter().zip(&each) {
            for (place, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the block lies inside the row, and the vector inside the block.
                let words = unsafe {
                    let start = row.as_ptr().add(number * WORDS + place * LANES);
                    _mm512_loadu_si512(start.cast())
                };
                *sum = _mm512_add_epi16(*sum, _mm512_mulhrs_epi16(words, *weight));
            }
        }
        for (words, sum) in block.as_chunks_mut::<LANES>().0.iter_mut().zip(sums) {
            // SAFETY: the array is as long as what is stored.
            unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), sum) };
        }
    }
}

/// # Safety
///
/// The row is as long as the plan needs, and the plan is made for this level.
#[target_feature(enable = "avx512f,avx512bw")]
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
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn sums<const WIDE: bool>(line: &[i16], plan: &Along, to: &mut [u8]) {
    let vectors = to.chunks_mut(SAMPLES).zip(&plan.starts);
    let tables = plan.tables.as_chunks::<BYTES>().0.iter();
    let weights = plan.weights.chunks_exact(plan.pairs * LANES);
    for (((samples, start), table), weights) in vectors.zip(tables).zip(weights) {
        // SAFETY: tables, weights and arrays are as long as what is loaded and stored; loads from
        // the row end where the plan says it must reach.
        unsafe {
            let table = _mm512_loadu_si512(table.as_ptr().cast());
            let place = line.as_ptr().add(*start as usize);
            let mut sum = _mm512_set1_epi32(HALF);
            for (pair, weights) in weights.as_chunks::<LANES>().0.iter().enumerate() {
                let near = _mm512_loadu_si512(place.add(2 * pair).cast());
                let words = if WIDE {
                    let far = _mm512_loadu_si512(place.add(2 * pair + REACH).cast());
                    _mm512_permutex2var_epi16(near, table, far)
                } else {
                    _mm512_permutexvar_epi16(table, near)
                };
                let weights = _mm512_loadu_si512(weights.as_ptr().cast());
                sum = _mm512_add_epi32(sum, _mm512_madd_epi16(words, weights));
            }
            let sum = _mm512_srai_epi32::<SHIFT>(sum);
            let sum = _mm512_max_epi32(sum, _mm512_setzero_si512());
            let bytes = _mm512_cvtusepi32_epi8(sum);
            let mut made = [0u8; SAMPLES];
            _mm_storeu_si128(made.as_mut_ptr().cast(), bytes);
            match <&mut [u8; SAMPLES]>::try_from(&mut *samples) {
                Ok(whole) => *whole = made,
                Err(_) => samples.copy_from_slice(&made[..samples.len()]),
            }
        }
    }
}
