//! What a rendition should look like.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A video codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Codec {
    /// H.264 / AVC.
    #[default]
    #[serde(rename = "H.264")]
    H264,
    /// H.265 / HEVC.
    #[serde(rename = "HEVC")]
    H265,
    /// VP8.
    #[serde(rename = "VP8")]
    Vp8,
    /// VP9.
    #[serde(rename = "VP9")]
    Vp9,
}

/// How encoded video is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Container {
    /// MPEG transport stream.
    #[default]
    MpegTs,
    /// MP4, fragmented or with the index in front.
    Mp4,
}

impl Container {
    /// File name extension with its dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::MpegTs => ".ts",
            Self::Mp4 => ".mp4",
        }
    }

    /// Media type sent to players and peers.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::MpegTs => "video/mp2t",
            Self::Mp4 => "video/mp4",
        }
    }
}

/// The H.264 profile an encoder is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the standard")]
pub enum H264Profile {
    /// The encoder's choice.
    #[default]
    Default,
    Baseline,
    Main,
    High,
    ConstrainedHigh,
}

/// Chroma subsampling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the sampling ratios")]
pub enum ChromaFormat {
    #[default]
    Yuv420,
    Yuv422,
    Yuv444,
}

/// Pictures a second as the exact ratio on the wire. The denominator is kept apart from "not
/// given" because capability and field choice look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct FrameRate {
    /// Numerator; 0 keeps the source's timing.
    pub num: u32,
    /// Denominator; 0 means not given, which counts as 1.
    pub den: u32,
}

impl FrameRate {
    /// Keep the source's timing.
    pub const SOURCE: Self = Self { num: 0, den: 0 };

    /// A whole number of pictures a second.
    pub const fn whole(fps: u32) -> Self {
        Self { num: fps, den: 0 }
    }

    /// Numerator and denominator of a set rate, `None` to keep the source's.
    pub fn ratio(self) -> Option<(NonZeroU32, NonZeroU32)> {
        NonZeroU32::new(self.num)
            .map(|num| (num, NonZeroU32::new(self.den).unwrap_or(NonZeroU32::MIN)))
    }
}

/// How often a key frame stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Gop {
    /// The encoder's default, besides the key frame that opens each segment.
    #[default]
    Default,
    /// Every frame.
    Intra,
    /// At this interval; whole milliseconds on the wire.
    Every(Duration),
}

/// What one rendition should look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Unique in a ladder; part of URLs and of segment signatures.
    pub name: String,
    /// The larger of the two sides bounds the longer side of the source.
    pub width: u32,
    /// See `width`.
    pub height: u32,
    /// Bits a second.
    pub bitrate: u32,
    /// Pictures a second.
    pub fps: FrameRate,
    /// Wrapping; `None` follows the input.
    pub container: Option<Container>,
    /// H.264 profile.
    pub h264_profile: H264Profile,
    /// Key-frame interval.
    pub gop: Gop,
    /// Codec.
    pub codec: Codec,
    /// Bits a sample minus 8.
    pub color_depth: u8,
    /// Chroma subsampling.
    pub chroma: ChromaFormat,
    /// Constant-quality value 1–63; 0 is off.
    pub quality: u8,
}

/// Why a profile was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// No preset has this name.
    #[error("no preset is called {0:?}; see `streamflow gateway --help` for the list")]
    UnknownPreset(String),
    /// A field is out of range.
    #[error("profile {name:?}: {field} {problem}")]
    Field {
        /// The profile.
        name: String,
        /// The member at fault.
        field: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
}

impl Profile {
    /// An H.264 MPEG-TS-or-as-input profile with defaults for everything not named.
    pub fn new(name: &str, width: u32, height: u32, bitrate: u32, fps: FrameRate) -> Self {
        Self {
            name: name.to_owned(),
            width,
            height,
            bitrate,
            fps,
            container: None,
            h264_profile: H264Profile::Default,
            gop: Gop::Default,
            codec: Codec::H264,
            color_depth: 0,
            chroma: ChromaFormat::Yuv420,
            quality: 0,
        }
    }

    /// The `WxH` text of playlists and headers.
    pub fn resolution(&self) -> String {
        format!("{}x{}", self.width, self.height)
    }

    /// The preset of this name.
    pub fn preset(name: &str) -> Result<Self, ProfileError> {
        presets()
            .find(|preset| preset.name == name)
            .ok_or_else(|| ProfileError::UnknownPreset(name.to_owned()))
    }
}

/// The presets every node of the network knows, as (name, width, height, kbit/s, fps).
const PRESETS: [(&str, u32, u32, u32, u32); 14] = [
    ("P720p60fps16x9", 1280, 720, 6000, 60),
    ("P720p30fps16x9", 1280, 720, 4000, 30),
    ("P720p25fps16x9", 1280, 720, 3500, 25),
    ("P720p30fps4x3", 960, 720, 3500, 30),
    ("P576p30fps16x9", 1024, 576, 1500, 30),
    ("P576p25fps16x9", 1024, 576, 1500, 25),
    ("P360p30fps16x9", 640, 360, 1200, 30),
    ("P360p25fps16x9", 640, 360, 1000, 25),
    ("P360p30fps4x3", 480, 360, 1000, 30),
    ("P240p30fps16x9", 426, 240, 600, 30),
    ("P240p25fps16x9", 426, 240, 600, 25),
    ("P240p30fps4x3", 320, 240, 600, 30),
    ("P144p30fps16x9", 256, 144, 400, 30),
    ("P144p25fps16x9", 256, 144, 400, 25),
];

/// The presets every node of the network knows.
pub fn presets() -> impl Iterator<Item = Profile> {
    PRESETS.into_iter().map(|(name, width, height, kbps, fps)| {
        Profile::new(name, width, height, kbps * 1000, FrameRate::whole(fps))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_found_by_name() {
        let preset = Profile::preset("P240p30fps16x9").unwrap();
        assert_eq!(
            (preset.resolution().as_str(), preset.bitrate),
            ("426x240", 600_000)
        );
        assert!(Profile::preset("P1p").is_err());
        assert_eq!(presets().count(), 14);
    }

    #[test]
    fn a_missing_denominator_counts_as_one() {
        let ratio = FrameRate::whole(30).ratio().unwrap();
        assert_eq!((ratio.0.get(), ratio.1.get()), (30, 1));
        assert_eq!(FrameRate::SOURCE.ratio(), None);
    }
}
