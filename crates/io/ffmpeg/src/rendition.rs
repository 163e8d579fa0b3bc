//! The second half of a job, once for each rendition: picks pictures at the rate asked for,
//! scales, encodes and muxes them.

mod video;

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use streamflow_types::{Pixels, Rendition, TranscodeFailure, VideoMode};

use crate::av::{DisplayMatrix, Output, Packet, Parameters, Rational, StreamId, rational, rescale};
use crate::card::{Card, CardScaler};
use crate::control::Turn;
use crate::feed::{Feed, Item};
use crate::order::Order;
use crate::picture::Window;
use crate::product::{StageTimes, timed};
use crate::scale::Scaler;
use crate::settings::Settings;
use crate::sound::SoundShape;
use video::VideoLine;

/// Packets kept until the first picture has opened the output: some minutes of sound.
const MAX_WAITING: usize = 16_384;

/// What all renditions of a job have in common.
pub(crate) struct Shared<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) scaler: &'a Scaler,
    /// The card of the job and what makes sizes on it.
    pub(crate) card: Option<(&'a Card, &'a CardScaler)>,
    pub(crate) sound: Option<&'a SoundShape>,
    pub(crate) video_mode: VideoMode,
    /// The source's own packets, where they are passed on.
    pub(crate) copied: Option<&'a Parameters>,
    /// A tick of the source's video.
    pub(crate) tick: (NonZeroU32, NonZeroU32),
    pub(crate) source_rate: Option<Rational>,
    /// How pictures passed on as they are coded are to be turned.
    pub(crate) matrix: Option<DisplayMatrix>,
    pub(crate) is_clip: bool,
    pub(crate) metadata: &'a str,
    pub(crate) signature: bool,
}

/// One rendition's own.
pub(crate) struct Line<'a> {
    pub(crate) place: usize,
    pub(crate) order: &'a Order,
    pub(crate) output_bound: usize,
    /// Slices encoded side by side.
    pub(crate) slices: u32,
}

/// Makes one rendition out of what the feed brings.
pub(crate) fn run(
    shared: &Shared<'_>,
    line: &Line<'_>,
    feed: &Feed,
    turn: &mut Turn<'_>,
) -> Result<(Rendition, StageTimes), TranscodeFailure> {
    let output = Output::new(line.order.container, line.output_bound, shared.metadata)?;
    let mut muxer = Muxer {
        output,
        sound: None,
        video: None,
        waiting: VecDeque::new(),
        started: false,
        window: None,
    };
    let mut stages = StageTimes::default();
    let mut video = match shared.video_mode {
        VideoMode::Encode => Some(VideoLine::new(shared, line)?),
        VideoMode::Copy | VideoMode::Drop => {
            muxer.start_copying(shared)?;
            None
        }
    };
    while let Some(item) = feed.pop(turn)? {
        turn.work()?;
        match item {
            Item::Picture(picture) => {
                if let Some(video) = &mut video {
                    video.take(&picture, &mut muxer, &mut stages)?;
                }
            }
            Item::Sound(packet) => {
                timed(&mut stages.mux, || muxer.sound(&packet, shared))?;
            }
            Item::Video(packet) => timed(&mut stages.mux, || muxer.video_packet(&packet))?,
        }
    }
    turn.work()?;
    let mut pixels = Pixels::default();
    let mut signature = None;
    if let Some(video) = video {
        (pixels, signature) = video.finish(&mut muxer, &mut stages)?;
    }
    let bytes = timed(&mut stages.mux, || muxer.output.finish())?;
    turn.rest();
    let rendition = Rendition {
        bytes: Bytes::from(bytes),
        pixels,
        signature: signature.map(Bytes::from),
    };
    Ok((rendition, stages))
}

/// The output with its streams.
struct Muxer {
    output: Output,
    sound: Option<StreamId>,
    video: Option<(StreamId, Rational)>,
    /// Sound that came before the first picture.
    waiting: VecDeque<Arc<Packet>>,
    started: bool,
    /// Set when the job is a clip.
    window: Option<Window>,
}

impl Muxer {
    /// Adds the sound, writes the header and what waited for it.
    fn start(&mut self, shared: &Shared<'_>) -> Result<(), TranscodeFailure> {
        if let Some(sound) = shared.sound {
            self.sound = Some(self.output.add_copied(&sound.parameters, sound.tick)?);
        }
        self.output.start(&shared.settings.muxer_options)?;
        self.started = true;
        while let Some(packet) = self.waiting.pop_front() {
            self.sound(&packet, shared)?;
        }
        Ok(())
    }

    fn start_copying(&mut self, shared: &Shared<'_>) -> Result<(), TranscodeFailure> {
        if let Some(parameters) = shared.copied {
            let tick = source_tick(shared);
            let stream = self.output.add_copied(parameters, tick)?;
            if let Some(matrix) = &shared.matrix {
                self.output.set_matrix(stream, matrix)?;
            }
            self.video = Some((stream, tick));
        }
        self.start(shared)
    }

    fn sound(&mut self, packet: &Arc<Packet>, shared: &Shared<'_>) -> Result<(), TranscodeFailure> {
        if !self.started {
            if self.waiting.len() >= MAX_WAITING {
                return Err(TranscodeFailure::InvalidVideo);
            }
            self.waiting.push_back(Arc::clone(packet));
            return Ok(());
        }
        let (Some(stream), Some(sound)) = (self.sound, shared.sound) else {
            return Ok(());
        };
        let mut packet = packet.share()?;
        if let Some(window) = self.window {
            let ticks = |time| rescale(time, source_tick(shared), sound.tick);
            let from = ticks(window.from);
            if packet.pts() < from || window.to.is_some_and(|to| packet.pts() > ticks(to)) {
                return Ok(());
            }
            let (time, duration) = (packet.pts() - from, packet.duration());
            packet.set_times(time, time, duration);
        }
        self.output.write(stream, &mut packet, sound.tick)
    }

    fn video_packet(&mut self, packet: &Arc<Packet>) -> Result<(), TranscodeFailure> {
        let Some((stream, tick)) = self.video else {
            return Ok(());
        };
        let mut packet = packet.share()?;
        self.output.write(stream, &mut packet, tick)
    }
}

/// A tick of the source's video as the library writes it.
fn source_tick(shared: &Shared<'_>) -> Rational {
    let side = |value: NonZeroU32| i32::try_from(value.get()).unwrap_or(i32::MAX);
    rational(side(shared.tick.0), side(shared.tick.1))
}
