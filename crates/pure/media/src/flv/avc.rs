//! Length-prefixed NAL units to Annex B, for H.264 and H.265.

use streamflow_types::Codec;

use super::FlvError;
use super::bits::Bytes;

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Most bytes of parameter sets taken, since they are repeated at every key frame. Real ones have
/// some hundred.
const MAX_PARAMETER_SET_BYTES: usize = 16 * 1024;

/// What a decoder configuration record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Configuration {
    pub(super) codec: Codec,
    /// Bytes of each length prefix, 1 to 4.
    pub(super) prefix_bytes: usize,
    /// Parameter sets as Annex B.
    pub(super) parameter_sets: Vec<u8>,
}

/// What a NAL unit is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nal {
    Delimiter,
    ParameterSet,
    /// A slice that decoding can start with.
    Key,
    Other,
}

impl Configuration {
    /// From the record of an `avcC` box.
    pub(super) fn parse_avc(record: &[u8]) -> Result<Self, FlvError> {
        avc_record(record).ok_or(FlvError::Malformed("AVC configuration record"))
    }

    /// From the record of an `hvcC` box.
    pub(super) fn parse_hevc(record: &[u8]) -> Result<Self, FlvError> {
        hevc_record(record).ok_or(FlvError::Malformed("HEVC configuration record"))
    }

    /// An access unit as Annex B, and whether it holds a slice that decoding can start with.
    /// Parameter sets go in front of a key frame that does not bring its own.
    pub(super) fn annex_b(
        &self,
        sample: &[u8],
        flagged_key: bool,
    ) -> Result<(bool, Vec<u8>), FlvError> {
        let (mut key, mut has_sets) = (flagged_key, false);
        for nal in nals(sample, self.prefix_bytes) {
            match kind(self.codec, nal?) {
                Nal::Key => key = true,
                Nal::ParameterSet => has_sets = true,
                _ => {}
            }
        }
        let room = sample.len() + self.parameter_sets.len() + 32;
        let mut out = Vec::with_capacity(room);
        out.extend(START_CODE);
        out.extend(delimiter(self.codec));
        if key && !has_sets {
            out.extend(&self.parameter_sets);
        }
        for nal in nals(sample, self.prefix_bytes) {
            let nal = nal?;
            if kind(self.codec, nal) != Nal::Delimiter {
                out.extend(START_CODE);
                out.extend(nal);
            }
        }
        Ok((key, out))
    }
}

fn avc_record(record: &[u8]) -> Option<Configuration> {
    let mut bytes = Bytes(record);
    let [1, _profile, _compatibility, _level] = bytes.array()? else {
        return None;
    };
    let prefix_bytes = usize::from(bytes.u8()? & 3) + 1;
    let mut parameter_sets = Vec::new();
    let sequence_sets = bytes.u8()? & 0x1f;
    append_sets(&mut bytes, u16::from(sequence_sets), &mut parameter_sets)?;
    let picture_sets = bytes.u8()?;
    append_sets(&mut bytes, u16::from(picture_sets), &mut parameter_sets)?;
    let is_usable = sequence_sets > 0 && picture_sets > 0;
    is_usable.then_some(Configuration {
        codec: Codec::H264,
        prefix_bytes,
        parameter_sets,
    })
}

fn hevc_record(record: &[u8]) -> Option<Configuration> {
    let mut bytes = Bytes(record);
    // Version 1; some encoders of the time before the standard write 0.
    (bytes.u8()? <= 1).then_some(())?;
    bytes.take(20)?;
    let prefix_bytes = usize::from(bytes.u8()? & 3) + 1;
    let mut parameter_sets = Vec::new();
    for _ in 0..bytes.u8()? {
        bytes.u8()?;
        let count = bytes.u16()?;
        append_sets(&mut bytes, count, &mut parameter_sets)?;
    }
    let is_usable = !parameter_sets.is_empty();
    is_usable.then_some(Configuration {
        codec: Codec::H265,
        prefix_bytes,
        parameter_sets,
    })
}

fn append_sets(bytes: &mut Bytes<'_>, count: u16, out: &mut Vec<u8>) -> Option<()> {
    for _ in 0..count {
        let length = usize::from(bytes.u16()?);
        let nal = bytes.take(length)?;
        if !nal.is_empty() {
            out.extend(START_CODE);
            out.extend(nal);
        }
        (out.len() <= MAX_PARAMETER_SET_BYTES).then_some(())?;
    }
    Some(())
}

/// The NAL units of a sample. Empty ones are left out; a cut-off one is an error.
fn nals(sample: &[u8], prefix_bytes: usize) -> impl Iterator<Item = Result<&[u8], FlvError>> {
    let mut bytes = Bytes(sample);
    std::iter::from_fn(move || {
        while !bytes.0.is_empty() {
            let nal = bytes
                .length(prefix_bytes)
                .and_then(|length| bytes.take(length));
            match nal {
                Some([]) => {}
                Some(nal) => return Some(Ok(nal)),
                None => {
                    bytes.0 = &[];
                    return Some(Err(FlvError::Malformed("picture: a NAL unit is cut off")));
                }
            }
        }
        None
    })
}

