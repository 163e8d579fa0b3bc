//! A graphics card: opened, asked what it is, tried with a real segment.
//!
//! A card only ever replaces steps of a job: decoding by the card's decoder, sizes by its scaling
//! filter, H.264 and HEVC by its encoder where it has one. Times, key frames, geometry and counts
//! are the plans and the code of the processor's path. What goes wrong on a card is
//! [`TranscodeFailure::InvalidHardware`] and never blamed on the segment: the processor judges that.
//!
//! Invariant: a picture that lies on a card leaves it only through [`in_memory`].

mod driver;
mod error;
mod picture;
mod report;
mod scaler;

use std::sync::Arc;

use streamflow_types::{Codec, TranscodeFailure};

use crate::av::{self, CardFilter, Device, Dictionary, Encoder, Looks, VideoShape, rational};
use driver::{Driver, Facts, Library};
use scaler::Kept;

pub use error::CardError;
pub use report::{CardReport, EncoderSessions};

pub(crate) use picture::OnCard;
pub(crate) use scaler::{CardScaler, in_memory};

/// Encoders opened to find where the driver refuses. The lowest limits are 2 to 12; who gives so
/// many gives as many as its memory holds.
const MAX_SESSIONS_TRIED: u32 = 16;

/// The size encoders are tried at: above every card's smallest.
const TRIED_SIZE: (u32, u32) = (320, 180);

/// A graphics card. Clones are the same card.
#[derive(Clone, Debug)]
pub struct Card(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    // Filters refer to the device, so they are declared before it.
    kept: Kept,
    device: Device,
    driver: Driver,
    facts: Facts,
    encoders: Encoders,
}

/// Which encoders of the card open, or why they do not.
#[derive(Debug)]
struct Encoders {
    h264: Result<(), CardError>,
    hevc: Result<(), CardError>,
}

impl Card {
    /// Opens the card with this number, counted among those the process is shown. Loads everything
    /// that will be needed, so that a sandbox may close behind it.
    pub fn open(index: u32) -> Result<Self, CardError> {
        av::quiet();
        check_build()?;
        let driver = Driver::start()?;
        let facts = driver.facts(index)?;
        Library::load(driver::DECODING)?;
        let encoding = Library::load(driver::ENCODING);
        // The filter's code is compiled by it; older drivers have that inside.
        let _inside_older_drivers = Library::load(driver::COMPILING);
        let device = Device::open(index).map_err(CardError::context)?;
        let try_one = |name| match &encoding {
            Ok(_) => open_encoder(&device, name).map(drop),
            Err(error) => Err(error.clone()),
        };
        let encoders = Encoders {
            h264: try_one(H264_ENCODER),
            hevc: try_one(HEVC_ENCODER),
        };
        Ok(Self(Arc::new(Shared {
            kept: Kept::default(),
            device,
            driver,
            facts,
            encoders,
        })))
    }

    /// Bytes of its memory nobody uses.
    pub fn free_bytes(&self) -> Result<u64, CardError> {
        let context = self.0.device.driver_context();
        self.0.driver.free_bytes(context)
    }

    /// Opens encoders until one is refused. Whoever else uses the card counts too.
    pub fn encoder_sessions(&self) -> EncoderSessions {
        let mut open = Vec::new();
        while (open.len() as u32) < MAX_SESSIONS_TRIED {
            match open_encoder(&self.0.device, H264_ENCODER) {
                Ok(encoder) => open.push(encoder),
                Err(_) => return EncoderSessions::Limited(open.len() as u32),
            }
        }
        EncoderSessions::AtLeast(MAX_SESSIONS_TRIED)
    }

