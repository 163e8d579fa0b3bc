//! The size of pictures, from the headers of VP9 and AV1.

use crate::codec::bits::BitReader;

/// Key frames of VP9 begin with these bits behind their first fields.
const VP9_SYNC: u32 = 0x49_8342;

/// The colour space that carries no subsampling.
const VP9_RGB: u32 = 7;

/// Type of the unit that holds the sequence header of AV1.
const AV1_SEQUENCE: u32 = 1;

/// Units of AV1 looked through for it.
const MAX_UNITS: usize = 16;

/// From a key frame.
pub(super) fn of_vp9(frame: &[u8]) -> Option<(u32, u32)> {
    let mut bits = BitReader::new(frame);
    (bits.bits(2)? == 2).then_some(())?;
    let profile = bits.bits(1)? | bits.bits(1)? << 1;
    if profile == 3 {
        bits.skip(1)?;
    }
    // Neither a frame shown again nor one that refers to others.
    (!bits.flag()? && !bits.flag()?).then_some(())?;
    bits.skip(2)?;
    (bits.bits(24)? == VP9_SYNC).then_some(())?;
    if profile >= 2 {
        bits.skip(1)?;
    }
    if bits.bits(3)? != VP9_RGB {
        bits.skip(1)?;
        if profile == 1 || profile == 3 {
            bits.skip(3)?;
        }
    } else if profile == 1 || profile == 3 {
        bits.skip(1)?;
    }
    Some((bits.bits(16)? + 1, bits.bits(16)? + 1))
}

/// From the units of a configuration or a key frame.
pub(super) fn of_av1(mut units: &[u8]) -> Option<(u32, u32)> {
    for _ in 0..MAX_UNITS {
        let (&head, mut rest) = units.split_first()?;
        if head & 0x04 != 0 {
            rest = rest.get(1..)?;
        }
        let length = if head & 0x02 != 0 {
            let (length, after) = leb128(rest)?;
            rest = after;
            length
        } else {
            rest.len()
        };
        let (unit, next) = rest.split_at_checked(length)?;
        if u32::from(head >> 3 & 0xf) == AV1_SEQUENCE {
            return sequence_header(&mut BitReader::new(unit));
        }
        units = next;
    }
    None
}

/// A number in groups of seven bits, lowest first.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0usize;
    for (index, byte) in bytes.iter().enumerate().take(4) {
        value |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

fn sequence_header(bits: &mut BitReader<'_>) -> Option<(u32, u32)> {
    bits.skip(3 + 1)?;
    if bits.flag()? {
        bits.skip(5)?;
    } else {
        operating_points(bits)?;
    }
    let (width_bits, height_bits) = (bits.bits(4)? + 1, bits.bits(4)? + 1);
    Some((bits.bits(width_bits)? + 1, bits.bits(height_bits)? + 1))
}

/// Timing, decoder model and operating points, which stand in front of the size.
fn operating_points(bits: &mut BitReader<'_>) -> Option<()> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.skip(64)?;
        if bits.flag()? {
            bits.ue()?;
        }
        if bits.flag()? {
            delay_bits = Some(bits.bits(5)? as usize + 1);
            bits.skip(32 + 5 + 5)?;
        }
    }
    let has_display_delay = bits.flag()?;
    for _ in 0..=bits.bits(5)? {
        bits.skip(12)?;
        if bits.bits(5)? > 7 {
            bits.skip(1)?;
        }
        if let Some(delay) = delay_bits
            && bits.flag()?
        {
            bits.skip(2 * delay + 1)?;
        }
        if has_display_delay && bits.flag()? {
            bits.skip(4)?;
        }
    }
    Some(())
}
