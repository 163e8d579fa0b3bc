//! NAL units, between start codes or behind their lengths.

use memchr::memmem;

/// Annex B: NAL units between start codes. Yields each with the offset of its start code, without
/// the zeros that may follow it. Bytes before the first start code are skipped.
pub struct AnnexB<'a> {
    bytes: &'a [u8],
    codes: memmem::FindIter<'a, 'static>,
    next: Option<usize>,
}

/// NAL units behind big-endian lengths, as MP4 holds them. Ends at the first that does not fit.
pub struct LengthPrefixed<'a> {
    bytes: &'a [u8],
    length_bytes: usize,
}

const START_CODE: &[u8; 3] = &[0, 0, 1];

impl<'a> AnnexB<'a> {
    /// Over a whole stream.
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut codes = memmem::find_iter(bytes, START_CODE);
        let next = codes.next();
        Self { bytes, codes, next }
    }
}

impl<'a> Iterator for AnnexB<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next?;
        self.next = self.codes.next();
        let end = self.next.unwrap_or(self.bytes.len());
        let unit = self.bytes.get(start + START_CODE.len()..end)?;
        let kept = unit
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |i| i + 1);
        Some((start, unit.get(..kept)?))
    }
}

impl<'a> LengthPrefixed<'a> {
    /// Over one sample, with lengths of 1 to 4 bytes.
    pub const fn new(bytes: &'a [u8], length_bytes: usize) -> Self {
        Self {
            bytes,
            length_bytes,
        }
    }
}

impl<'a> Iterator for LengthPrefixed<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.bytes.split_at_checked(self.length_bytes)?;
        let length = length
            .iter()
            .fold(0usize, |n, byte| n << 8 | usize::from(*byte));
        let (unit, rest) = rest.split_at_checked(length)?;
        // A length of 0 bytes would never end.
        if self.length_bytes == 0 {
            return None;
        }
        self.bytes = rest;
        Some(unit)
    }
}

/// The first `max` payload bytes of a NAL unit, without the bytes that only keep start codes out.
pub fn unescape(unit: &[u8], max: usize) -> Vec<u8> {
    let mut payload = Vec::with_capacity(unit.len().min(max));
    let mut zeros = 0;
    for byte in unit {
        if payload.len() == max {
            break;
        }
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        payload.push(*byte);
    }
    payload
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_found_with_either_start_code() {
        let bytes = [9, 9, 0, 0, 0, 1, 0x65, 7, 0, 0, 1, 0x41, 0, 0, 0, 1, 0x09];
        let units: Vec<_> = AnnexB::new(&bytes).collect();
        assert_eq!(
            units,
            [(3, &[0x65, 7][..]), (8, &[0x41][..]), (13, &[0x09][..])]
        );
    }

    #[test]
    fn lengths_that_do_not_fit_end_the_sample() {
        let bytes = [0, 2, 1, 2, 0, 1, 3, 0, 9, 1];
        let units: Vec<_> = LengthPrefixed::new(&bytes, 2).collect();
        assert_eq!(units, [&[1, 2][..], &[3][..]]);
        assert_eq!(LengthPrefixed::new(&bytes, 0).count(), 0);
    }

    #[test]
    fn escapes_are_removed() {
        assert_eq!(unescape(&[1, 0, 0, 3, 1, 0, 0, 3], 100), [1, 0, 0, 1, 0, 0]);
        assert_eq!(unescape(&[1, 2, 3], 2), [1, 2]);
    }

    proptest! {
        #[test]
        fn every_byte_is_in_one_unit_at_most(bytes in proptest::collection::vec(0u8..3, 0..200)) {
            let total: usize = AnnexB::new(&bytes).map(|(_, unit)| unit.len() + 3).sum();
            prop_assert!(total <= bytes.len());
        }
    }
}
