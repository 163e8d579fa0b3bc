//! AAC: ADTS frames of transport streams, `AudioSpecificConfig` of MP4 and FLV.

use super::HeaderError;
use super::bits::BitReader;

/// Samples in a frame of AAC, unless its configuration halves or shortens it.
pub const FRAME_SAMPLES: u32 = 1024;

/// Bytes of an ADTS header without checksum.
pub const ADTS_BYTES: usize = 7;

const SAMPLE_RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// The header of an ADTS frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdtsHeader {
    /// Audio object type: 2 is AAC-LC.
    pub object_type: u8,
    /// Samples a second.
    pub sample_rate: u32,
    /// Channels; 0 when the stream itself says.
    pub channels: u8,
    /// Bytes of the frame, its header included.
    pub frame_bytes: usize,
    /// Raw blocks of [`FRAME_SAMPLES`] in it.
    pub blocks: u8,
}

/// What an `AudioSpecificConfig` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioConfig {
    /// Audio object type, that of the extension where one is named.
    pub object_type: u8,
    /// Samples a second as played.
    pub sample_rate: u32,
    /// Channels; 0 when the stream itself says.
    pub channels: u8,
}

impl AdtsHeader {
    /// Reads the header at the start of `bytes`; `None` where there is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let header: [u8; ADTS_BYTES] = bytes.first_chunk().copied()?;
        let [sync, flags, rates, sizes, size, fill, last] = header;
        // Layer 0 tells it from MPEG audio.
        if sync != 0xff || flags & 0xf6 != 0xf0 {
            return None;
        }
        let frame_bytes = usize::from(sizes & 3) << 11 | usize::from(size) << 3;
        let frame_bytes = frame_bytes | usize::from(fill >> 5);
        if frame_bytes < ADTS_BYTES {
            return None;
        }
        Some(Self {
            object_type: (rates >> 6) + 1,
            sample_rate: *SAMPLE_RATES.get(usize::from(rates >> 2 & 0xf))?,
            channels: channels(u32::from((rates & 1) << 2 | sizes >> 6)),
            frame_bytes,
            blocks: (last & 3) + 1,
        })
    }
}

impl AudioConfig {
    /// Parses the configuration.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let mut bits = BitReader::new(bytes);
        let base = object_type(&mut bits).ok_or(TRUNCATED)?;
        let mut sample_rate = sample_rate(&mut bits)?;
        let channels = channels(bits.bits(4).ok_or(TRUNCATED)?);
        // Spectral band replication doubles the rate and names it after the base layer's.
        if matches!(base, 5 | 29) {
            sample_rate = self::sample_rate(&mut bits)?;
        }
        Ok(Self {
            object_type: base,
            sample_rate,
            channels,
        })
    }
}

/// How playlists name AAC of this object type.
pub fn codec_string(object_type: u8) -> String {
    format!("mp4a.40.{object_type}")
}

const TRUNCATED: HeaderError = HeaderError::Truncated("AudioSpecificConfig");

fn object_type(bits: &mut BitReader<'_>) -> Option<u8> {
    const EXTENDED: u32 = 31;
    let kind = match bits.bits(5)? {
        EXTENDED => 32 + bits.bits(6)?,
        kind => kind,
    };
    u8::try_from(kind).ok()
}

fn sample_rate(bits: &mut BitReader<'_>) -> Result<u32, HeaderError> {
    const WRITTEN_OUT: u32 = 15;
    let index = bits.bits(4).ok_or(TRUNCATED)?;
    if index == WRITTEN_OUT {
        return bits.bits(24).ok_or(TRUNCATED);
    }
    let rate = usize::try_from(index)
        .ok()
        .and_then(|i| SAMPLE_RATES.get(i));
    rate.copied()
        .ok_or_else(|| HeaderError::field("samplingFrequencyIndex", index))
}

/// Channels of a configuration number.
const fn channels(configuration: u32) -> u8 {
    match configuration {
        1..=6 => configuration as u8,
        7 | 12 | 14 => 8,
        11 => 7,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_header_is_read() {
        // AAC-LC, 48 kHz, stereo, 371 bytes, one block.
        let header = AdtsHeader::parse(&[0xff, 0xf1, 0x4c, 0x80, 0x2e, 0x7f, 0xfc]).unwrap();
        assert_eq!(
            header,
            AdtsHeader {
                object_type: 2,
                sample_rate: 48_000,
                channels: 2,
                frame_bytes: 371,
                blocks: 1,
            }
        );
        assert_eq!(AdtsHeader::parse(&[0xff, 0xfb, 0x90, 0x64, 0, 0, 0]), None);
        assert_eq!(AdtsHeader::parse(&[0xff, 0xf1]), None);
    }

    #[test]
    fn configurations_are_read() {
        let plain = AudioConfig::parse(&[0x11, 0x90]).unwrap();
        assert_eq!(
            (plain.object_type, plain.sample_rate, plain.channels),
            (2, 48_000, 2)
        );
        // HE-AAC of 24 kHz, played at 48 kHz.
        let extended = AudioConfig::parse(&[0x2b, 0x11, 0x88, 0x00]).unwrap();
        assert_eq!((extended.object_type, extended.sample_rate), (5, 48_000));
        assert_eq!(AudioConfig::parse(&[0x11]), Err(TRUNCATED));
        assert_eq!(codec_string(2), "mp4a.40.2");
    }
}
