//! FLV tag bodies, as RTMP carries them: classic ones and those with a FourCC.
//!
//! Pictures of H.264 and H.265 come out as Annex B access units with a delimiter, and with their
//! parameter sets in front of every key frame, those of VP9 and AV1 as they are; AAC comes out in ADTS frames. So any key frame can start a segment.
//! Times are the caller's; only the composition offset is part of a tag body.

mod aac;
mod audio;
mod avc;
mod bits;
mod video;

use bytes::Bytes;

use crate::inspect::VideoCodec;

pub use audio::AudioTrack;
pub use video::VideoTrack;

/// Why a tag body cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlvError {
    /// A codec that is not carried. The track cannot be used; tell the publisher.
    #[error("{0} is not carried; publish {1}")]
    Unsupported(String, &'static str),
    /// The body ends too early or contradicts itself. Skip it.
    #[error("malformed {0}")]
    Malformed(&'static str),
}

/// How the pictures of a track are coded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoFormat {
    /// H.264, H.265, VP9 or AV1.
    pub codec: VideoCodec,
    /// Parameter sets as Annex B, in the order they precede a key frame; of VP9 and AV1 the body
    /// of `vpcC` or `av1C`.
    pub parameter_sets: Bytes,
}

/// How the sound of a track is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioFormat {
    /// AAC or MP3.
    pub codec: AudioCodec,
    /// Samples a second.
    pub rate: u32,
    /// Samples in a frame.
    pub frame_samples: u32,
    /// Channels; 0 where the frames themselves say.
    pub channels: u8,
}

/// An audio codec that is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioCodec {
    /// AAC, written as ADTS frames.
    Aac,
    /// MPEG audio layer III.
    Mp3,
}

/// What a video tag holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VideoTag {
    /// The format, new or repeated.
    Format(VideoFormat),
    /// A coded picture.
    Picture {
        /// Whether decoding can start here.
        key: bool,
        /// Milliseconds from decoding to display.
        composition_ms: i32,
        /// The access unit: Annex B, or of VP9 and AV1 as it came.
        data: Bytes,
    },
    /// Nothing to carry.
    Nothing,
}

/// What an audio tag holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AudioTag {
    /// The format, new or repeated.
    Format(AudioFormat),
    /// A frame of sound, ready for a transport stream.
    Frame(Bytes),
    /// A frame and, since it says so itself, its format.
    FormatAndFrame(AudioFormat, Bytes),
    /// Nothing to carry.
    Nothing,
}