    /// The card's encoder of this codec, by the library's name, where it has one.
    pub(crate) fn encoder(&self, codec: Codec) -> Option<&'static str> {
        let encoders = &self.0.encoders;
        match codec {
            Codec::H264 => encoders.h264.is_ok().then_some(H264_ENCODER),
            Codec::H265 => encoders.hevc.is_ok().then_some(HEVC_ENCODER),
            Codec::Vp8 | Codec::Vp9 => None,
        }
    }

    pub(crate) fn device(&self) -> &Device {
        &self.0.device
    }
}

const H264_ENCODER: &str = "h264_nvenc";
const HEVC_ENCODER: &str = "hevc_nvenc";

/// Whether the library is built with what every card needs.
fn check_build() -> Result<(), CardError> {
    if !av::decodes_on_card("h264") {
        return Err(CardError::Build("H.264 decoding by NVDEC"));
    }
    if !CardFilter::is_built() {
        return Err(CardError::Build("the filter scale_cuda"));
    }
    Ok(())
}

/// Opens an encoder of the card as a job would, for pictures in the machine's memory.
fn open_encoder(device: &Device, name: &'static str) -> Result<Encoder, CardError> {
    if av::find_encoder(name).is_none() {
        return Err(CardError::Build(name));
    }
    let shape = VideoShape {
        width: TRIED_SIZE.0,
        height: TRIED_SIZE.1,
        looks: Looks::default(),
        tick: rational(1, 30),
        bitrate: 400_000,
        holds_quality: false,
        gop: None,
        b_frames: 0,
        threads: 1,
        headers_apart: false,
        frames: None,
    };
    let refused = |failure: TranscodeFailure| CardError::Encoder {
        name,
        reason: failure.to_string(),
    };
    let options = encoder_options(0, 0).map_err(refused)?;
    Encoder::open_video_on(name, &shape, options, Some(device)).map_err(refused)
}

/// CRF on the processor and constant quality on a card look alike this far apart.
const QUALITY_STEP: u8 = 7;
const WORST_QUALITY: u8 = 51;

/// Options of the card's encoders for a quality (0: hold the bit rate) and so many B-frames. A
/// picture sent is a picture out: nothing is looked ahead at and nothing held back.
pub(crate) fn encoder_options(quality: u8, b_frames: u32) -> Result<Dictionary, TranscodeFailure> {
    let mut options = Dictionary::new();
    options.set("preset", "p4")?;
    options.set("forced-idr", "1")?;
    options.set("delay", "0")?;
    if b_frames == 0 {
        // It forbids pictures out of order.
        options.set("zerolatency", "1")?;
    }
    if quality == 0 {
        options.set("rc", "cbr")?;
    } else {
        let quality = quality.saturating_add(QUALITY_STEP).min(WORST_QUALITY);
        options.set("rc", "vbr")?;
        options.set("cq", &quality.to_string())?;
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_a_driver_says_which_library_is_missing() {
        match Card::open(0) {
            Ok(card) => eprintln!("skipped: this machine has a card, {:?}", card.0.facts),
            Err(CardError::Library { name, reason }) => {
                assert!(
                    ["libcuda.so.1", "libnvcuvid.so.1"].contains(&name),
                    "{name}"
                );
                assert!(reason.contains(name), "{reason}");
            }
            Err(other) => {
                // A driver without a card, or a library built without the filter.
                let code = other.code();
                assert!(
                    ["driver", "device", "ffmpeg-part", "context"].contains(&code),
                    "{other}"
                );
            }
        }
    }

    #[test]
    fn the_cards_encoders_know_every_option_they_are_given() {
        for name in [H264_ENCODER, HEVC_ENCODER] {
            let Some(codec) = av::find_encoder(name) else {
                eprintln!("skipped: this FFmpeg has no {name}");
                continue;
            };
            for (quality, b_frames) in [(0, 0), (0, 3), (23, 0), (60, 3)] {
                let mut options = encoder_options(quality, b_frames).unwrap();
                options.set("profile", "main").unwrap();
                assert_eq!(av::unknown_options(codec, &mut options), Ok(0), "{name}");
            }
        }
    }
}
