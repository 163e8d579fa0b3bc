//! The facts.

use std::time::Duration;

use streamflow_types::{ChromaFormat, Codec, Container};

use crate::mpegts::Ticks;

/// Everything found in a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaInfo {
    /// How it is wrapped.
    pub container: Container,
    /// All bytes, wrapping included.
    pub bytes: u64,
    /// The first video track.
    pub video: Option<VideoInfo>,
    /// The first audio track.
    pub audio: Option<AudioInfo>,
    /// Tracks besides these two.
    pub other_tracks: u32,
    /// What only a transport stream has.
    pub transport: Option<TransportInfo>,
}

/// The video track of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VideoInfo {
    /// Codec.
    pub codec: VideoCodec,
    /// As playlists name it (RFC 6381); `None` without parameter sets.
    pub codec_string: Option<String>,
    /// Width to show, after cropping; 0 where no parameter set was found.
    pub width: u32,
    /// Height to show, after cropping; 0 where no parameter set was found.
    pub height: u32,
    /// The widest and the highest picture announced anywhere in the segment; more than width and
    /// height where the size changes.
    pub largest: (u32, u32),
    /// Rotation and mirroring for display, where the container asks for it.
    pub display_matrix: Option<[i32; 9]>,
    /// Chroma subsampling; `None` for monochrome, or where unknown.
    pub chroma: Option<ChromaFormat>,
    /// Bits a sample; 0 where unknown.
    pub bit_depth: u8,
    /// Profile number of the codec.
    pub profile: u8,
    /// Level number of the codec.
    pub level: u8,
    /// Frames a second the headers claim, as a ratio.
    pub declared_rate: Option<(u32, u32)>,
    /// Shape of a pixel, where given.
    pub sample_aspect: Option<(u32, u32)>,
    /// Every frame in stream order, with its times.
    pub frames: Vec<FrameTime>,
    /// Bytes of video without wrapping.
    pub bytes: u64,
    /// How long the last frame shows, where the container says.
    pub last_duration: Option<Ticks>,
}

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTime {
    /// When it shows; `None` where the container gives none.
    pub pts: Option<Ticks>,
    /// When it decodes.
    pub dts: Option<Ticks>,
    /// Decoding may start here.
    pub key: bool,
    /// It resets the decoder: nothing after it refers to anything before.
    pub idr: bool,
}

/// A video codec, known or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// One this network trades in.
    Known(Codec),
    /// MPEG-2 video.
    Mpeg2,
    /// AV1.
    Av1,
    /// Anything else.
    Other,
}

/// The audio track of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioInfo {
    /// Codec.
    pub codec: AudioCodec,
    /// As playlists name it (RFC 6381).
    pub codec_string: Option<String>,
    /// Samples a second; 0 where unknown.
    pub sample_rate: u32,
    /// Channels; 0 where unknown.
    pub channels: u8,
    /// Coded frames.
    pub frames: u64,
    /// When it starts.
    pub first_pts: Option<Ticks>,
    /// How long its frames play.
    pub duration: Option<Ticks>,
    /// Bytes of audio without wrapping.
    pub bytes: u64,
}

/// An audio codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AudioCodec {
    /// AAC of any kind.
    Aac,
    /// MPEG-1 or MPEG-2 audio, MP3 among it.
    MpegAudio,
    /// AC-3.
    Ac3,
    /// E-AC-3.
    Eac3,
    /// Opus.
    Opus,
    /// Anything else.
    Other,
}

/// How a transport stream was packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TransportInfo {
    /// Packets that did not follow the one before on their PID.
    pub continuity_errors: u64,
    /// Bytes between packets that belong to none.
    pub lost_bytes: u64,
    /// Table sections with a wrong checksum.
    pub table_errors: u64,
    /// The program tables come before the first picture or sound.
    pub tables_first: bool,
    /// Longest time between clock references; `None` with fewer than two.
    pub longest_clock_gap: Option<Ticks>,
    /// Packets that are scrambled.
    pub scrambled: u64,
}

/// What a decoder must be able to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputFormat {
    /// Codec.
    pub codec: Codec,
    /// Chroma subsampling.
    pub chroma: ChromaFormat,
    /// Bits a sample.
    pub bit_depth: u8,
}

/// Rates that publishers mean when theirs is this near.
const USUAL_RATES: [(u32, u32); 12] = [
    (24_000, 1001),
    (24, 1),
    (25, 1),
    (30_000, 1001),
    (30, 1),
    (50, 1),
    (60_000, 1001),
    (60, 1),
    (120, 1),
    (15, 1),
    (10, 1),
    (20, 1),
];

impl MediaInfo {
    /// A video track without a single picture, beside sound: nothing can be transcoded, the source
    /// is passed on as it is.
    pub fn is_zero_video(&self) -> bool {
        self.audio.is_some()
            && self
                .video
                .as_ref()
                .is_some_and(|video| !video.has_picture())
    }

