//! Which samples of a source each sample of a target is made of, and with what weights.

/// Weights down the columns sum to this, which is one.
pub(super) const FULL_DOWN: i32 = 1 << 15;

/// Weights along a row sum to this, which is one.
pub(super) const FULL_ALONG: i32 = 1 << 14;

/// Samples to each side that the filter reaches, in units of the coarser of both grids.
const REACH: f64 = 2.0;

/// Most samples one is made of: at the largest ratio.
pub(super) const MAX_COUNT: usize = 16;

/// The sharpness of the cubic, which is the one that other nodes' scaler has by default, so that
/// renditions of both look alike.
pub(crate) const SHARPNESS: f64 = 0.6;

/// The samples of a source and their weights, for each sample of a target.
pub(super) struct Taps {
    /// Samples each is made of; even.
    pub(super) count: usize,
    /// Length of the source.
    pub(super) from: usize,
    /// The first of them; may lie beyond an edge.
    first: Vec<isize>,
    weights: Vec<i16>,
}

impl Taps {
    /// From a length to another; centres of the target are moved by `shift` samples of the source.
    pub(super) fn new(from: usize, to: usize, shift: f64, full: i32) -> Self {
        let ratio = from as f64 / to as f64;
        let spread = ratio.max(1.0);
        let count = ((2.0 * REACH * spread).ceil() as usize).next_multiple_of(2);
        let mut taps = Self {
            count,
            from,
            first: Vec::with_capacity(to),
            weights: Vec::with_capacity(to * count),
        };
        for place in 0..to {
            let centre = (place as f64 + 0.5) * ratio - 0.5 + shift;
            let first = (centre - REACH * spread).floor() as isize + 1;
            let exact: Vec<f64> = (0..count)
                .map(|tap| cubic(((first + tap as isize) as f64 - centre) / spread))
                .collect();
            taps.first.push(first);
            taps.weights.extend(rounded(&exact, full));
        }
        taps
    }

    /// Samples of the target.
    pub(super) fn len(&self) -> usize {
        self.first.len()
    }

    /// The first sample a target sample is made of, and the weights.
    pub(super) fn at(&self, place: usize) -> (isize, &[i16]) {
        let start = place * self.count;
        (self.first[place], &self.weights[start..start + self.count])
    }
}

/// Weights as whole numbers that sum to `full`: what rounding leaves goes to the largest.
fn rounded(exact: &[f64], full: i32) -> Vec<i16> {
    let sum: f64 = exact.iter().sum();
    let mut whole: Vec<i32> = exact
        .iter()
        .map(|weight| (weight / sum * f64::from(full)).round() as i32)
        .collect();
    let rest = full - whole.iter().sum::<i32>();
    if let Some(largest) = whole.iter_mut().max() {
        *largest += rest;
    }
    // One itself does not fit where it is the largest number and one more; it is as good less one.
    whole
        .into_iter()
        .map(|weight| i16::try_from(weight).unwrap_or(i16::MAX))
        .collect()
}

/// The cubic convolution kernel.
fn cubic(at: f64) -> f64 {
    let x = at.abs();
    let c = SHARPNESS;
    if x < 1.0 {
        (2.0 - c) * x * x * x + (c - 3.0) * x * x + 1.0
    } else if x < 2.0 {
        -c * x * x * x + 5.0 * c * x * x - 8.0 * c * x + 4.0 * c
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_one_together_and_the_middle_is_kept() {
        for (from, to) in [
            (1280, 854),
            (1280, 426),
            (720, 480),
            (1920, 480),
            (360, 360),
        ] {
            let taps = Taps::new(from, to, 0.0, FULL_ALONG);
            assert!(taps.count <= MAX_COUNT && taps.count.is_multiple_of(2));
            for place in 0..to {
                let (first, weights) = taps.at(place);
                let sum: i32 = weights.iter().map(|weight| i32::from(*weight)).sum();
                assert_eq!(sum, FULL_ALONG);
                let moment: f64 = weights
                    .iter()
                    .zip(first..)
                    .map(|(weight, at)| f64::from(*weight) * at as f64)
                    .sum();
                let centre = (place as f64 + 0.5) * from as f64 / to as f64 - 0.5;
                assert!((moment / f64::from(FULL_ALONG) - centre).abs() < 0.2);
            }
        }
    }

    #[test]
    fn the_same_length_is_the_same_samples() {
        let taps = Taps::new(64, 64, 0.0, FULL_ALONG);
        let (first, weights) = taps.at(10);
        assert_eq!(weights[(10 - first) as usize], 1 << 14);
    }
}
