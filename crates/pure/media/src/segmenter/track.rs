//! The units of the segment being filled.

use bytes::Bytes;
use streamflow_types::Codec;

use crate::flv::{AudioCodec, AudioFormat, VideoFormat};
use crate::inspect::VideoCodec;
use crate::mp4::write::{self, PictureCodec, Pictures, Sound};
use crate::mpegts::mux::{AccessUnit, Audio, Video};
use crate::mpegts::{Ticks, stream_type};

/// Memory a unit takes besides its bytes, so that a flood of empty ones is bounded as well.
const UNIT_BYTES: usize = 128;

/// How long a lone picture is shown when nothing else tells.
const LONE_PICTURE: Ticks = Ticks::from_millis(40);

/// Both tracks.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    video_format: Option<VideoFormat>,
    audio_format: Option<AudioFormat>,
    pictures: Vec<AccessUnit>,
    sound: Vec<AccessUnit>,
    bytes: usize,
    /// Mean distance of pictures, as last seen.
    picture_step: Option<Ticks>,
}

/// Which tracks a segment has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    video: bool,
    audio: bool,
}

impl Tracks {
    /// True when it replaces a different one.
    pub(super) fn set_video_format(&mut self, format: VideoFormat) -> bool {
        let changed = self
            .video_format
            .as_ref()
            .is_some_and(|before| *before != format);
        self.video_format = Some(format);
        changed
    }

    /// True when it replaces a different one.
    pub(super) fn set_audio_format(&mut self, format: AudioFormat) -> bool {
        let changed = self.audio_format.is_some_and(|before| before != format);
        self.audio_format = Some(format);
        changed
    }

    pub(super) const fn expects_pictures(&self) -> bool {
        self.video_format.is_some()
    }

    pub(super) const fn has_pictures(&self) -> bool {
        !self.pictures.is_empty()
    }

    pub(super) const fn has_sound(&self) -> bool {
        !self.sound.is_empty()
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push_picture(&mut self, unit: AccessUnit) {
        self.bytes = self.bytes.saturating_add(unit.data.len() + UNIT_BYTES);
        self.pictures.push(unit);
    }

    pub(super) fn push_sound(&mut self, unit: AccessUnit) {
        self.bytes = self.bytes.saturating_add(unit.data.len() + UNIT_BYTES);
        self.sound.push(unit);
    }

    /// Takes the units out; formats and steps stay.
    pub(super) fn take(&mut self) -> Self {
        self.picture_step = self.step();
        Self {
            video_format: self.video_format.clone(),
            audio_format: self.audio_format,
            pictures: std::mem::take(&mut self.pictures),
            sound: std::mem::take(&mut self.sound),
            bytes: std::mem::take(&mut self.bytes),
            picture_step: self.picture_step,
        }
    }

    /// `None` when empty.
    pub(super) const fn layout(&self) -> Option<Layout> {
        match (self.has_pictures(), self.has_sound()) {
            (false, false) => None,
            (video, audio) => Some(Layout { video, audio }),
        }
    }

    pub(super) fn video(&self) -> Option<Video<'_>> {
        let stream_type = match self.video_format.as_ref()?.codec {
            VideoCodec::Known(Codec::H265) => stream_type::H265,
            _ => stream_type::H264,
        };
        Some(Video {
            stream_type,
            units: &self.pictures,
        })
    }

    /// The segment as an MP4 file, where its pictures are of a codec that transport streams do
    /// not carry.
    pub(super) fn mp4(&self) -> Option<Bytes> {
        let format = self.video_format.as_ref()?;
        let codec = match format.codec {
            VideoCodec::Known(Codec::Vp9) => PictureCodec::Vp9,
            VideoCodec::Av1 => PictureCodec::Av1,
            _ => return None,
        };
        let pictures = Pictures {
            codec,
            record: &format.parameter_sets,
            units: &self.pictures,
        };
        let sound = self.audio_format.map(|format| Sound {
            is_aac: format.codec == AudioCodec::Aac,
            rate: format.rate,
            channels: format.channels,
            units: &self.sound,
        });
        Some(write::segment(Some(pictures), sound))
    }

    pub(super) fn audio(&self) -> Option<Audio<'_>> {
        let format = self.audio_format?;
        let stream_type = match format.codec {
            AudioCodec::Aac => stream_type::AAC_ADTS,
            // Half sample rates came with MPEG-2.
            AudioCodec::Mp3 if format.rate < 32_000 => stream_type::MPEG2_AUDIO,
            AudioCodec::Mp3 => stream_type::MPEG1_AUDIO,
        };
        let frame = Some((format.frame_samples, format.rate));
        Some(Audio {
            stream_type,
            units: &self.sound,
            frame,
        })
    }

    /// When the last unit ends. `None` when empty.
    pub(super) fn end(&self) -> Option<Ticks> {
        let pictures = self.pictures.iter().map(|unit| unit.pts).max();
        let step = self.step().unwrap_or(LONE_PICTURE);
        let frame = self
            .audio_format
            .and_then(|format| Ticks::from_units(i64::from(format.frame_samples), 1, format.rate))
            .unwrap_or_default();
        let pictures = pictures.map(|last| last + step);
        let sound = self.sound.last().map(|unit| unit.pts + frame);
        pictures.max(sound)
    }

    fn step(&self) -> Option<Ticks> {
        let (first, last) = (self.pictures.first()?, self.pictures.last()?);
        let steps = i64::try_from(self.pictures.len()).ok()? - 1;
        (last.dts - first.dts)
            .0
            .checked_div(steps)
            .map(Ticks)
            .or(self.picture_step)
    }
}
