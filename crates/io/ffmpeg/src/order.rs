//! What was asked for, checked and put into an encoder's terms, before anything is opened.

use std::num::NonZeroU32;

use streamflow_media::plan::geometry::{self, Bounds};
use streamflow_media::plan::gop::GopPlan;
use streamflow_types::{
    AudioMode, Codec, Container, H264Profile, Profile, TranscodeFailure, VideoMode, Work,
};

use crate::Settings;
use crate::av::{Dictionary, Rational, rational};
use crate::card::{self, Card};
use crate::picture::Size;

/// Most outputs of one job.
const MAX_OUTPUTS: usize = 10;

/// Pictures that may be shown out of the order of decoding, where a profile allows them.
const B_FRAMES: u32 = 3;

/// What one rendition is encoded with.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) asked: Size,
    pub(crate) codec: Codec,
    pub(crate) container: Container,
    pub(crate) bitrate: u32,
    pub(crate) rate: Option<(NonZeroU32, NonZeroU32)>,
    pub(crate) keys: GopPlan,
    pub(crate) b_frames: u32,
    pub(crate) encoder: &'static str,
    /// Whether that is an encoder of the job's card.
    pub(crate) on_card: bool,
    profile: H264Profile,
    quality: u8,
}

/// Checks a job apart from its source.
pub(crate) fn check(work: &Work) -> Result<(), TranscodeFailure> {
    if work.profiles.len() > MAX_OUTPUTS {
        return Err(TranscodeFailure::TooManyOutputs);
    }
    if work.profiles.is_empty() {
        return Err(TranscodeFailure::InvalidArgument);
    }
    if work.video == VideoMode::Drop && work.audio == AudioMode::Drop {
        return Err(TranscodeFailure::InvalidArgument);
    }
    if let Some(clip) = work.clip
        && (work.video != VideoMode::Encode || clip.to.is_some_and(|to| to < clip.from))
    {
        return Err(TranscodeFailure::InvalidClip);
    }
    Ok(())
}

impl Order {
    /// Reads a profile; a container not named is that of the source. Where a card is to be used,
    /// its encoder is, if it has one.
    pub(crate) fn read(
        profile: &Profile,
        source: Container,
        card: Option<&Card>,
    ) -> Result<Self, TranscodeFailure> {
        let rate = profile.fps.ratio();
        if let Some((num, den)) = rate {
            // Both sides go through the library's 32-bit ratios.
            if i32::try_from(num.get()).is_err() || i32::try_from(den.get()).is_err() {
                return Err(TranscodeFailure::InvalidArgument);
            }
        }
        let keys =
            GopPlan::new(profile.gop, profile.fps).map_err(|_| TranscodeFailure::InvalidGop)?;
        let container = profile.container.unwrap_or(source);
        let encoder = match (profile.codec, container) {
            (Codec::H264, _) => "libx264",
            (Codec::H265, _) => "libx265",
            (Codec::Vp9, Container::Mp4) => "libvpx-vp9",
            // No transport stream carries them, and the library puts VP8 into no MP4.
            (Codec::Vp8 | Codec::Vp9, _) => return Err(TranscodeFailure::UnrecognizedFormat),
        };
        let plain = matches!(
            profile.h264_profile,
            H264Profile::Baseline | H264Profile::ConstrainedHigh
        ) && profile.codec == Codec::H264;
        let on_card = card.and_then(|card| card.encoder(profile.codec));
        let b_frames = if on_card.is_some() {
            b_frames_on_card(profile, keys)
        } else if plain || keys == GopPlan::Intra || profile.codec == Codec::Vp9 {
            0
        } else {
            B_FRAMES
        };
        Ok(Self {
            asked: (profile.width, profile.height),
            codec: profile.codec,
            container,
            bitrate: profile.bitrate,
            rate,
            keys,
            b_frames,
            encoder: on_card.unwrap_or(encoder),
            on_card: on_card.is_some(),
            profile: profile.h264_profile,
            quality: profile.quality,
        })
    }

    /// The size of the rendition of a source picture that stands upright.
    pub(crate) fn size(&self, source: Size) -> Result<Size, TranscodeFailure> {
        let size = |size: Size| geometry::Size::new(size.0, size.1);
        geometry::scaled(size(source), size(self.asked), Bounds::of(self.codec))
            .map(|size| (size.width, size.height))
            .map_err(|_| TranscodeFailure::InvalidResolution)
    }

