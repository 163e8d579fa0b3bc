//! What a card can do, found by doing it: a clip made in memory is decoded, scaled and encoded on
//! it, and what comes out is counted.

use streamflow_types::{Container, FrameRate, Profile, Rendition, TranscodeFailure, Work};

use super::{Card, CardError};
use crate::av::{Decoder, Frame, Input, Packet, StreamKind};
use crate::transcode::container_of;
use crate::{Cancel, Control, Settings, decode_check, probe, transcode};

/// What a card is and can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardReport {
    /// Its model.
    pub name: String,
    /// Its own number, by which tools name it.
    pub uuid: String,
    /// The driver's interface as major and minor.
    pub cuda: (u32, u32),
    /// Its generation as major and minor.
    pub capability: (u32, u32),
    /// Its memory.
    pub memory_bytes: u64,
    /// Of which nobody uses this much.
    pub free_bytes: u64,
    /// Whether its H.264 encoder opens, or why not; without it the processor encodes.
    pub h264_encoder: Result<(), CardError>,
    /// The same of HEVC.
    pub hevc_encoder: Result<(), CardError>,
    /// How many encoders may be open at once, where it has any.
    pub sessions: Option<EncoderSessions>,
}

/// How many encoders of a card may be open at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncoderSessions {
    /// So many; the next was refused.
    Limited(u32),
    /// None was refused up to here: memory is the limit.
    AtLeast(u32),
}

/// Mean distance of samples up to which two scalers and two encoders may differ. Pictures without
/// anything in common are about 50 apart, those with two planes exchanged nearly as much.
const FARTHEST: u64 = 16;

/// Enough for the clip to come out as it went in.
const BITRATE: u32 = 2_000_000;

impl Card {
    /// Transcodes a clip; holds counts against what can be decoded, and pictures against those the
    /// processor makes.
    pub fn try_clip(&self) -> Result<(), CardError> {
        let clip = probe::test_clip().map_err(|error| match error {
            crate::ProbeError::Failed(failure) => CardError::Failed(failure),
            _ => CardError::Build("libx264"),
        })?;
        let mut small = Profile::new("small", 160, 90, BITRATE, FrameRate::SOURCE);
        small.container = Some(Container::MpegTs);
        let mut halved = Profile::new("halved", 192, 108, BITRATE, FrameRate::whole(15));
        halved.container = Some(Container::Mp4);
        let work = Work::new(vec![small, halved]);
        let run = |control| transcode(&clip, &work, &Settings::default(), &control);
        let product = run(Control::new(1).on(self)).map_err(CardError::Failed)?;
        if product.frames_on_card != product.decoded_frames || product.decoded_frames == 0 {
            return Err(CardError::NotDecoded {
                on_card: product.frames_on_card,
                decoded: product.decoded_frames,
            });
        }
        let model = run(Control::new(1)).map_err(CardError::Failed)?;
        for (made, model) in product.renditions.iter().zip(&model.renditions) {
            check_counts(made)?;
            compare(&made.bytes, &model.bytes)?;
        }
        Ok(())
    }

    /// Tries the card and says what it is.
    pub fn report(&self) -> Result<CardReport, CardError> {
        self.try_clip()?;
        let facts = &self.0.facts;
        let encoders = &self.0.encoders;
        Ok(CardReport {
            name: facts.name.clone(),
            uuid: facts.uuid.clone(),
            cuda: facts.cuda,
            capability: facts.capability,
            memory_bytes: facts.memory_bytes,
            free_bytes: self.free_bytes()?,
            h264_encoder: encoders.h264.clone(),
            hevc_encoder: encoders.hevc.clone(),
            sessions: encoders.h264.is_ok().then(|| self.encoder_sessions()),
        })
    }
}

fn check_counts(rendition: &Rendition) -> Result<(), CardError> {
    let decoded = decode_check(&rendition.bytes).map_err(CardError::Failed)?;
    let (found, expected) = (decoded.pixels.0, rendition.pixels.0);
    if found != expected || found == 0 {
        return Err(CardError::WrongPixels { expected, found });
    }
    if decoded.errors > 0 {
        return Err(CardError::Failed(TranscodeFailure::InvalidVideo));
    }
    Ok(())
}

/// Holds the pictures of a rendition against those of another of the same source.
fn compare(made: &[u8], model: &[u8]) -> Result<(), CardError> {
    let (made, model) = (pictures(made)?, pictures(model)?);
    if made.len() != model.len() {
        return Err(CardError::WrongPixels {
            expected: model.len() as u64,
            found: made.len() as u64,
        });
    }
    for plane in 0..3 {
        let (mut distance, mut samples) = (0u64, 0u64);
        for (ours, theirs) in made.iter().zip(&model) {
            let (Some(ours), Some(theirs)) = (ours.rows(plane), theirs.rows(plane)) else {
                return Err(CardError::Failed(TranscodeFailure::UnsupportedPixelFormat));
            };
            for (ours, theirs) in ours.flatten().zip(theirs.flatten()) {
                distance += u64::from(ours.abs_diff(*theirs));
                samples += 1;
            }
        }
        let mean = distance.checked_div(samples).unwrap_or(u64::MAX);
        if mean > FARTHEST {
            return Err(CardError::WrongPicture { plane, mean });
        }
    }
    Ok(())
}

/// Every picture of a rendition, decoded by the processor.
fn pictures(rendition: &[u8]) -> Result<Vec<Frame>, CardError> {
    let decode = || -> Result<Vec<Frame>, TranscodeFailure> {
        let container = container_of(rendition).ok_or(TranscodeFailure::InvalidVideo)?;
        let pixels = Settings::default().max_picture_pixels;
        let mut input = Input::open(rendition, container, &[], pixels, &Cancel::default())?;
        let info = input.stream(StreamKind::Video);
        let info = info.ok_or(TranscodeFailure::InvalidVideo)?;
        input.keep_only(&[info.index]);
        let mut decoder = Decoder::open(&input, &info, pixels, false)?;
        let mut packet = Packet::new()?;
        let mut pictures = Vec::new();
        let mut is_open = true;
        while is_open {
            is_open = input.read(&mut packet)?;
            decoder.send(is_open.then_some(&packet))?;
            while let Ok(frame) = decoder.receive() {
                pictures.push(frame);
            }
        }
        Ok(pictures)
    };
    decode().map_err(CardError::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(preset: &str, turned: bool) -> Vec<u8> {
        let clip = probe::test_clip().unwrap();
        let (width, height) = match turned {
            true => (200, 112),
            false => (160, 90),
        };
        let mut profile = Profile::new("p", width, height, BITRATE, FrameRate::SOURCE);
        profile.container = Some(Container::MpegTs);
        let settings = Settings {
            preset: preset.to_owned(),
            ..Settings::default()
        };
        let work = Work::new(vec![profile]);
        let product = transcode(&clip, &work, &settings, &Control::new(1)).unwrap();
        product.renditions[0].bytes.to_vec()
    }

    #[test]
    fn two_encodes_of_one_source_are_near_and_other_pictures_far() {
        crate::av::quiet();
        let model = made("veryfast", false);
        compare(&made("ultrafast", false), &model).unwrap();
        // Read row by row as if it were of the other size, it is another picture.
        let far = compare(&made("veryfast", true), &model).unwrap_err();
        assert!(matches!(far, CardError::WrongPicture { .. }), "{far}");
        assert_eq!(far.code(), "picture");
    }
}
