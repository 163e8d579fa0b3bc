//! Joins segments into one file without decoding anything.
//!
//! Times stay as they are while they run on. After a break, which the caller announces, a segment
//! is moved to where the one before ended. A packet that would go back in time is left out and
//! counted. The caller decides what is joined; whether pictures fit together is not looked at.

use streamflow_types::{Container, TranscodeFailure};

use crate::av::{
    self, Input, NO_TIME, Output, Packet, Parameters, Rational, StreamId, StreamInfo, StreamKind,
    rational, rescale,
};
use crate::control::Cancel;
use crate::settings::Settings;
use crate::transcode::container_of;

/// The clock on which the ends of streams are compared.
const CLOCK: Rational = rational(1, 90_000);

/// Packets looked at for the earliest time of a segment: streams are interleaved far closer.
const FIRST_PACKETS: usize = 256;

/// One file that grows by segments.
pub struct Joiner {
    output: Output,
    container: Container,
    /// What its segments come in.
    source: Option<Container>,
    tracks: Vec<Track>,
    cancel: Cancel,
    max_pixels: u64,
}

/// What became of the packets of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Joined {
    /// Packets written.
    pub written: u64,
    /// Packets left out because they would have gone back in time.
    pub dropped: u64,
}

/// A stream of the file.
struct Track {
    kind: StreamKind,
    parameters: Parameters,
    stream: StreamId,
    tick: Rational,
    /// Decoding time of the last packet, and when it ends, on [`CLOCK`].
    last: i64,
    end: i64,
}

impl Joiner {
    /// An empty file of at most so many bytes. Cancelling makes further segments fail with
    /// `Stopped`; what was joined until then can still be finished.
    pub fn new(
        container: Container,
        max_bytes: usize,
        cancel: Cancel,
    ) -> Result<Self, TranscodeFailure> {
        av::quiet();
        Ok(Self {
            output: Output::new(container, max_bytes, "")?,
            container,
            source: None,
            tracks: Vec::new(),
            cancel,
            max_pixels: Settings::default().max_picture_pixels,
        })
    }

    /// Adds a segment. The first decides which streams there are: the picture, the sound, or
    /// both; others of later segments are left out, and their codecs must be the same. So must be
    /// the container, and in MP4 the headers of the codecs, which stand there only once.
    pub fn add(&mut self, segment: &[u8], discontinuity: bool) -> Result<Joined, TranscodeFailure> {
        self.cancel.check()?;
        let (mut input, streams) = self.open(segment)?;
        if self.tracks.is_empty() {
            self.begin(&input, &streams)?;
            self.source = container_of(segment);
        }
        let shift = match (discontinuity, self.end()) {
            (true, Some(end)) => end - self.first_time(segment)?,
            _ => 0,
        };
        let mut packet = Packet::new()?;
        let mut joined = Joined::default();
        while input.read(&mut packet)? {
            self.cancel.check()?;
            let Some(info) = streams.iter().find(|info| info.index == packet.stream()) else {
                continue;
            };
            if let Some(track) = self.tracks.iter_mut().find(|track| track.kind == info.kind) {
                packet.rescale(info.time_base, track.tick);
                packet.shift(rescale(shift, CLOCK, track.tick));
                if track.takes(&packet) {
                    self.output.write(track.stream, &mut packet, track.tick)?;
                    joined.written += 1;
                } else {
                    joined.dropped += 1;
                }
            }
        }
        Ok(joined)
    }

    /// The whole file. Fails when nothing was added.
    pub fn finish(self) -> Result<Vec<u8>, TranscodeFailure> {
        if self.tracks.is_empty() {
            return Err(TranscodeFailure::EmptyData);
        }
        self.output.finish()
    }

    /// Opens a segment and finds the streams of it that matter.
    fn open<'a>(
        &self,
        segment: &'a [u8],
    ) -> Result<(Input<'a>, Vec<StreamInfo>), TranscodeFailure> {
        if segment.is_empty() {
            return Err(TranscodeFailure::EmptyData);
        }
        let container = container_of(segment).ok_or(TranscodeFailure::InvalidVideo)?;
        if self.source.is_some_and(|source| source != container) {
            return Err(TranscodeFailure::UnrecognizedFormat);
        }
        let mut input = Input::open(segment, container, &[], self.max_pixels, &self.cancel)?;
        let streams: Vec<StreamInfo> = [StreamKind::Video, StreamKind::Audio]
            .into_iter()
            .filter_map(|kind| input.stream(kind))
            .filter(|info| info.can_be_copied() && info.fits(self.container))
            .collect();
        if streams.is_empty() {
            return Err(TranscodeFailure::InvalidVideo);
        }
        for info in &streams {
            if let Some(track) = self.tracks.iter().find(|track| track.kind == info.kind) {
                let parameters = Parameters::of(&input, info)?;
                let fits = match container {
                    Container::MpegTs => track.parameters.has_codec_of(&parameters),
                    Container::Mp4 => track.parameters.has_headers_of(&parameters),
                };
                if !fits {
                    return Err(TranscodeFailure::UnsupportedCodec);
                }
            }
        }
        let keep: Vec<i32> = streams.iter().map(|info| info.index).collect();
        input.keep_only(&keep);
        Ok((input, streams))
    }

    fn begin(&mut self, input: &Input<'_>, streams: &[StreamInfo]) -> Result<(), TranscodeFailure> {
        for info in streams {
            let parameters = Parameters::of(input, info)?;
            let stream = self.output.add_copied(&parameters, info.time_base)?;
            if let Some(matrix) = &info.matrix {
                self.output.set_matrix(stream, matrix)?;
            }
            self.tracks.push(Track {
                kind: info.kind,
                parameters,
                stream,
                tick: info.time_base,
                last: NO_TIME,
                end: NO_TIME,
            });
        }
        self.output.start(&[])
    }

    /// When the longest stream ends.
    fn end(&self) -> Option<i64> {
        let ends = self.tracks.iter().map(|track| track.end);
        ends.filter(|end| *end != NO_TIME).max()
    }

    /// The earliest decoding time of a segment.
    fn first_time(&self, segment: &[u8]) -> Result<i64, TranscodeFailure> {
        let (mut input, streams) = self.open(segment)?;
        let mut packet = Packet::new()?;
        let mut first = None;
        for _ in 0..FIRST_PACKETS {
            if !input.read(&mut packet)? {
                break;
            }
            let info = streams.iter().find(|info| info.index == packet.stream());
            if let (Some(info), Some(time)) = (info, packet.time()) {
                let time = rescale(time, info.time_base, CLOCK);
                first = Some(first.map_or(time, |first: i64| first.min(time)));
            }
        }
        first.ok_or(TranscodeFailure::InvalidVideo)
    }
}

impl Track {
    /// Whether a packet, its times in ticks of this track, comes after the last one; if so it is
    /// the last from now on. One without any time follows on.
    fn takes(&mut self, packet: &Packet) -> bool {
        let Some(time) = packet.time() else {
            return true;
        };
        let time = rescale(time, self.tick, CLOCK);
        if self.last != NO_TIME && time <= self.last {
            return false;
        }
        self.last = time;
        let lasts = rescale(packet.duration().max(0), self.tick, CLOCK);
        self.end = self.end.max(time.saturating_add(lasts));
        true
    }
}