    /// Whether quality is held instead of the bit rate, which then is only a ceiling.
    pub(crate) const fn holds_quality(&self) -> bool {
        self.quality > 0
    }

    /// How many pictures its encoder may decode ahead at least, where the library does not tell:
    /// x265 with references among B-frames needs two.
    pub(crate) const fn least_reorder_depth(&self) -> u32 {
        match (self.codec, self.b_frames) {
            (Codec::H265, 2..) => 2,
            (Codec::H265, depth) => depth,
            _ => 0,
        }
    }

    /// The encoder's own options.
    pub(crate) fn options(&self, settings: &Settings) -> Result<Dictionary, TranscodeFailure> {
        if self.on_card {
            return self.options_on_card();
        }
        let mut options = Dictionary::new();
        let mut worst_quality = MAX_CRF;
        match self.codec {
            Codec::H264 => {
                options.set("preset", &settings.preset)?;
                options.set("forced-idr", "1")?;
                if let Some(name) = profile_name(self.profile) {
                    options.set("profile", name)?;
                }
            }
            Codec::H265 => {
                options.set("preset", &settings.preset)?;
                options.set("forced-idr", "1")?;
                // It would write to standard error and start a pool of threads.
                options.set("x265-params", "log-level=none:pools=none:frame-threads=1")?;
            }
            Codec::Vp8 | Codec::Vp9 => {
                worst_quality = MAX_CQ;
                options.set("deadline", "realtime")?;
                options.set("cpu-used", vpx_speed(&settings.preset))?;
                // A picture held back would come out as a packet without a place in the count.
                options.set("lag-in-frames", "0")?;
                options.set("auto-alt-ref", "0")?;
            }
        }
        if self.quality > 0 {
            options.set("crf", &self.quality.min(worst_quality).to_string())?;
        }
        for (name, value) in &settings.encoder_options {
            options.set(name, value)?;
        }
        Ok(options)
    }

    /// Those of an encoder on a card. The operator's further options are x264's.
    fn options_on_card(&self) -> Result<Dictionary, TranscodeFailure> {
        let mut options = card::encoder_options(self.quality, self.b_frames)?;
        if let (Codec::H264, Some(name)) = (self.codec, profile_name(self.profile)) {
            options.set("profile", name)?;
        }
        Ok(options)
    }

    /// A tick of the encoder's clock: one picture at the rate set, or at the source's.
    pub(crate) fn tick(&self, source_rate: Option<Rational>) -> Rational {
        if let Some((num, den)) = self.rate {
            let side = |value: NonZeroU32| i32::try_from(value.get()).unwrap_or(i32::MAX);
            return rational(side(den), side(num));
        }
        let believable = |rate: &Rational| {
            rate.num > 0 && rate.den > 0 && (1..=MAX_BELIEVED_RATE).contains(&(rate.num / rate.den))
        };
        let rate = source_rate.filter(believable).unwrap_or(rational(30, 1));
        rational(rate.den, rate.num)
    }
}

/// Pictures out of order on a card: only where a profile asks for them and pictures come at a rate
/// of their own. Not in HEVC, where older cards refuse them.
fn b_frames_on_card(profile: &Profile, keys: GopPlan) -> u32 {
    let asks = matches!(profile.h264_profile, H264Profile::Main | H264Profile::High);
    let plain = profile.codec != Codec::H264 || keys == GopPlan::Intra;
    match asks && !plain && profile.fps.ratio().is_some() {
        true => B_FRAMES,
        false => 0,
    }
}

/// Largest constant-quality value of x264 and x265 at 8 bits.
const MAX_CRF: u8 = 51;

/// The same of VP9.
const MAX_CQ: u8 = 63;

/// What a preset of x264 means on libvpx's own scale, 8 being fastest.
fn vpx_speed(preset: &str) -> &'static str {
    match preset {
        "ultrafast" | "superfast" | "veryfast" => "8",
        "faster" | "fast" => "7",
        _ => "5",
    }
}

/// Pictures a second beyond which a guessed rate is taken for a wrong guess.
const MAX_BELIEVED_RATE: i32 = 240;

const fn profile_name(profile: H264Profile) -> Option<&'static str> {
    match profile {
        H264Profile::Default => None,
        H264Profile::Baseline => Some("baseline"),
        H264Profile::Main => Some("main"),
        // High without pictures out of order is what the network calls constrained.
        H264Profile::High | H264Profile::ConstrainedHigh => Some("high"),
    }
}
