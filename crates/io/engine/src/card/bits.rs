//! A bit writer with the number codes of H.264.

/// Bits, most significant first.
#[derive(Debug, Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    partial: u64,
    length: u32,
}

impl Bits {
    /// The lowest `count` bits of a value; at most 32.
    pub(super) fn put(&mut self, count: u32, value: u32) {
        let mask = (1u64 << count.min(32)) - 1;
        self.partial = (self.partial << count) | (u64::from(value) & mask);
        self.length += count;
        while self.length >= 8 {
            self.length -= 8;
            self.bytes.push((self.partial >> self.length) as u8);
        }
    }

    /// An unsigned Exp-Golomb code; values below 2¹⁶.
    pub(super) fn unsigned(&mut self, value: u32) {
        let code = value.min(0xffff) + 1;
        let length = 32 - code.leading_zeros();
        self.put(length - 1, 0);
        self.put(length, code);
    }

    /// A signed Exp-Golomb code; values within ±2¹⁵.
    pub(super) fn signed(&mut self, value: i32) {
        let magnitude = value.unsigned_abs().min(0x7fff);
        let above_zero = u32::from(value > 0);
        self.unsigned((magnitude * 2).saturating_sub(above_zero));
    }

    /// Zeros up to the next whole byte.
    pub(super) fn align(&mut self) {
        self.put((8 - self.length) % 8, 0);
    }

    /// The end of a payload: a one, then zeros up to the next whole byte.
    pub(super) fn finish(&mut self) {
        self.put(1, 1);
        self.align();
    }

    /// The whole bytes written.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_codes_are_those_of_the_standard() {
        let mut bits = Bits::default();
        for value in [0, 1, 2, 3, 7] {
            bits.unsigned(value); // 1 010 011 00100 0001000
        }
        for value in [0, 1, -1, 2] {
            bits.signed(value); // 1 010 011 00100
        }
        bits.finish();
        assert_eq!(
            bits.into_bytes(),
            [0b1010_0110, 0b0100_0001, 0b0001_0100, 0b1100_1001]
        );
    }
}
