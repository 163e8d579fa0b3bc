//! What a card can do, found by doing it: a clip made in memory is decoded, scaled and encoded on
//! it, and what comes out is counted.

use streamflow_types::{Container, FrameRate, Profile, TranscodeFailure, Work};

use super::{Card, CardError};
use crate::{Control, Settings, decode_check, probe, transcode};

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

impl Card {
    /// Transcodes a clip and compares what was counted with what can be decoded.
    pub fn try_clip(&self) -> Result<(), CardError> {
        let clip = probe::test_clip().map_err(|error| match error {
            crate::ProbeError::Failed(failure) => CardError::Failed(failure),
            _ => CardError::Build("libx264"),
        })?;
        let mut small = Profile::new("small", 160, 90, 100_000, FrameRate::SOURCE);
        small.container = Some(Container::MpegTs);
        let mut halved = Profile::new("halved", 192, 108, 100_000, FrameRate::whole(15));
        halved.container = Some(Container::Mp4);
        let work = Work::new(vec![small, halved]);
        let control = Control::new(1).on(self);
        let product =
            transcode(&clip, &work, &Settings::default(), &control).map_err(CardError::Failed)?;
        if product.frames_on_card != product.decoded_frames || product.decoded_frames == 0 {
            return Err(CardError::NotDecoded {
                on_card: product.frames_on_card,
                decoded: product.decoded_frames,
            });
        }
        for rendition in &product.renditions {
            let decoded = decode_check(&rendition.bytes).map_err(CardError::Failed)?;
            let (found, expected) = (decoded.pixels.0, rendition.pixels.0);
            if found != expected || found == 0 {
                return Err(CardError::WrongPixels { expected, found });
            }
            if decoded.errors > 0 {
                return Err(CardError::Failed(TranscodeFailure::InvalidVideo));
            }
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
