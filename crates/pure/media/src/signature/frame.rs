//! The fine part of a signature: one frame as 380 ternary values.

/// Bytes of a frame, five ternary values each.
pub(super) const FRAME_BYTES: usize = 76;

/// Machine words that hold a bit for each ternary value.
const WORDS: usize = 6;

/// Values that five ternary digits can take.
const FIVE_DIGITS: u8 = 243;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Below 1 the picture says nothing: it is nearly of one brightness.
    pub(super) confidence: u8,
    /// A bit for each value that is at least 1, and for each that is 2: so the distance of two
    /// values is the number of bits in which they differ.
    at_least_one: [u64; WORDS],
    two: [u64; WORDS],
}

impl Frame {
    /// `None` where a byte is not five ternary digits.
    pub(super) fn new(confidence: u8, values: [u8; FRAME_BYTES]) -> Option<Self> {
        let mut frame = Self {
            confidence,
            at_least_one: [0; WORDS],
            two: [0; WORDS],
        };
        for (index, value) in values.into_iter().enumerate() {
            if value >= FIVE_DIGITS {
                return None;
            }
            let mut rest = value;
            for digit in 0..5 {
                let at = index * 5 + digit;
                let bit = 1u64 << (at % 64);
                if rest % 3 >= 1 {
                    *self::word(&mut frame.at_least_one, at)? |= bit;
                }
                if rest % 3 == 2 {
                    *self::word(&mut frame.two, at)? |= bit;
                }
                rest /= 3;
            }
        }
        Some(frame)
    }

    /// Sum of the differences of all values: 0 to 760.
    pub(super) fn distance(&self, other: &Self) -> u32 {
        differing(&self.at_least_one, &other.at_least_one) + differing(&self.two, &other.two)
    }
}

fn word(words: &mut [u64; WORDS], bit: usize) -> Option<&mut u64> {
    words.get_mut(bit / 64)
}

fn differing(one: &[u64; WORDS], other: &[u64; WORDS]) -> u32 {
    one.iter()
        .zip(other)
        .map(|(one, other)| (one ^ other).count_ones())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_is_the_sum_over_all_ternary_values() {
        let of = |value| Frame::new(0, [value; FRAME_BYTES]).unwrap();
        assert_eq!(of(0).distance(&of(242)), 760);
        assert_eq!(of(242).distance(&of(121)), 380);
        assert_eq!(of(81 + 2).distance(&of(3)), 76 * 4);
        assert_eq!(of(17).distance(&of(17)), 0);
        assert!(Frame::new(0, [243; FRAME_BYTES]).is_none());
    }
}
