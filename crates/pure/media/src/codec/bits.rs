//! Bits of a header, most significant first.

/// Reads bits; `None` past the end.
#[derive(Clone, Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> BitReader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit == 1)
    }

    /// Up to 32 bits.
    pub(crate) fn bits(&mut self, count: u32) -> Option<u32> {
        debug_assert!(count <= 32, "wider fields are read in parts");
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    pub(crate) fn skip(&mut self, count: usize) -> Option<()> {
        let position = self.position.checked_add(count)?;
        if position > self.bytes.len().checked_mul(8)? {
            return None;
        }
        self.position = position;
        Some(())
    }

    /// An unsigned Exp-Golomb number.
    pub(crate) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0u32;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        // Below 2^32: one less than a number of at most 32 bits.
        Some((1u64 << zeros) as u32 - 1 + self.bits(zeros)?)
    }

    /// A signed Exp-Golomb number.
    pub(crate) fn se(&mut self) -> Option<i64> {
        let code = i64::from(self.ue()?);
        Some(if code % 2 == 0 {
            -(code / 2)
        } else {
            (code + 1) / 2
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_numbers_are_read() {
        // 1 010 011 00100 00101
        let mut bits = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!([0; 5].map(|_: u8| bits.ue().unwrap()), [0, 1, 2, 3, 4]);
        let mut bits = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        assert_eq!([0; 5].map(|_: u8| bits.se().unwrap()), [0, 1, -1, 2, -2]);
    }

    #[test]
    fn the_end_is_an_answer() {
        let mut bits = BitReader::new(&[0, 0, 0, 0, 0]);
        assert_eq!(bits.clone().ue(), None);
        assert_eq!(bits.skip(41), None);
        assert_eq!(bits.skip(40), Some(()));
        assert_eq!(bits.flag(), None);
        let widest = [0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(BitReader::new(&widest).ue(), Some(u32::MAX - 1));
    }
}
