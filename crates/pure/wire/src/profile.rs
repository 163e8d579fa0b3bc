//! Profiles as messages and as JSON, their ids, and which field of a request carries them.

mod json;

use std::time::Duration;

use streamflow_types::{ChromaFormat, Codec, Container, FrameRate, Gop, H264Profile, Profile};

use crate::proto::VideoProfile;
use crate::proto::video_profile::{ChromaSubsampling, Format, Profile as Encoder, VideoCodec};
use crate::signature::keccak;

pub use json::{JsonProfile, JsonProfileError, parse_ladder};

/// Why a message's profile is refused. The texts are those peers see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// No such container.
    #[error("unrecognized profile output format")]
    Format,
    /// No such encoder profile.
    #[error("unrecognized encoder profile")]
    Encoder,
    /// No such codec.
    #[error("unrecognized video codec")]
    Codec,
    /// A size or bitrate below zero, or a name longer than any real one.
    #[error("profile {0} out of range")]
    Range(&'static str),
}

/// The field of a request that carries its profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `fullProfiles`: nothing beyond the first version.
    Full,
    /// `fullProfiles2`: containers.
    Full2,
    /// `fullProfiles3`: everything.
    Full3,
}

/// Longest profile name taken from a peer: it becomes part of URLs.
const MAX_NAME_BYTES: usize = 128;

/// The field that carries these profiles; none carries no profiles.
pub fn field_for(profiles: &[Profile]) -> Option<Field> {
    if profiles.is_empty() {
        return None;
    }
    let plain = |p: &Profile| {
        p.fps.den == 0 && p.h264_profile == H264Profile::Default && p.gop == Gop::Default
    };
    if !profiles.iter().all(plain) {
        return Some(Field::Full3);
    }
    let has_mp4 = profiles.iter().any(|p| p.container == Some(Container::Mp4));
    Some(if has_mp4 { Field::Full2 } else { Field::Full })
}

/// The id that stands for a profile in signatures: it covers the name only.
pub fn id(name: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = keccak(name.as_bytes());
    [a, b, c, d]
}

/// The name a profile has on the wire: peers give a nameless one this.
pub fn sent_name(profile: &Profile) -> String {
    named(
        &profile.name,
        "ffmpeg",
        profile.width,
        profile.height,
        profile.bitrate,
    )
}

fn named(name: &str, prefix: &str, width: u32, height: u32, bitrate: u32) -> String {
    if name.is_empty() {
        format!("{prefix}_{width}x{height}_{bitrate}")
    } else {
        name.to_owned()
    }
}

/// As a message.
pub fn to_proto(profile: &Profile) -> VideoProfile {
    let signed = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    VideoProfile {
        name: sent_name(profile),
        width: signed(profile.width),
        height: signed(profile.height),
        bitrate: signed(profile.bitrate),
        fps: profile.fps.num,
        fps_den: profile.fps.den,
        format: match profile.container.unwrap_or_default() {
            Container::MpegTs => Format::Mpegts,
            Container::Mp4 => Format::Mp4,
        }
        .into(),
        profile: match profile.h264_profile {
            H264Profile::Default => Encoder::EncoderDefault,
            H264Profile::Baseline => Encoder::H264Baseline,
            H264Profile::Main => Encoder::H264Main,
            H264Profile::High => Encoder::H264High,
            H264Profile::ConstrainedHigh => Encoder::H264ConstrainedHigh,
        }
        .into(),
        gop: match profile.gop {
            Gop::Default => 0,
            Gop::Intra => -1,
            Gop::Every(interval) => i32::try_from(interval.as_millis()).unwrap_or(i32::MAX),
        },
        encoder: match profile.codec {
            Codec::H264 => VideoCodec::H264,
            Codec::H265 => VideoCodec::H265,
            Codec::Vp8 => VideoCodec::Vp8,
            Codec::Vp9 => VideoCodec::Vp9,
        }
        .into(),
        color_depth: i32::from(profile.color_depth),
        chroma_format: match profile.chroma {
            ChromaFormat::Yuv420 => ChromaSubsampling::Chroma420,
            ChromaFormat::Yuv422 => ChromaSubsampling::Chroma422,
            ChromaFormat::Yuv444 => ChromaSubsampling::Chroma444,
        }
        .into(),
        quality: u32::from(profile.quality),
    }
}

/// From a message.
pub fn from_proto(message: &VideoProfile) -> Result<Profile, ProfileError> {
    let container = match Format::try_from(message.format).map_err(|_| ProfileError::Format)? {
        Format::Mpegts => Container::MpegTs,
        Format::Mp4 => Container::Mp4,
    };
    let h264_profile =
        match Encoder::try_from(message.profile).map_err(|_| ProfileError::Encoder)? {
            Encoder::EncoderDefault => H264Profile::Default,
            Encoder::H264Baseline => H264Profile::Baseline,
            Encoder::H264Main => H264Profile::Main,
            Encoder::H264High => H264Profile::High,
            Encoder::H264ConstrainedHigh => H264Profile::ConstrainedHigh,
        };
    let codec = match VideoCodec::try_from(message.encoder).map_err(|_| ProfileError::Codec)? {
        VideoCodec::H264 => Codec::H264,
        VideoCodec::H265 => Codec::H265,
        VideoCodec::Vp8 => Codec::Vp8,
        VideoCodec::Vp9 => Codec::Vp9,
    };
    if message.name.len() > MAX_NAME_BYTES || !is_path_part(&message.name) {
        return Err(ProfileError::Range("name"));
    }
    let positive = |value: i32, what| u32::try_from(value).map_err(|_| ProfileError::Range(what));
    let width = positive(message.width, "width")?;
    let height = positive(message.height, "height")?;
    let bitrate = positive(message.bitrate, "bitrate")?;
    Ok(Profile {
        name: named(&message.name, "net", width, height, bitrate),
        width,
        height,
        bitrate,
        fps: FrameRate {
            num: message.fps,
            den: message.fps_den,
        },
        container: Some(container),
        h264_profile,
        gop: match message.gop {
            0 => Gop::Default,
            ms if ms < 0 => Gop::Intra,
            ms => Gop::Every(Duration::from_millis(ms.unsigned_abs().into())),
        },
        codec,
        // Nobody reads these two from the wire; what cannot be read is the common case.
        color_depth: u8::try_from(message.color_depth).unwrap_or_default(),
        chroma: match ChromaSubsampling::try_from(message.chroma_format) {
            Ok(ChromaSubsampling::Chroma422) => ChromaFormat::Yuv422,
            Ok(ChromaSubsampling::Chroma444) => ChromaFormat::Yuv444,
            _ => ChromaFormat::Yuv420,
        },
        quality: u8::try_from(message.quality).unwrap_or(u8::MAX),
    })
}

/// Whether a name can be one part of a path: it names a folder at whoever stores the rendition.
fn is_path_part(name: &str) -> bool {
    name != "."
        && name != ".."
        && !name
            .bytes()
            .any(|b| b == b'/' || b == b'\\' || b.is_ascii_control())
}