fn kind(codec: Codec, nal: &[u8]) -> Nal {
    let Some(first) = nal.first() else {
        return Nal::Other;
    };
    if codec == Codec::H265 {
        return match (first >> 1) & 0x3f {
            16..=23 => Nal::Key,
            32..=34 => Nal::ParameterSet,
            35 => Nal::Delimiter,
            _ => Nal::Other,
        };
    }
    match first & 0x1f {
        5 => Nal::Key,
        7 | 8 => Nal::ParameterSet,
        9 => Nal::Delimiter,
        _ => Nal::Other,
    }
}

/// An access unit delimiter that allows every kind of slice.
const fn delimiter(codec: Codec) -> &'static [u8] {
    match codec {
        Codec::H265 => &[0x46, 0x01, 0x50],
        _ => &[0x09, 0xf0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AVCC: [u8; 15] = [
        1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 2, 0x67, 0x64, 1, 0, 1, 0x68, 0,
    ];

    fn avc() -> Configuration {
        Configuration::parse_avc(&AVCC[..14]).unwrap()
    }

    #[test]
    fn parameter_sets_precede_a_key_frame_and_no_other() {
        let idr = [0, 0, 0, 2, 0x65, 0xaa];
        let (key, bytes) = avc().annex_b(&idr, true).unwrap();
        assert!(key);
        let expected = [
            &[0, 0, 0, 1, 0x09, 0xf0][..],
            &[0, 0, 0, 1, 0x67, 0x64],
            &[0, 0, 0, 1, 0x68],
            &[0, 0, 0, 1, 0x65, 0xaa],
        ]
        .concat();
        assert_eq!(bytes, expected);
        let (key, bytes) = avc().annex_b(&[0, 0, 0, 1, 0x41], false).unwrap();
        assert!(!key);
        assert_eq!(bytes, [0, 0, 0, 1, 0x09, 0xf0, 0, 0, 0, 1, 0x41]);
    }

    #[test]
    fn own_parameter_sets_are_kept_and_own_delimiters_replaced() {
        let sample = [
            0, 0, 0, 2, 9, 0x10, 0, 0, 0, 1, 0x67, 0, 0, 0, 1, 0x68, 0, 0, 0, 1, 0x65,
        ];
        let (key, bytes) = avc().annex_b(&sample, false).unwrap();
        assert!(key, "an IDR slice is a key frame whatever the tag says");
        let expected = [
            0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x67, 0, 0, 0, 1, 0x68, 0, 0, 0, 1, 0x65,
        ];
        assert_eq!(bytes, expected);
    }

    #[test]
    fn cut_off_samples_and_records_are_errors() {
        for end in 1..6 {
            assert!(
                avc().annex_b(&[0, 0, 0, 2, 0x65, 1][..end], true).is_err(),
                "{end}"
            );
        }
        for end in 0..14 {
            assert!(Configuration::parse_avc(&AVCC[..end]).is_err(), "{end}");
        }
        assert!(avc().annex_b(&[0xff, 0xff, 0xff, 0xff, 1], true).is_err());
    }

    fn hvcc() -> Vec<u8> {
        let mut record = vec![1; 21];
        record.extend([0x0f, 3]);
        for (kind, byte) in [(32, 0x40), (33, 0x42), (34, 0x44)] {
            record.extend([kind, 0, 1, 0, 2, byte, 1]);
        }
        record
    }

    #[test]
    fn hevc_key_frames_get_all_three_sets() {
        let hevc = Configuration::parse_hevc(&hvcc()).unwrap();
        // A clean random access picture, not flagged as a key frame, behind a foreign delimiter.
        let sample = [0, 0, 0, 3, 0x46, 1, 0x10, 0, 0, 0, 2, 0x2a, 1];
        let (key, bytes) = hevc.annex_b(&sample, false).unwrap();
        assert!(key);
        let expected = [
            &[0, 0, 0, 1, 0x46, 1, 0x50][..],
            &[0, 0, 0, 1, 0x40, 1],
            &[0, 0, 0, 1, 0x42, 1],
            &[0, 0, 0, 1, 0x44, 1],
            &[0, 0, 0, 1, 0x2a, 1],
        ]
        .concat();
        assert_eq!(bytes, expected);
        let (key, bytes) = hevc.annex_b(&[0, 0, 0, 2, 0x02, 1], false).unwrap();
        assert!(!key && bytes.len() == 13);
        for end in 0..hvcc().len() {
            assert!(Configuration::parse_hevc(&hvcc()[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn parameter_sets_beyond_reason_are_refused() {
        let mut record = AVCC[..5].to_vec();
        record.push(0xe1);
        record.extend(60_000u16.to_be_bytes());
        record.extend(vec![0x67; 60_000]);
        record.extend([1, 0, 1, 0x68]);
        assert!(Configuration::parse_avc(&record).is_err());
    }
}
