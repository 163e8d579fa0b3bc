//! Cuts a live stream into segments at key frames.
//!
//! A segment ends at the first key frame at or after the target; sound without pictures is cut by
//! time. Times are those of the source, to the tick, and run on from segment to segment; only
//! times that jump are moved, so that they run on as well. Nothing that can be decoded is left
//! out: only pictures before the first key frame are.
//!
//! Media time is the only time here. What is held is bounded by [`Settings::max_bytes`] and by
//! ten targets of media; past either the stream is over.

mod timeline;
mod track;

use std::time::Duration;

use bytes::Bytes;
use streamflow_types::{Container, ManifestId, SegmentNumber, SourceSegment};

use self::timeline::Timeline;
use self::track::{Layout, Tracks};
use crate::flv::{AudioFormat, VideoFormat};
use crate::mpegts::Ticks;
use crate::mpegts::mux::{AccessUnit, Muxer};

/// How streams are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A segment ends at the first key frame at or after this.
    pub target: Duration,
    /// Most bytes of one segment.
    pub max_bytes: usize,
}

impl Default for Settings {
    /// Two seconds and 64 MiB: what a gateway sends on, at up to 250 Mbit/s.
    fn default() -> Self {
        Self {
            target: Duration::from_secs(2),
            max_bytes: 64 * 1024 * 1024,
        }
    }
}

/// Why a stream cannot be cut any more. Flush what is there with [`Segmenter::finish`] and end it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// Pictures came for too long without one that a segment can start with.
    #[error(
        "no key frame for {} s: set the key frame interval of the encoder below 8 s, best to 2 s",
        .0.as_secs()
    )]
    NoKeyFrame(Duration),
    /// More bytes than a segment may have.
    #[error(
        "more than {0} bytes without a place to cut: lower the bitrate or the key frame interval"
    )]
    TooLarge(usize),
}

/// What was counted so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Facts {
    /// Pictures taken into segments.
    pub pictures: u64,
    /// Frames of sound taken into segments.
    pub sound_frames: u64,
    /// Pictures left out because no key frame preceded them.
    pub undecodable: u64,
    /// Times that jumped and were moved.
    pub repaired: u64,
}

/// Cuts the stream of one publisher.
#[derive(Debug)]
pub struct Segmenter {
    manifest: ManifestId,
    next: SegmentNumber,
    target: Ticks,
    max_bytes: usize,
    timeline: Timeline,
    muxer: Muxer,
    tracks: Tracks,
    /// Where the segment being filled begins.
    start: Option<Ticks>,
    /// Time of the newest picture, taken or not.
    newest_picture: Option<Ticks>,
    waits_for_key: bool,
    /// The format changed: the next possible cut is made, whatever the length.
    format_changed: bool,
    /// The segment being filled does not continue the one before.
    discontinuity: bool,
    /// Nor do its times.
    jumps: bool,
    layout: Option<Layout>,
    facts: Facts,
}

/// Source times are whole milliseconds, so a distance may be short by the rounding of both ends.
const ROUNDING: Ticks = Ticks::from_millis(2);

/// Sound that may precede the first key frame without counting.
const SOUND_LEAD: Ticks = Ticks::from_millis(500);

/// Targets of media without a key frame after which a stream is over.
const MAX_TARGETS: i64 = 10;

/// Targets of media without any picture after which sound is cut by time.
const STALL_TARGETS: i64 = 5;

impl Segmenter {
    /// Starts at segment `first`. Past 0 it continues a stream that an earlier publisher left, and
    /// its first segment is marked as a discontinuity.
    pub fn new(settings: Settings, manifest: ManifestId, first: SegmentNumber) -> Self {
        let resumes = first.0 > 0;
        Self {
            manifest,
            next: first,
            target: Ticks::from_duration(settings.target).max(Ticks(1)),
            max_bytes: settings.max_bytes,
            timeline: Timeline::default(),
            muxer: Muxer::new(),
            tracks: Tracks::default(),
            start: None,
            newest_picture: None,
            waits_for_key: true,
            format_changed: false,
            discontinuity: resumes,
            jumps: resumes,
            layout: None,
            facts: Facts::default(),
        }
    }

    /// The format of the pictures that follow.
    pub fn video_format(&mut self, format: VideoFormat) {
        let changed = self.tracks.set_video_format(format);
        self.format_changed |= changed && self.tracks.layout().is_some();
    }

    /// The format of the sound that follows.
    pub fn audio_format(&mut self, format: AudioFormat) {
        let changed = self.tracks.set_audio_format(format);
        self.format_changed |= changed && self.tracks.layout().is_some();
    }

