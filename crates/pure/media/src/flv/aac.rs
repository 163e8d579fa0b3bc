//! AAC: the configuration an encoder sends once, and the ADTS header every frame gets from it.

use super::bits::Bits;
use super::{AudioCodec, AudioFormat, FlvError};

const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// Object types: spectral band replication and parametric stereo wrap a plainer one.
const SBR: u32 = 5;
const PS: u32 = 29;
const ESCAPE: u32 = 31;

const HEADER_BYTES: usize = 7;

/// Largest frame an ADTS header can announce.
const MAX_FRAME_BYTES: usize = 0x1fff;

const ADVICE: &str = "AAC-LC or HE-AAC";

/// What is needed to wrap frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Configuration {
    object_type: u8,
    rate_index: u8,
    channels: u8,
}

impl Configuration {
    /// From an AudioSpecificConfig.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, FlvError> {
        let mut bits = Bits::new(bytes);
        let (object_type, rate, channels) =
            fields(&mut bits).ok_or(FlvError::Malformed("AAC configuration"))?;
        let unsupported = |what: String| FlvError::Unsupported(what, ADVICE);
        let rate_index = RATES
            .iter()
            .position(|known| *known == rate)
            .and_then(|index| u8::try_from(index).ok())
            .ok_or_else(|| unsupported(format!("AAC at {rate} Hz")))?;
        if !(1..=4).contains(&object_type) {
            return Err(unsupported(format!("AAC object type {object_type}")));
        }
        if !(1..=7).contains(&channels) {
            return Err(unsupported(format!("AAC channel configuration {channels}")));
        }
        Ok(Self {
            object_type: object_type as u8,
            rate_index,
            channels: channels as u8,
        })
    }

    pub(super) fn format(self) -> AudioFormat {
        let rate = RATES
            .get(usize::from(self.rate_index))
            .copied()
            .unwrap_or_default();
        let channels = if self.channels == 7 { 8 } else { self.channels };
        AudioFormat {
            codec: AudioCodec::Aac,
            rate,
            frame_samples: 1024,
            channels,
        }
    }

    /// The frame behind its ADTS header.
    pub(super) fn adts(self, frame: &[u8]) -> Result<Vec<u8>, FlvError> {
        let length = frame.len().saturating_add(HEADER_BYTES);
        if length > MAX_FRAME_BYTES {
            return Err(FlvError::Malformed("AAC frame: longer than 8 KiB"));
        }
        let length = length as u16;
        let mut out = Vec::with_capacity(usize::from(length));
        out.extend([
            0xff,
            0xf1,
            ((self.object_type - 1) << 6) | (self.rate_index << 2) | (self.channels >> 2),
            (self.channels << 6) | (length >> 11) as u8,
            (length >> 3) as u8,
            ((length << 5) as u8) | 0x1f,
            0xfc,
        ]);
        out.extend_from_slice(frame);
        Ok(out)
    }
}

/// Object type, sample rate and channel configuration of the core coder.
fn fields(bits: &mut Bits<'_>) -> Option<(u32, u32, u32)> {
    let mut object_type = object(bits)?;
    let rate = sample_rate(bits)?;
    let channels = bits.read(4)?;
    if object_type == SBR || object_type == PS {
        // The rate of the extension, then what it extends. Decoders find the extension in the
        // frames again.
        sample_rate(bits)?;
        object_type = object(bits)?;
    }
    Some((object_type, rate, channels))
}

fn object(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.read(5)? {
        ESCAPE => Some(bits.read(6)? + 32),
        plain => Some(plain),
    }
}

fn sample_rate(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.read(4)? {
        15 => bits.read(24),
        index => RATES.get(usize::try_from(index).ok()?).copied().or(Some(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_get_a_header_that_repeats_the_configuration() {
        let configuration = Configuration::parse(&[0x12, 0x10]).unwrap();
        let format = configuration.format();
        assert_eq!(
            (format.rate, format.channels, format.frame_samples),
            (44_100, 2, 1024)
        );
        let adts = configuration.adts(&[1, 2, 3]).unwrap();
        assert_eq!(adts, [0xff, 0xf1, 0x50, 0x80, 0x01, 0x5f, 0xfc, 1, 2, 3]);
    }

    #[test]
    fn high_efficiency_is_written_as_its_core() {
        // Object type 5, core 24 kHz, stereo, extension 48 kHz, core object type 2.
        let configuration = Configuration::parse(&[0x2b, 0x11, 0x88]).unwrap();
        assert_eq!(configuration.object_type, 2);
        assert_eq!(configuration.format().rate, 24_000);
    }

    #[test]
    fn a_rate_in_full_is_found_in_the_table() {
        // Object type 2, index 15, 48,000 in 24 bits, 1 channel.
        let bits = (2u64 << 43) | (15 << 39) | (48_000 << 15) | (1 << 11);
        let configuration = Configuration::parse(&bits.to_be_bytes()[2..]).unwrap();
        assert_eq!(configuration.format().rate, 48_000);
        assert_eq!(configuration.format().channels, 1);
    }

    #[test]
    fn what_adts_cannot_say_is_refused() {
        assert!(matches!(
            Configuration::parse(&[0x12]),
            Err(FlvError::Malformed(_))
        ));
        // Object type 42, a channel configuration of 0, and a frame past 13 bits of length.
        assert!(matches!(
            Configuration::parse(&[0xf9, 0x46, 0x40]),
            Err(FlvError::Unsupported(..))
        ));
        assert!(matches!(
            Configuration::parse(&[0x12, 0x00]),
            Err(FlvError::Unsupported(..))
        ));
        let configuration = Configuration::parse(&[0x12, 0x10]).unwrap();
        assert!(configuration.adts(&[0; 8185]).is_err());
        assert!(configuration.adts(&[0; 8184]).is_ok());
    }
}
