//! `avcC`: the parameter sets of an MP4 or FLV track.

use crate::codec::HeaderError;

/// Parameter sets and the size of NAL lengths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecoderConfig<'a> {
    /// Bytes of each NAL unit's length: 1, 2 or 4.
    pub length_bytes: usize,
    /// Sequence parameter sets, NAL headers included. At most 31.
    pub sequence_sets: Vec<&'a [u8]>,
    /// Picture parameter sets, NAL headers included. At most 255.
    pub picture_sets: Vec<&'a [u8]>,
}

impl<'a> DecoderConfig<'a> {
    /// Parses the record.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, HeaderError> {
        let &[version, _, _, _, sizes, count, ref rest @ ..] = bytes else {
            return Err(TRUNCATED);
        };
        if version != 1 {
            return Err(HeaderError::field("configurationVersion", version));
        }
        let length_bytes = usize::from(sizes & 3) + 1;
        if length_bytes == 3 {
            return Err(HeaderError::field("lengthSizeMinusOne", 2u8));
        }
        let (sequence_sets, rest) = sets(rest, count & 0x1f)?;
        let (count, rest) = rest.split_first().ok_or(TRUNCATED)?;
        let (picture_sets, _) = sets(rest, *count)?;
        Ok(Self {
            length_bytes,
            sequence_sets,
            picture_sets,
        })
    }
}

const TRUNCATED: HeaderError = HeaderError::Truncated("avcC");

/// Reads `count` sets with 16-bit lengths; gives back what follows them.
fn sets(mut bytes: &[u8], count: u8) -> Result<(Vec<&[u8]>, &[u8]), HeaderError> {
    let mut sets = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let (length, rest) = bytes.split_first_chunk::<2>().ok_or(TRUNCATED)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (set, rest) = rest.split_at_checked(length).ok_or(TRUNCATED)?;
        sets.push(set);
        bytes = rest;
    }
    Ok((sets, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_sets_are_found() {
        let bytes = [1, 100, 0, 31, 0xff, 0xe1, 0, 2, 0x67, 1, 1, 0, 1, 0x68];
        let config = DecoderConfig::parse(&bytes).unwrap();
        assert_eq!(config.length_bytes, 4);
        assert_eq!(config.sequence_sets, [&[0x67, 1][..]]);
        assert_eq!(config.picture_sets, [&[0x68][..]]);
        for end in 0..bytes.len() {
            assert_eq!(DecoderConfig::parse(&bytes[..end]), Err(TRUNCATED));
        }
    }
}
