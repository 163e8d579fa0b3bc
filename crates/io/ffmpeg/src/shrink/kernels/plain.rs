//! The loops one sample at a time: what the fast ones are held to.

use super::look_up::{HALF, SHIFT};
use super::{Along, ROW_BITS};

pub(super) fn widen(from: &[u8], to: &mut [i16]) {
    for (sample, word) in from.iter().zip(to) {
        *word = i16::from(*sample) << ROW_BITS;
    }
}

pub(super) fn down(rows: &[&[i16]], weights: &[i16], to: &mut [i16]) {
    for (x, word) in to.iter_mut().enumerate() {
        *word = rows
            .iter()
            .zip(weights)
            .map(|(row, weight)| {
                let product = i32::from(row[x]) * i32::from(*weight);
                ((product + (1 << 14)) >> 15) as i16
            })
            .fold(0, i16::wrapping_add);
    }
}

pub(super) fn along(line: &[i16], plan: &Along, to: &mut [u8]) {
    for (place, sample) in to.iter_mut().enumerate() {
        let words = &line[plan.starts[place] as usize..];
        let weights = &plan.weights[place * plan.pairs * 2..];
        let sum: i32 = words
            .iter()
            .zip(weights)
            .take(plan.pairs * 2)
            .map(|(word, weight)| i32::from(*word) * i32::from(*weight))
            .sum();
        *sample = ((sum + HALF) >> SHIFT).clamp(0, 255) as u8;
    }
}
