//! The binary format, bit by bit.
//!
//! It has no alignment: a header of 274 bits, the coarse segments, a bit for the compression that
//! nobody writes, and the frames.

use super::coarse::{SEGMENT_STEP, Segment, WORD_VALUES, WORDS};
use super::frame::{FRAME_BYTES, Frame};
use super::{MAX_FRAMES, Signature, SignatureError};

/// Bits of each part.
const HEADER_BITS: usize = 274;
const SEGMENT_BITS: usize = 4 * 32 + 1 + WORDS * WORD_VALUES;
const FRAME_BITS: usize = 1 + 32 + 8 + 8 * WORDS + 8 * FRAME_BYTES;

const fn invalid(what: &'static str) -> SignatureError {
    SignatureError::InvalidSignData(what)
}

const SHORT: SignatureError = invalid("it ends too early");

pub(super) fn signature(bytes: &[u8]) -> Result<Signature, SignatureError> {
    let mut bits = Bits { bytes, at: 0 };
    let header = header(&mut bits)?;
    let length = HEADER_BITS + header.segments * SEGMENT_BITS + 1 + header.frames * FRAME_BITS;
    if bytes.len() != length.div_ceil(8) {
        return Err(invalid("its length is not that of its frames"));
    }
    let segments = (0..header.segments)
        .map(|number| segment(&mut bits, number, header.frames))
        .collect::<Result<_, _>>()?;
    if bits.read(1).ok_or(SHORT)? != 0 {
        return Err(invalid("it is compressed"));
    }
    let frames = (0..header.frames)
        .map(|_| frame(&mut bits))
        .collect::<Result<_, _>>()?;
    Ok(Signature {
        width: header.width,
        height: header.height,
        segments,
        frames,
    })
}

struct Header {
    width: u32,
    height: u32,
    frames: usize,
    segments: usize,
}

fn header(bits: &mut Bits<'_>) -> Result<Header, SignatureError> {
    let mut read = |count| bits.read(count).ok_or(SHORT);
    if (read(32)?, read(1)?) != (1, 1) {
        return Err(invalid("it is not about one whole picture"));
    }
    if read(32)? != 0 {
        return Err(invalid("its picture does not begin in the corner"));
    }
    let (right, bottom) = (read(16)?, read(16)?);
    if read(32)? != 0 {
        return Err(invalid("it does not begin with the first frame"));
    }
    let frames = read(32)? as usize;
    let _time_unit = read(16)?;
    if read(1)? != 1 {
        return Err(invalid("it has no times"));
    }
    let _times = (read(32)?, read(32)?);
    let segments = read(32)? as usize;
    if frames == 0 || frames > MAX_FRAMES {
        return Err(invalid("its number of frames is out of bounds"));
    }
    if segments != frames.div_ceil(SEGMENT_STEP) {
        return Err(invalid("its segments do not fit its frames"));
    }
    Ok(Header {
        width: right + 1,
        height: bottom + 1,
        frames,
        segments,
    })
}

fn segment(bits: &mut Bits<'_>, number: usize, frames: usize) -> Result<Segment, SignatureError> {
    let mut read = |count| bits.read(count).ok_or(SHORT);
    let (start, end) = (read(32)? as usize, read(32)? as usize);
    if start != number * SEGMENT_STEP || end < start || end >= frames {
        return Err(invalid("a segment is not where it should be"));
    }
    if read(1)? != 1 {
        return Err(invalid("a segment has no times"));
    }
    let _times = (read(32)?, read(32)?);
    let mut words = [[0u64; 4]; WORDS];
    for word in &mut words {
        let mut left = WORD_VALUES as u32;
        for part in word {
            let (high, low) = (left.min(32), left.saturating_sub(32).min(32));
            *part = u64::from(read(high)?) << 32 | u64::from(read(low)?);
            left -= high + low;
        }
    }
    Ok(Segment { start, words })
}

