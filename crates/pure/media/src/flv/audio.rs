//! Audio tag bodies.

use super::aac::Configuration;
use super::bits::Bytes;
use super::video::skip_modifiers;
use super::{AudioCodec, AudioFormat, AudioTag, FlvError};

/// Classic format numbers.
const MP3: u8 = 2;
const FOUR_CC: u8 = 9;
const AAC: u8 = 10;
const MP3_8KHZ: u8 = 14;

/// Packet types of AAC and of the FourCC form.
const SEQUENCE_START: u8 = 0;
const CODED_FRAMES: u8 = 1;

const ADVICE: &str = "AAC or MP3";

/// The audio of one publisher, read tag by tag.
#[derive(Debug, Default)]
pub struct AudioTrack {
    aac: Option<Configuration>,
    mp3: Option<AudioFormat>,
}

impl AudioTrack {
    /// Reads the next tag body. AAC frames before their configuration are left out: nothing could
    /// decode them.
    pub fn read(&mut self, body: &[u8]) -> Result<AudioTag, FlvError> {
        const SHORT: FlvError = FlvError::Malformed("audio tag");
        let mut bytes = Bytes(body);
        let first = bytes.u8().ok_or(SHORT)?;
        match first >> 4 {
            AAC => {
                let packet_type = bytes.u8().ok_or(SHORT)?;
                self.read_aac(packet_type, bytes.0)
            }
            MP3 | MP3_8KHZ => self.read_mp3(bytes.0),
            FOUR_CC => {
                let packet_type = skip_modifiers(first & 0x0f, &mut bytes).ok_or(SHORT)?;
                match &bytes.array().ok_or(SHORT)? {
                    b"mp4a" => self.read_aac(packet_type, bytes.0),
                    b".mp3" if packet_type == CODED_FRAMES => self.read_mp3(bytes.0),
                    b".mp3" => Ok(AudioTag::Nothing),
                    other => {
                        let name = String::from_utf8_lossy(other).into_owned();
                        Err(FlvError::Unsupported(name, ADVICE))
                    }
                }
            }
            other => Err(FlvError::Unsupported(classic_name(other), ADVICE)),
        }
    }

    fn read_aac(&mut self, packet_type: u8, body: &[u8]) -> Result<AudioTag, FlvError> {
        match packet_type {
            SEQUENCE_START => {
                let configuration = Configuration::parse(body)?;
                self.aac = Some(configuration);
                Ok(AudioTag::Format(configuration.format()))
            }
            CODED_FRAMES if !body.is_empty() => match self.aac {
                Some(configuration) => Ok(AudioTag::Frame(configuration.adts(body)?.into())),
                None => Ok(AudioTag::Nothing),
            },
            _ => Ok(AudioTag::Nothing),
        }
    }

    fn read_mp3(&mut self, body: &[u8]) -> Result<AudioTag, FlvError> {
        if body.is_empty() {
            return Ok(AudioTag::Nothing);
        }
        let format = mp3_format(body).ok_or(FlvError::Malformed("MP3 frame"))?;
        let frame = bytes::Bytes::copy_from_slice(body);
        if self.mp3.replace(format) == Some(format) {
            return Ok(AudioTag::Frame(frame));
        }
        Ok(AudioTag::FormatAndFrame(format, frame))
    }
}

/// What the header of an MPEG audio frame says.
fn mp3_format(frame: &[u8]) -> Option<AudioFormat> {
    const RATES: [u32; 3] = [44_100, 48_000, 32_000];
    let [0xff, second, third, fourth] = *frame.first_chunk()? else {
        return None;
    };
    let is_layer_3 = second & 0xe6 == 0xe2;
    // Versions 2.5, (reserved), 2 and 1 divide the rate.
    let (divisor, frame_samples) = match (second >> 3) & 3 {
        0 => (4, 576),
        2 => (2, 576),
        3 => (1, 1152),
        _ => return None,
    };
    let rate = RATES.get(usize::from((third >> 2) & 3))? / divisor;
    let channels = if fourth >> 6 == 3 { 1 } else { 2 };
    is_layer_3.then_some(AudioFormat {
        codec: AudioCodec::Mp3,
        rate,
        frame_samples,
        channels,
    })
}

fn classic_name(format: u8) -> String {
    match format {
        0 | 3 => "PCM audio".to_owned(),
        4..=6 => "Nellymoser audio".to_owned(),
        7 | 8 => "G.711 audio".to_owned(),
        11 => "Speex audio".to_owned(),
        other => format!("audio format {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aac_frames_wait_for_their_configuration() {
        let mut track = AudioTrack::default();
        assert_eq!(track.read(b"\xaf\x01abc"), Ok(AudioTag::Nothing));
        let Ok(AudioTag::Format(format)) = track.read(b"\xaf\x00\x12\x10") else {
            panic!()
        };
        assert_eq!((format.codec, format.rate), (AudioCodec::Aac, 44_100));
        let Ok(AudioTag::Frame(frame)) = track.read(b"\xaf\x01abc") else {
            panic!()
        };
        assert_eq!(frame.len(), 10);
    }

    #[test]
    fn aac_comes_with_a_four_cc_too() {
        let mut track = AudioTrack::default();
        assert!(matches!(
            track.read(b"\x90mp4a\x12\x10"),
            Ok(AudioTag::Format(_))
        ));
        assert!(matches!(track.read(b"\x91mp4aabc"), Ok(AudioTag::Frame(_))));
        assert!(matches!(
            track.read(b"\x91Opusabc"),
            Err(FlvError::Unsupported(..))
        ));
    }

    #[test]
    fn mp3_tells_its_format_with_its_first_frame() {
        let mut track = AudioTrack::default();
        let frame = b"\x2f\xff\xfb\x90\x44rest";
        let Ok(AudioTag::FormatAndFrame(format, bytes)) = track.read(frame) else {
            panic!()
        };
        assert_eq!(
            (format.rate, format.frame_samples, format.channels),
            (44_100, 1152, 2)
        );
        assert_eq!(&bytes[..], &frame[1..]);
        assert!(matches!(track.read(frame), Ok(AudioTag::Frame(_))));
        assert_eq!(
            track.read(b"\x2fnoise"),
            Err(FlvError::Malformed("MP3 frame"))
        );
    }

    #[test]
    fn other_formats_are_named() {
        let refused = AudioTrack::default().read(b"\xb2a");
        assert_eq!(
            refused,
            Err(FlvError::Unsupported("Speex audio".to_owned(), ADVICE))
        );
    }
}
