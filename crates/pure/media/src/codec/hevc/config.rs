//! `hvcC`: the parameter sets of an MP4 track.

use super::nal_type;
use crate::codec::HeaderError;

/// Parameter sets and the size of NAL lengths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecoderConfig<'a> {
    /// Bytes of each NAL unit's length: 1, 2 or 4.
    pub length_bytes: usize,
    /// Sequence parameter sets, NAL headers included. At most [`MAX_SETS`].
    pub sequence_sets: Vec<&'a [u8]>,
}

/// Sequence parameter sets kept.
pub const MAX_SETS: usize = 16;

/// Bytes in front of the arrays of parameter sets.
const FIXED_BYTES: usize = 22;

const TRUNCATED: HeaderError = HeaderError::Truncated("hvcC");

impl<'a> DecoderConfig<'a> {
    /// Parses the record.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, HeaderError> {
        let (fixed, rest) = bytes.split_at_checked(FIXED_BYTES).ok_or(TRUNCATED)?;
        let lengths = fixed.last().ok_or(TRUNCATED)?;
        let length_bytes = usize::from(lengths & 3) + 1;
        if length_bytes == 3 {
            return Err(HeaderError::field("lengthSizeMinusOne", 2u8));
        }
        let (arrays, mut rest) = rest.split_first().ok_or(TRUNCATED)?;
        let mut sequence_sets = Vec::new();
        for _ in 0..*arrays {
            let (&[kind, high, low], after) = rest.split_first_chunk::<3>().ok_or(TRUNCATED)?;
            rest = after;
            for _ in 0..u16::from_be_bytes([high, low]) {
                let (length, after) = rest.split_first_chunk::<2>().ok_or(TRUNCATED)?;
                let length = usize::from(u16::from_be_bytes(*length));
                let (unit, after) = after.split_at_checked(length).ok_or(TRUNCATED)?;
                rest = after;
                if kind & 0x3f == nal_type::SPS && sequence_sets.len() < MAX_SETS {
                    sequence_sets.push(unit);
                }
            }
        }
        Ok(Self {
            length_bytes,
            sequence_sets,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_sets_are_found_among_the_others() {
        let mut bytes = vec![1; FIXED_BYTES];
        bytes[21] = 0xff;
        bytes.extend([2, 0xa0, 0, 1, 0, 1, 7, 0xa1, 0, 2, 0, 2, 8, 9, 0, 1, 5]);
        let config = DecoderConfig::parse(&bytes).unwrap();
        assert_eq!(config.length_bytes, 4);
        assert_eq!(config.sequence_sets, [&[8, 9][..], &[5][..]]);
        for end in 0..bytes.len() {
            assert_eq!(DecoderConfig::parse(&bytes[..end]), Err(TRUNCATED));
        }
    }
}
