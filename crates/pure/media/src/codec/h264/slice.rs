//! The start of slices, and the one supplemental message that opens a stream.

use super::{Sps, nal_type};
use crate::codec::bits::BitReader;
use crate::codec::nal::unescape;

/// Bytes of a slice that hold everything read here: five numbers of at most 63 bits.
const HEADER_BYTES: usize = 48;

/// What tells the picture of a slice from the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SliceStart {
    pub(crate) first_block: u32,
    pub(crate) idr: bool,
    pub(crate) frame_number: u32,
    /// A single field: whether it is the bottom one.
    pub(crate) field: Option<bool>,
}

impl SliceStart {
    /// The picture parameter set a slice refers to.
    pub(crate) fn parameter_set(unit: &[u8]) -> Option<u8> {
        let payload = unescape(unit.get(1..)?, HEADER_BYTES);
        let mut bits = BitReader::new(&payload);
        bits.ue()?;
        bits.ue()?;
        u8::try_from(bits.ue()?).ok()
    }

    /// Parses a slice. Without its parameter set only the first block is known.
    pub(crate) fn parse(unit: &[u8], sps: Option<&Sps>) -> Option<Self> {
        let kind = nal_type(unit)?;
        let payload = unescape(unit.get(1..)?, HEADER_BYTES);
        let mut bits = BitReader::new(&payload);
        let mut start = Self {
            first_block: bits.ue()?,
            idr: kind == nal_type::IDR,
            frame_number: 0,
            field: None,
        };
        if let Some(sps) = sps {
            // A slice cut short keeps what was read.
            let _ = start.fill(&mut bits, sps);
        }
        Some(start)
    }

    /// Whether this slice opens a picture after one whose slices looked like `last`.
    pub(crate) fn opens_picture(&self, last: &Self) -> bool {
        self.first_block == 0
            || self.idr != last.idr
            || self.frame_number != last.frame_number
            || self.field != last.field
    }

    /// Whether this picture is the second field of the frame that began with `last`.
    pub(crate) fn completes_frame(&self, last: &Self) -> bool {
        match (last.field, self.field) {
            // The second field of an IDR frame may be no IDR picture itself.
            (Some(first), Some(second)) => {
                let same_frame = if self.idr {
                    last.idr
                } else {
                    self.frame_number == last.frame_number
                };
                first != second && same_frame
            }
            _ => false,
        }
    }

    fn fill(&mut self, bits: &mut BitReader<'_>, sps: &Sps) -> Option<()> {
        bits.ue()?; // slice_type
        bits.ue()?; // pic_parameter_set_id
        if sps.separate_planes {
            bits.skip(2)?;
        }
        self.frame_number = bits.bits(sps.frame_number_bits)?;
        if !sps.frames_only && bits.flag()? {
            self.field = Some(bits.flag()?);
        }
        Some(())
    }
}

/// Whether supplemental information says that decoding can start at this picture.
pub(crate) fn recovery_point(unit: &[u8]) -> bool {
    /// Number of the message.
    const RECOVERY_POINT: u32 = 6;
    /// It stands in front of bulky messages such as captions.
    const LOOKED_AT: usize = 512;
    let payload = unescape(unit.get(1..).unwrap_or_default(), LOOKED_AT);
    let mut rest = payload.as_slice();
    // The last byte is the stop bit.
    while rest.len() > 2 {
        let Some((kind, length, body)) = message(rest) else {
            return false;
        };
        if kind == RECOVERY_POINT {
            // A start only after further frames is none for us.
            return BitReader::new(body).ue() == Some(0);
        }
        rest = body.get(length..).unwrap_or_default();
    }
    false
}

/// Kind, length, and everything after the head of a message.
fn message(bytes: &[u8]) -> Option<(u32, usize, &[u8])> {
    let (kind, bytes) = extended(bytes)?;
    let (length, bytes) = extended(bytes)?;
    Some((kind, usize::try_from(length).ok()?, bytes))
}

/// A number written as a sum of bytes, of which all but the last are 255.
fn extended(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let full = bytes.iter().take_while(|byte| **byte == 0xff).count();
    let last = bytes.get(full)?;
    let value = u32::try_from(full).ok()?.checked_mul(255)?;
    Some((value.checked_add(u32::from(*last))?, bytes.get(full + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_point_is_found_behind_other_messages() {
        let other = [5, 2, 0xaa, 0xbb];
        let recovery = [6, 1, 0xc4];
        let unit: Vec<u8> = [&[6][..], &other, &recovery, &[0x80]].concat();
        assert!(recovery_point(&unit));
        assert!(!recovery_point(&unit[..5]));
        assert!(!recovery_point(&[6, 6, 1, 0x24, 0x80]));
        assert!(!recovery_point(&[6, 0xff, 0xff, 0xff]));
    }

    #[test]
    fn two_fields_make_one_frame() {
        let top = SliceStart {
            first_block: 0,
            idr: true,
            frame_number: 0,
            field: Some(false),
        };
        let bottom = SliceStart {
            idr: false,
            field: Some(true),
            ..top
        };
        assert!(bottom.opens_picture(&top) && bottom.completes_frame(&top));
        assert!(!top.completes_frame(&top));
        let next = SliceStart {
            frame_number: 1,
            ..bottom
        };
        assert!(!next.completes_frame(&top));
    }
}
