//! Writes MPEG transport streams, a segment at a time.
//!
//! Every segment begins with its tables and can be played alone; what runs through a stream
//! (continuity counters, table version, clock) is carried from one segment to the next, so the
//! segments of a stream can also be played as one file. Times are written exactly as given.

mod packet;
mod tables;

use bytes::Bytes;

use self::packet::{Adaptation, Pid, write_clock, write_pes};
use super::{AUDIO_STREAM_ID, PACKET_BYTES, PAT_PID, Ticks, VIDEO_STREAM_ID};

/// PID of the program map.
pub const PMT_PID: u16 = 0x1000;

/// PID of video.
pub const VIDEO_PID: u16 = 0x100;

/// PID of audio.
pub const AUDIO_PID: u16 = 0x101;

/// Most time between two clock references, and most audio in one PES packet. The standard allows
/// 100 ms between references.
const CLOCK_INTERVAL: Ticks = Ticks(8_100);

/// How far the clock runs ahead of decoding, where the times leave room for it.
const CLOCK_LEAD: Ticks = Ticks(63_000);

/// Clock references written into one gap of time. Longer gaps keep a gap in the clock.
const MAX_CLOCKS_PER_GAP: usize = 1_000;

/// Most bytes of audio in one PES packet; the length field ends at 65,535.
const MAX_GROUP_BYTES: usize = 32 * 1024;

/// How far an audio frame may be from where the one before ends and still share its PES packet:
/// sources that count whole milliseconds round to either side.
const GROUP_TOLERANCE: Ticks = Ticks(90);

/// One coded picture, or one frame of sound, as it stands in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessUnit {
    /// When it is shown.
    pub pts: Ticks,
    /// When it is decoded; never before that of the unit before.
    pub dts: Ticks,
    /// Whether decoding can start here.
    pub key: bool,
    /// Annex B with access unit delimiter, ADTS, or whatever else the stream type says.
    pub data: Bytes,
}

/// The video of a segment.
#[derive(Clone, Copy, Debug)]
pub struct Video<'a> {
    /// One of [`stream_type`](super::stream_type).
    pub stream_type: u8,
    /// In order of decoding.
    pub units: &'a [AccessUnit],
}

/// The audio of a segment.
#[derive(Clone, Copy, Debug)]
pub struct Audio<'a> {
    /// One of [`stream_type`](super::stream_type).
    pub stream_type: u8,
    /// In order of time.
    pub units: &'a [AccessUnit],
    /// How long a frame plays: samples, and samples a second. `None` keeps each frame in a PES
    /// packet of its own.
    pub frame: Option<(u32, u32)>,
}

/// Writes the segments of one stream.
#[derive(Debug)]
pub struct Muxer {
    pat: Pid,
    pmt: Pid,
    video: Pid,
    audio: Pid,
    tables: tables::Tables,
    last_clock: Option<Ticks>,
    lead: Ticks,
    pes: Vec<u8>,
}