fn frame(bits: &mut Bits<'_>) -> Result<Frame, SignatureError> {
    let mut read = |count| bits.read(count).ok_or(SHORT);
    if read(1)? != 1 {
        return Err(invalid("a frame has no time"));
    }
    let _time = read(32)?;
    let confidence = read(8)? as u8;
    for _ in 0..WORDS {
        if read(8)? as usize >= WORD_VALUES {
            return Err(invalid("a word of a frame is out of range"));
        }
    }
    let mut values = [0; FRAME_BYTES];
    for value in &mut values {
        *value = read(8)? as u8;
    }
    Frame::new(confidence, values).ok_or(invalid("a value of a frame is out of range"))
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// The next `count` bits, at most 32, highest first.
    fn read(&mut self, count: u32) -> Option<u32> {
        let (first, shift) = (self.at / 8, self.at % 8);
        let needed = (shift + count as usize).div_ceil(8);
        let window = self.bytes.get(first..first.checked_add(needed)?)?;
        let value = window
            .iter()
            .fold(0u64, |value, byte| value << 8 | u64::from(*byte));
        self.at += count as usize;
        let behind = needed * 8 - shift - count as usize;
        Some((value >> behind & ((1u64 << count) - 1)) as u32)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A signature of these frames, as the filter would write it.
    pub(crate) fn written(frames: &[[u8; FRAME_BYTES]], confidence: u8) -> Vec<u8> {
        let mut bits = String::new();
        let mut put = |value: usize, count: usize| bits.push_str(&format!("{value:0count$b}"));
        let segments = frames.len().div_ceil(SEGMENT_STEP);
        for (value, count) in [
            (1, 32),
            (1, 1),
            (0, 32),
            (1279, 16),
            (719, 16),
            (0, 32),
            (frames.len(), 32),
            (30, 16),
            (1, 1),
            (0, 32),
            (frames.len(), 32),
            (segments, 32),
        ] {
            put(value, count);
        }
        for number in 0..segments {
            put(number * SEGMENT_STEP, 32);
            put((number * SEGMENT_STEP + 89).min(frames.len() - 1), 32);
            put(1, 1);
            put(0, 32);
            put(0, 32);
            for _ in 0..WORDS {
                put(1, WORD_VALUES);
            }
        }
        put(0, 1);
        for (time, frame) in frames.iter().enumerate() {
            put(1, 1);
            put(time, 32);
            put(usize::from(confidence), 8);
            (0..WORDS).for_each(|word| put(word, 8));
            frame.iter().for_each(|value| put(usize::from(*value), 8));
        }
        let byte = |bits: &[u8]| {
            let text = std::str::from_utf8(bits).unwrap();
            u8::from_str_radix(&format!("{text:0<8}"), 2).unwrap()
        };
        bits.as_bytes().chunks(8).map(byte).collect()
    }

    #[test]
    fn a_signature_is_read_and_every_other_length_refused() {
        let bytes = written(&[[7; FRAME_BYTES]; 50], 9);
        let signature = Signature::parse(&bytes).unwrap();
        assert_eq!((signature.frames(), signature.size()), (50, (1280, 720)));
        assert_eq!(signature.segments[1].start, 45);
        assert_eq!(signature.segments[0].words[4][3], 1);
        for end in 0..bytes.len() {
            assert!(Signature::parse(&bytes[..end]).is_err(), "{end}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(Signature::parse(&longer).is_err());
    }

    #[test]
    fn every_field_that_is_fixed_is_checked() {
        let bytes = written(&[[7; FRAME_BYTES]; 50], 9);
        // Regions, flag, corner, first frame, frames, time flag, segments, start of a segment.
        for bit in [31, 32, 40, 110, 150, 177, 270, 280] {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 0x80 >> (bit % 8);
            let refused = Signature::parse(&bytes);
            assert!(
                matches!(refused, Err(SignatureError::InvalidSignData(_))),
                "bit {bit}: {refused:?}"
            );
        }
        assert!(Signature::parse(&written(&[[243; FRAME_BYTES]], 9)).is_err());
        assert!(Signature::parse(&[]).is_err());
    }

    #[test]
    fn a_number_of_frames_nobody_sent_reserves_nothing() {
        let mut bytes = written(&[[7; FRAME_BYTES]], 9);
        // The number of frames stands in bits 129 to 160.
        for byte in &mut bytes[17..20] {
            *byte = 0xff;
        }
        assert_eq!(
            Signature::parse(&bytes),
            Err(invalid("its number of frames is out of bounds"))
        );
    }
}
