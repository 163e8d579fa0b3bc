//! What is asked of a transcoder for one segment.

use serde::{Deserialize, Serialize};

use crate::{Clip, Profile};

/// What happens to the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum AudioMode {
    /// Packets are passed on as they came. Sound that an output's container cannot hold is encoded
    /// as AAC.
    #[default]
    Copy,
    /// No sound in the outputs.
    Drop,
    /// Encoded anew as AAC.
    Aac,
}

/// What happens to the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum VideoMode {
    /// Decoded, scaled and encoded.
    #[default]
    Encode,
    /// Packets are passed on as they came.
    Copy,
    /// No picture in the outputs.
    Drop,
}

/// What is asked of a transcoder for one segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// One rendition for each, in this order.
    pub profiles: Vec<Profile>,
    /// The part to encode, where not all of it.
    pub clip: Option<Clip>,
    /// Whether each rendition comes with an MPEG-7 video signature.
    pub signature: bool,
    /// Who made the outputs, for their containers: service provider in MPEG-TS, comment in MP4,
    /// which reads "Processed by" and this. Empty for none.
    pub metadata: String,
    /// What happens to the sound.
    pub audio: AudioMode,
    /// What happens to the picture.
    pub video: VideoMode,
}

impl Work {
    /// Encodes video to these profiles and copies audio.
    pub fn new(profiles: Vec<Profile>) -> Self {
        Self {
            profiles,
            clip: None,
            signature: false,
            metadata: String::new(),
            audio: AudioMode::Copy,
            video: VideoMode::Encode,
        }
    }
}