    /// What a decoder must be able to take; `None` without video of a codec traded here.
    pub fn input_format(&self) -> Option<InputFormat> {
        let video = self.video.as_ref()?;
        let VideoCodec::Known(codec) = video.codec else {
            return None;
        };
        video.has_picture().then(|| InputFormat {
            codec,
            chroma: video.chroma.unwrap_or_default(),
            bit_depth: video.bit_depth.max(8),
        })
    }

    /// Codec names of all tracks, video first, as a playlist lists them.
    pub fn codec_strings(&self) -> Vec<String> {
        let video = self.video.as_ref().and_then(|v| v.codec_string.clone());
        let audio = self.audio.as_ref().and_then(|a| a.codec_string.clone());
        video.into_iter().chain(audio).collect()
    }

    /// How long it plays: the video's time, else the audio's.
    pub fn duration(&self) -> Option<Duration> {
        let video = self.video.as_ref().and_then(VideoInfo::duration);
        video
            .or_else(|| self.audio.as_ref().and_then(|audio| audio.duration))
            .map(Ticks::to_duration)
    }
}

impl VideoInfo {
    /// Whether the size changes inside the segment.
    pub fn size_changes(&self) -> bool {
        self.largest != (self.width, self.height)
    }

    /// Whether there is a picture at all.
    pub fn has_picture(&self) -> bool {
        !self.frames.is_empty() && self.width != 0 && self.height != 0
    }

    /// Number of frames.
    pub fn frame_count(&self) -> u64 {
        self.frames.len() as u64
    }

    /// Key frames.
    pub fn key_frames(&self) -> u64 {
        self.frames.iter().filter(|frame| frame.key).count() as u64
    }

    /// Whether a decoder can start at its first frame.
    pub fn starts_with_key(&self) -> bool {
        self.frames.first().is_some_and(|frame| frame.key)
    }

    /// When the first frame in stream order shows.
    pub fn first_pts(&self) -> Option<Ticks> {
        self.frames.iter().find_map(|frame| frame.pts)
    }

    /// The earliest time a frame shows.
    pub fn min_pts(&self) -> Option<Ticks> {
        self.frames.iter().filter_map(|frame| frame.pts).min()
    }

    /// The latest time a frame starts to show.
    pub fn max_pts(&self) -> Option<Ticks> {
        self.frames.iter().filter_map(|frame| frame.pts).max()
    }

    /// When the last frame shown ends.
    pub fn end_pts(&self) -> Option<Ticks> {
        Some(self.max_pts()? + self.last_frame()?)
    }

    /// From the first picture to the end of the last.
    pub fn duration(&self) -> Option<Ticks> {
        Some(self.end_pts()? - self.min_pts()?)
    }

    /// All times at which frames show, ascending.
    pub fn sorted_pts(&self) -> Vec<Ticks> {
        let mut times: Vec<Ticks> = self.frames.iter().filter_map(|frame| frame.pts).collect();
        times.sort_unstable();
        times
    }

    /// Frames a second as measured, as the usual ratio it is nearest to; the headers' claim for a
    /// single frame. `None` where nothing says.
    pub fn frame_rate(&self) -> Option<(u32, u32)> {
        let (count, span) = self.measured()?;
        if count == 0 || span <= 0 {
            return self.declared_rate;
        }
        // Within 1/400 a declared or usual rate is meant; times of whole milliseconds are as rough
        // as that over a fraction of a second.
        let near = |(num, den): (u32, u32)| {
            let expected = i128::from(span) * i128::from(num);
            let found = i128::from(count) * i128::from(Ticks::PER_SECOND) * i128::from(den);
            (expected - found).abs() * 400 <= expected
        };
        let distance = |(num, den): &(u32, u32)| {
            let expected = i128::from(span) * i128::from(*num) / i128::from(*den);
            (expected - i128::from(count) * i128::from(Ticks::PER_SECOND)).abs()
        };
        self.declared_rate
            .filter(|rate| near(*rate))
            .or_else(|| {
                let usual = USUAL_RATES.into_iter().filter(|rate| near(*rate));
                usual.min_by_key(distance)
            })
            .or_else(|| {
                // Thousandths of a frame a second are what playlists carry.
                let milli = count.checked_mul(90_000_000)?.checked_div(span)?;
                Some((u32::try_from(milli).ok()?, 1000))
            })
    }

    /// Steps between frames and the time they take.
    fn measured(&self) -> Option<(i64, i64)> {
        let span = self.max_pts()? - self.min_pts()?;
        let timed = self.frames.iter().filter(|f| f.pts.is_some()).count();
        Some((i64::try_from(timed).ok()? - 1, span.0))
    }

    /// How long the last frame shows: as the container says, else as long as the others.
    fn last_frame(&self) -> Option<Ticks> {
        if let Some(duration) = self.last_duration.filter(|d| d.0 > 0) {
            return Some(duration);
        }
        let (count, span) = self.measured()?;
        if count > 0 && span > 0 {
            return Some(Ticks((span + count / 2) / count));
        }
        let (num, den) = self.declared_rate?;
        Ticks::from_units(1, den, num)
    }
}