/// The next thing to write.
enum Next<'a> {
    Video(&'a AccessUnit),
    Audio(&'a [AccessUnit]),
}

impl Default for Muxer {
    fn default() -> Self {
        Self::new()
    }
}

impl Muxer {
    /// For a stream of which nothing has been written.
    pub fn new() -> Self {
        Self {
            pat: Pid::new(PAT_PID),
            pmt: Pid::new(PMT_PID),
            video: Pid::new(VIDEO_PID),
            audio: Pid::new(AUDIO_PID),
            tables: tables::Tables::default(),
            last_clock: None,
            lead: Ticks::ZERO,
            pes: Vec::new(),
        }
    }

    /// Writes the next segment. Tracks without units are left out of its tables. `discontinuity`
    /// says that its times do not continue those of the segment before.
    pub fn segment(
        &mut self,
        video: Option<Video<'_>>,
        audio: Option<Audio<'_>>,
        discontinuity: bool,
    ) -> Bytes {
        let video = video.filter(|video| !video.units.is_empty());
        let audio = audio.filter(|audio| !audio.units.is_empty());
        let mut out = Vec::with_capacity(estimate(video, audio));
        self.tables.update(
            video.map(|video| video.stream_type),
            audio.map(|audio| audio.stream_type),
        );
        self.tables.write_pat(&mut self.pat, &mut out);
        self.tables.write_pmt(&mut self.pmt, &mut out);

        let (mut pictures, mut sound) = (
            video.map_or(&[][..], |video| video.units),
            audio.map_or(&[][..], |audio| audio.units),
        );
        let frame = audio.and_then(|audio| audio.frame);
        let clock_on_video = video.is_some();
        let mut broken = self.start_clock(pictures.first(), sound.first(), discontinuity);
        while let Some(next) = next(&mut pictures, &mut sound, frame) {
            match next {
                Next::Video(unit) => {
                    self.write_picture(unit, std::mem::take(&mut broken), &mut out)
                }
                Next::Audio(group) if clock_on_video => {
                    self.fill_clock(group, true, &mut broken, &mut out);
                    self.write_sound(group, Adaptation::default(), &mut out);
                }
                Next::Audio(group) => {
                    self.fill_clock(group, false, &mut broken, &mut out);
                    let adaptation = Adaptation {
                        clock: group.first().map(|unit| self.tick(unit.dts)),
                        random_access: true,
                        discontinuity: std::mem::take(&mut broken),
                    };
                    self.write_sound(group, adaptation, &mut out);
                }
            }
        }
        out.into()
    }

    /// Chooses the clock's lead where the times start anew. True when the clock jumps.
    fn start_clock(
        &mut self,
        picture: Option<&AccessUnit>,
        sound: Option<&AccessUnit>,
        discontinuity: bool,
    ) -> bool {
        if discontinuity || self.last_clock.is_none() {
            let first = picture.into_iter().chain(sound).map(|unit| unit.dts).min();
            // A clock before zero would wrap, which some players take for the end of time.
            self.lead = first.unwrap_or_default().clamp(Ticks::ZERO, CLOCK_LEAD);
            self.last_clock = None;
        }
        discontinuity
    }

    fn write_picture(&mut self, unit: &AccessUnit, discontinuity: bool, out: &mut Vec<u8>) {
        self.fill_gap(unit.dts, true, out);
        let adaptation = Adaptation {
            clock: Some(self.tick(unit.dts)),
            random_access: unit.key,
            discontinuity,
        };
        let dts = (unit.dts != unit.pts).then_some(unit.dts);
        packet::begin_pes(
            VIDEO_STREAM_ID,
            unit.pts,
            dts,
            unit.data.len(),
            &mut self.pes,
        );
        self.pes.extend_from_slice(&unit.data);
        write_pes(&mut self.video, &self.pes, adaptation, out);
    }

    fn write_sound(&mut self, group: &[AccessUnit], adaptation: Adaptation, out: &mut Vec<u8>) {
        let Some(first) = group.first() else { return };
        let length = group.iter().map(|unit| unit.data.len()).sum();
        packet::begin_pes(AUDIO_STREAM_ID, first.pts, None, length, &mut self.pes);
        group
            .iter()
            .for_each(|unit| self.pes.extend_from_slice(&unit.data));
        write_pes(&mut self.audio, &self.pes, adaptation, out);
    }

    /// Keeps the clock going ahead of sound: it stands before the first packet of a segment and
    /// does not pause while there are no pictures.
    fn fill_clock(
        &mut self,
        group: &[AccessUnit],
        on_video: bool,
        broken: &mut bool,
        out: &mut Vec<u8>,
    ) {
        let Some(first) = group.first() else { return };
        self.fill_gap(first.dts, on_video, out);
        if on_video && self.last_clock.is_none() {
            let adaptation = Adaptation {
                clock: Some(self.tick(first.dts)),
                random_access: false,
                discontinuity: std::mem::take(broken),
            };
            write_clock(&self.video, adaptation, out);
        }
    }

    /// Clock references for the time since the last one, up to but not including `until`.
    fn fill_gap(&mut self, until: Ticks, on_video: bool, out: &mut Vec<u8>) {
        for _ in 0..MAX_CLOCKS_PER_GAP {
            let Some(due) = self.last_clock.map(|last| last + CLOCK_INTERVAL) else {
                return;
            };
            if due >= until {
                return;
            }
            let adaptation = Adaptation {
                clock: Some(self.tick(due)),
                ..Adaptation::default()
            };
            let pid = if on_video { &self.video } else { &self.audio };
            write_clock(pid, adaptation, out);
        }
    }

    /// The clock for something decoded at `time`. It never goes back inside a stream.
    fn tick(&mut self, time: Ticks) -> Ticks {
        let time = self.last_clock.map_or(time, |last| last.max(time));
        self.last_clock = Some(time);
        time - self.lead
    }
}

/// Takes the next picture or group of frames, whichever is decoded first.
fn next<'a>(
    pictures: &mut &'a [AccessUnit],
    sound: &mut &'a [AccessUnit],
    frame: Option<(u32, u32)>,
) -> Option<Next<'a>> {
    let picture_first = match (pictures.first(), sound.first()) {
        (Some(picture), Some(sound)) => picture.dts <= sound.dts,
        (picture, _) => picture.is_some(),
    };
    if picture_first {
        let (picture, rest) = pictures.split_first()?;
        *pictures = rest;
        return Some(Next::Video(picture));
    }
    let (group, rest) = sound.split_at_checked(group_length(sound, frame))?;
    *sound = rest;
    (!group.is_empty()).then_some(Next::Audio(group))
}

/// How many frames at the front follow each other without a gap and fit one PES packet.
fn group_length(sound: &[AccessUnit], frame: Option<(u32, u32)>) -> usize {
    let Some(first) = sound.first() else { return 0 };
    let mut bytes = 0usize;
    let follows = |(index, unit): (usize, &AccessUnit)| {
        bytes = bytes.saturating_add(unit.data.len());
        if index == 0 {
            return true;
        }
        let Some((samples, rate)) = frame else {
            return false;
        };
        let played = i64::try_from(index)
            .ok()
            .and_then(|count| Ticks::from_units(count.saturating_mul(i64::from(samples)), 1, rate));
        played.is_some_and(|played| {
            played < CLOCK_INTERVAL
                && (unit.pts - first.pts - played).abs() <= GROUP_TOLERANCE
                && bytes <= MAX_GROUP_BYTES
        })
    };
    sound
        .iter()
        .enumerate()
        .map(follows)
        .take_while(|follows| *follows)
        .count()
}

/// Memory for a segment: its packets when each unit starts one.
fn estimate(video: Option<Video<'_>>, audio: Option<Audio<'_>>) -> usize {
    let units = video.iter().flat_map(|video| video.units);
    let packets: usize = units
        .chain(audio.iter().flat_map(|audio| audio.units))
        .map(|unit| unit.data.len() / (PACKET_BYTES - 4) + 2)
        .sum();
    packets.saturating_add(8).saturating_mul(PACKET_BYTES)
}