    /// The next picture: an Annex B access unit, with its parameter sets if it is a key frame.
    /// Returns the segment it ends.
    pub fn video(
        &mut self,
        timestamp_ms: u32,
        composition_ms: i32,
        key: bool,
        data: Bytes,
    ) -> Result<Option<SourceSegment>, SegmentError> {
        let (dts, pts) = self.timeline.picture(timestamp_ms, composition_ms);
        self.newest_picture = Some(dts);
        if self.waits_for_key && !key {
            self.facts.undecodable += 1;
            return self.check_bounds(pts).map(|()| None);
        }
        let finished = if key && self.cuts_at(pts) {
            self.cut(pts)
        } else {
            None
        };
        self.waits_for_key = false;
        // Encoders begin a few frames of sound early; the time of a segment is that of pictures.
        let is_led = self.start.is_some_and(|start| pts - start <= SOUND_LEAD);
        if is_led && self.layout.is_none() && !self.tracks.has_pictures() {
            self.start = Some(pts);
        }
        self.begin(pts);
        self.tracks.push_picture(AccessUnit {
            pts,
            dts,
            key,
            data,
        });
        self.facts.pictures += 1;
        self.check_bounds(pts)?;
        Ok(finished)
    }

    /// The next frame of sound, ready for a transport stream. Returns the segment it ends.
    pub fn audio(
        &mut self,
        timestamp_ms: u32,
        data: Bytes,
    ) -> Result<Option<SourceSegment>, SegmentError> {
        let pts = self.timeline.sound(timestamp_ms);
        let finished = if self.cuts_sound_at(pts) {
            self.waits_for_key = true;
            self.cut(pts)
        } else {
            None
        };
        self.begin(pts);
        self.tracks.push_sound(AccessUnit {
            pts,
            dts: pts,
            key: true,
            data,
        });
        self.facts.sound_frames += 1;
        self.check_bounds(pts)?;
        Ok(finished)
    }

    /// The stream is over: the last segment, however short.
    pub fn finish(&mut self) -> Option<SourceSegment> {
        let end = self.tracks.end()?;
        self.cut(end)
    }

    /// The number the next segment will have.
    pub const fn next_number(&self) -> SegmentNumber {
        self.next
    }

    /// What was counted so far.
    pub const fn facts(&self) -> Facts {
        Facts {
            repaired: self.timeline.repaired(),
            ..self.facts
        }
    }

    /// Whether a key frame at `pts` begins a new segment.
    fn cuts_at(&self, pts: Ticks) -> bool {
        let Some(start) = self.start else {
            return false;
        };
        // A little sound ahead of the very first key frame becomes part of its segment; sound
        // behind segments without pictures does not.
        let is_long = pts - start + ROUNDING >= self.target;
        let layout_changes = !self.tracks.has_pictures() && self.layout.is_some();
        is_long || self.format_changed && self.tracks.has_pictures() || layout_changes
    }

    /// Whether a frame of sound at `pts` begins a new segment: only where no pictures are expected.
    fn cuts_sound_at(&self, pts: Ticks) -> bool {
        let Some(start) = self.start else {
            return false;
        };
        let patience = Ticks(self.target.0.saturating_mul(STALL_TARGETS));
        let has_no_pictures = !self.tracks.expects_pictures()
            || pts
                - self
                    .newest_picture
                    .map_or(start, |newest| newest.max(start))
                >= patience
            || self.waits_for_key && !self.pictures_come(pts, patience);
        has_no_pictures && (pts - start >= self.target || self.sound_changed())
    }

    /// Whether any picture came lately.
    fn pictures_come(&self, pts: Ticks, patience: Ticks) -> bool {
        match self.newest_picture {
            Some(newest) => pts - newest < patience,
            // None so far: the first may still come, unless segments went out without.
            None => self.layout.is_none(),
        }
    }

    fn sound_changed(&self) -> bool {
        self.format_changed && self.tracks.has_sound()
    }

    fn begin(&mut self, pts: Ticks) {
        self.start = Some(match self.start {
            // Until pictures or a boundary say otherwise, the earliest time is the start.
            Some(start) if self.layout.is_none() && !self.tracks.has_pictures() => start.min(pts),
            Some(start) => start,
            None => pts,
        });
    }

    fn check_bounds(&self, pts: Ticks) -> Result<(), SegmentError> {
        if self.tracks.bytes() > self.max_bytes {
            return Err(SegmentError::TooLarge(self.max_bytes));
        }
        let held = self.start.map_or(Ticks::ZERO, |start| pts - start);
        if held > Ticks(self.target.0.saturating_mul(MAX_TARGETS)) {
            return Err(SegmentError::NoKeyFrame(held.to_duration()));
        }
        Ok(())
    }

    /// Ends the segment being filled at `end` and begins the next one there.
    fn cut(&mut self, end: Ticks) -> Option<SourceSegment> {
        let start = self.start.replace(end)?;
        let tracks = self.tracks.take();
        let layout = tracks.layout()?;
        let layout_changed = self
            .layout
            .replace(layout)
            .is_some_and(|before| before != layout);
        let (container, bytes) = match tracks.mp4() {
            Some(bytes) => (Container::Mp4, bytes),
            None => {
                let (video, audio) = (tracks.video(), tracks.audio());
                (
                    Container::MpegTs,
                    self.muxer.segment(video, audio, self.jumps),
                )
            }
        };
        let segment = SourceSegment {
            manifest: self.manifest.clone(),
            number: self.next,
            duration: (end - start).max(Ticks(1)).to_duration(),
            container,
            bytes,
            discontinuity: self.discontinuity || layout_changed,
        };
        self.next = SegmentNumber(self.next.0.saturating_add(1));
        self.discontinuity = std::mem::take(&mut self.format_changed);
        self.jumps = false;
        Some(segment)
    }
}
