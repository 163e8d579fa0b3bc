//! Profiles as JSON: in ladder files, webhook answers and configuration headers.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use streamflow_types::{ChromaFormat, Codec, FrameRate, Gop, H264Profile, Profile};

/// Most profiles taken from one JSON text; a job takes ten.
const MAX_PROFILES: usize = 32;

/// Nanoseconds in a second, as digits: what is kept of a decimal `gop`.
const NANO_DIGITS: usize = 9;

/// A profile as JSON has it.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(
    missing_docs,
    reason = "the members are described where the JSON is: see `to_profile`"
)]
pub struct JsonProfile {
    pub name: String,
    pub width: i64,
    pub height: i64,
    pub bitrate: i64,
    pub fps: u32,
    #[serde(rename = "fpsDen")]
    pub fps_den: u32,
    pub profile: String,
    pub gop: String,
    pub encoder: String,
    #[serde(rename = "colorDepth")]
    pub color_depth: i64,
    #[serde(rename = "chromaFormat")]
    pub chroma_format: i64,
    pub quality: u32,
}

/// Why a JSON profile is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonProfileError {
    /// The text is no JSON array of profiles.
    #[error("not a JSON array of profiles: {0}")]
    Json(String),
    /// A member has a value nobody takes.
    #[error("profile {name:?}: {member} is {value:?}; {allowed}")]
    Member {
        /// The profile.
        name: String,
        /// The member.
        member: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// More than any job takes.
    #[error("{0} profiles; a stream has at most 32")]
    TooMany(usize),
    /// Two would share one place in URLs.
    #[error("two profiles are called {0:?}")]
    SameName(String),
}

/// The profiles of a ladder file: a bare JSON array.
pub fn parse_ladder(text: &str) -> Result<Vec<Profile>, JsonProfileError> {
    let profiles: Vec<JsonProfile> =
        serde_json::from_str(text).map_err(|error| JsonProfileError::Json(error.to_string()))?;
    if profiles.len() > MAX_PROFILES {
        return Err(JsonProfileError::TooMany(profiles.len()));
    }
    let profiles = profiles
        .iter()
        .map(JsonProfile::to_profile)
        .collect::<Result<Vec<_>, _>>()?;
    for (index, profile) in profiles.iter().enumerate() {
        if profiles
            .iter()
            .take(index)
            .any(|other| other.name == profile.name)
        {
            return Err(JsonProfileError::SameName(profile.name.clone()));
        }
    }
    Ok(profiles)
}

impl JsonProfile {
    /// The profile meant. Sizes are pixels, `bitrate` bits a second, `gop` seconds or `intra`.
    pub fn to_profile(&self) -> Result<Profile, JsonProfileError> {
        let width = self.positive("width", self.width)?;
        let height = self.positive("height", self.height)?;
        let bitrate = self.positive("bitrate", self.bitrate)?;
        if !super::is_path_part(&self.name) || self.name.len() > super::MAX_NAME_BYTES {
            return Err(self.wrong("name", &self.name, "it must be one part of a path"));
        }
        Ok(Profile {
            name: super::named(&self.name, "custom", width, height, bitrate),
            width,
            height,
            bitrate,
            fps: FrameRate {
                num: self.fps,
                den: self.fps_den,
            },
            container: None,
            h264_profile: self.h264_profile()?,
            gop: self.gop()?,
            codec: self.codec()?,
            color_depth: match self.color_depth {
                depth @ (0 | 2 | 4 | 8) => u8::try_from(depth).unwrap_or_default(),
                other => return Err(self.wrong("colorDepth", &other.to_string(), "0, 2, 4 or 8")),
            },
            chroma: match self.chroma_format {
                0 => ChromaFormat::Yuv420,
                1 => ChromaFormat::Yuv422,
                2 => ChromaFormat::Yuv444,
                other => return Err(self.wrong("chromaFormat", &other.to_string(), "0, 1 or 2")),
            },
            quality: u8::try_from(self.quality)
                .ok()
                .filter(|quality| *quality <= 63)
                .ok_or_else(|| self.wrong("quality", &self.quality.to_string(), "0 to 63"))?,
        })
    }

    fn positive(&self, member: &'static str, value: i64) -> Result<u32, JsonProfileError> {
        i32::try_from(value)
            .ok()
            .and_then(|value| u32::try_from(value).ok())
            .ok_or_else(|| self.wrong(member, &value.to_string(), "it must not be negative"))
    }

    fn h264_profile(&self) -> Result<H264Profile, JsonProfileError> {
        Ok(match self.profile.to_ascii_lowercase().as_str() {
            "" | "none" => H264Profile::Default,
            "h264baseline" => H264Profile::Baseline,
            "h264main" => H264Profile::Main,
            "h264high" => H264Profile::High,
            "h264constrainedhigh" => H264Profile::ConstrainedHigh,
            _ => {
                let allowed = "H264Baseline, H264Main, H264High, H264ConstrainedHigh or none";
                return Err(self.wrong("profile", &self.profile, allowed));
            }
        })
    }

    fn gop(&self) -> Result<Gop, JsonProfileError> {
        match self.gop.as_str() {
            "" => Ok(Gop::Default),
            "intra" => Ok(Gop::Intra),
            text => match seconds(text) {
                Some(Duration::ZERO) => Ok(Gop::Default),
                Some(interval) => Ok(Gop::Every(interval)),
                None => Err(self.wrong("gop", text, "seconds as a decimal, or intra")),
            },
        }
    }

    fn codec(&self) -> Result<Codec, JsonProfileError> {
        Ok(match self.encoder.as_str() {
            "" | "H.264" => Codec::H264,
            "HEVC" => Codec::H265,
            "VP8" => Codec::Vp8,
            "VP9" => Codec::Vp9,
            other => return Err(self.wrong("encoder", other, "H.264, HEVC, VP8 or VP9")),
        })
    }

    fn wrong(&self, member: &'static str, value: &str, allowed: &'static str) -> JsonProfileError {
        JsonProfileError::Member {
            name: self.name.clone(),
            member,
            value: value.to_owned(),
            allowed,
        }
    }
}

/// `2`, `1.5`: exact, without floating point. `None` for anything else.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let nanos: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(NANO_DIGITS)
        .collect();
    Some(Duration::new(whole, nanos.parse().ok()?))
}
