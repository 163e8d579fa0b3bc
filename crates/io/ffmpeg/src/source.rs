//! The first half of a job: reads the container, decodes its video once, and hands pictures and
//! sound to every rendition.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use streamflow_media::plan::timestamps::FrameTimes;
use streamflow_types::{Pixels, TranscodeFailure, VideoMode, Work};

use crate::av::{Decoder, Frame, Input, Packet, Refusal, StreamInfo, rational, rescale};
use crate::card::Card;
use crate::control::Turn;
use crate::feed::{self, Feed, Item};
use crate::order::Order;
use crate::picture::{Orientation, Picture, Size, SizePlan, Window};
use crate::product::{StageTimes, timed};
use crate::settings::Settings;
use crate::sound::Sound;

/// Changes of picture size taken in one segment: each makes every encoder start anew.
const MAX_RESIZES: u32 = 64;

/// Decoded pictures in use at once: those of the fullest feed, one that each rendition makes ready
/// and one it holds to its end, one on its way into the feeds and one to spare. A card's decoder has room for
/// these besides its own.
const HELD_PICTURES: usize = feed::MAX_PICTURES + 4;

/// Times a decoder is asked to go on at the end although it reports damage.
const MAX_DRAIN_ERRORS: u32 = 64;

/// What was decoded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Decoded {
    pub(crate) frames: u64,
    pub(crate) pixels: Pixels,
    /// Of the pictures, those that came from a card.
    pub(crate) on_card: u64,
    /// What the card had free while all was open.
    pub(crate) card_free: Option<u64>,
    pub(crate) stages: StageTimes,
}

/// The thread that reads and decodes.
pub(crate) struct Source<'a, 'bytes> {
    pub(crate) input: Input<'bytes>,
    pub(crate) video: Option<Video>,
    pub(crate) sound: Option<Sound>,
    pub(crate) orders: &'a [Order],
    pub(crate) feeds: &'a [Feed],
    pub(crate) settings: &'a Settings,
    pub(crate) frame_bound: u64,
}

/// The video of the source and what is done with it.
pub(crate) struct Video {
    pub(crate) info: StreamInfo,
    /// None when packets are passed on as they are.
    decoder: Option<Decoder>,
    card: Option<Card>,
    times: FrameTimes,
    plan: Option<Arc<SizePlan>>,
    resizes: u32,
    clip: Option<ClipTicks>,
    /// Whether pictures stay as they are coded, whatever is said of showing them.
    as_coded: bool,
    /// Settled by the first picture: it holds for the segment.
    orientation: Option<Orientation>,
    /// Packets given to the decoder, and whether one of them was a place to start from.
    packets: u64,
    has_key: bool,
    decoded: Decoded,
}

/// A clip on the clock of the source.
#[derive(Clone, Copy, Debug)]
struct ClipTicks {
    from: i64,
    to: Option<i64>,
    /// Time of the first picture of the stream.
    base: Option<i64>,
    /// Time of the first picture kept, which becomes zero.
    first: Option<i64>,
}

impl Video {
    /// Opens the decoder when one is needed.
    pub(crate) fn open(
        input: &Input<'_>,
        info: StreamInfo,
        work: &Work,
        settings: &Settings,
        card: Option<&Card>,
    ) -> Result<Self, TranscodeFailure> {
        let ticks = |time: Duration| {
            let micros = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
            rescale(micros, rational(1, 1_000_000), info.time_base)
        };
        let decoder = match work.video {
            VideoMode::Encode => Some(Decoder::open_on(
                input,
                &info,
                settings.max_picture_pixels,
                false,
                card.map(|card| (card.device(), HELD_PICTURES)),
            )?),
            VideoMode::Copy | VideoMode::Drop => None,
        };
        let step = info
            .rate
            .map_or(rational(1, 30), |rate| rational(rate.den, rate.num));
        Ok(Self {
            decoder,
            card: card.cloned(),
            times: FrameTimes::new(
                rescale(1, step, info.time_base),
                rescale(1, rational(1, 1), info.time_base),
            ),
            plan: None,
            resizes: 0,
            clip: work.clip.map(|clip| ClipTicks {
                from: ticks(clip.from),
                to: clip.to.map(ticks),
                base: None,
                first: None,
            }),
            as_coded: work.signature,
            orientation: None,
            packets: 0,
            has_key: false,
            decoded: Decoded::default(),
            info,
        })
    }

    /// Whether there was a place to start decoding from.
    fn check_keys(&self) -> Result<(), TranscodeFailure> {
        if self.decoder.is_some() && self.decoded.frames == 0 && self.packets > 0 && !self.has_key {
            return Err(TranscodeFailure::NoKeyframes);
        }
        Ok(())
    }

    /// A tick of the source as a ratio of positive numbers.
    pub(crate) fn tick(&self) -> (NonZeroU32, NonZeroU32) {
        let side = |value: i32| {
            u32::try_from(value)
                .ok()
                .and_then(NonZeroU32::new)
                .unwrap_or(NonZeroU32::MIN)
        };
        (side(self.info.time_base.num), side(self.info.time_base.den))
    }
}

impl Source<'_, '_> {
    /// Runs to the end of the input.
    pub(crate) fn run(mut self, turn: &mut Turn<'_>) -> Result<Decoded, TranscodeFailure> {
        let mut stages = StageTimes::default();
        let mut packet = Packet::new()?;
        loop {
            turn.work()?;
            if !timed(&mut stages.decode, || self.input.read(&mut packet))? {
                break;
            }
            self.take(&packet, turn, &mut stages)?;
        }
        self.decode(None, turn, &mut stages)?;
        if let Some(video) = &self.video {
            video.check_keys()?;
        }
        if let Some(sound) = &mut self.sound {
            for packet in timed(&mut stages.encode, || sound.finish())? {
                give_all(self.feeds, turn, || Item::Sound(Arc::clone(&packet)))?;
            }
        }
        let card = self.video.as_ref().and_then(|video| video.card.as_ref());
        let card_free = card.and_then(|card| card.free_bytes().ok());
        for feed in self.feeds {
            feed.end();
        }
        turn.rest();
        let mut decoded = self
            .video
            .map_or_else(Decoded::default, |video| video.decoded);
        decoded.card_free = card_free;
        decoded.stages = stages;
        Ok(decoded)
    }

    fn take(
        &mut self,
        packet: &Packet,
        turn: &mut Turn<'_>,
        stages: &mut StageTimes,
    ) -> Result<(), TranscodeFailure> {
        if let Some(video) = &mut self.video
            && packet.stream() == video.info.index
        {
            video.packets += 1;
            video.has_key |= packet.is_key();
            if video.decoder.is_some() {
                return self.decode(Some(packet), turn, stages);
            }
            let shared = Arc::new(packet.share()?);
            return give_all(self.feeds, turn, || Item::Video(Arc::clone(&shared)));
        }
        if let Some(sound) = &mut self.sound
            && packet.stream() == sound.index()
        {
            // Where the picture's clock was mended, the sound's is mended alike.
            let shift = self.video.as_ref().map_or(0, |video| {
                rescale(
                    video.times.offset(),
                    video.info.time_base,
                    sound.time_base(),
                )
            });
            for packet in timed(&mut stages.encode, || sound.take(packet, shift))? {
                give_all(self.feeds, turn, || Item::Sound(Arc::clone(&packet)))?;
            }
        }
        Ok(())
    }

    /// Gives the decoder a packet, or none at the end, and hands on what comes out. Damage is
    /// stepped over: the decoder conceals what it can.
    fn decode(
        &mut self,
        packet: Option<&Packet>,
        turn: &mut Turn<'_>,
        stages: &mut StageTimes,
    ) -> Result<(), TranscodeFailure> {
        loop {
            let Some(decoder) = self.video.as_mut().and_then(|video| video.decoder.as_mut()) else {
                return Ok(());
            };
            let sent = timed(&mut stages.decode, || decoder.send(packet));
            let before = self.frames();
            self.drain(packet.is_none(), turn, stages)?;
            match sent {
                // The packet waits until pictures were taken; without any it is given up.
                Err(refusal) if refusal.is_again() && self.frames() > before => {}
                Err(refusal) => return self.broken(refusal).map_or(Ok(()), Err),
                Ok(()) => return Ok(()),
            }
        }
    }

    fn drain(
        &mut self,
        at_end: bool,
        turn: &mut Turn<'_>,
        stages: &mut StageTimes,
    ) -> Result<(), TranscodeFailure> {
        let mut errors = 0;
        loop {
            turn.work()?;
            let Some(decoder) = self.video.as_mut().and_then(|video| video.decoder.as_mut()) else {
                return Ok(());
            };
            match timed(&mut stages.decode, || decoder.receive()) {
                Ok(frame) => self.picture(frame, turn)?,
                Err(refusal) if refusal.is_again() || refusal.is_end() => return Ok(()),
                Err(refusal) => match self.broken(refusal) {
                    Some(failure) => return Err(failure),
                    None if at_end && errors < MAX_DRAIN_ERRORS => errors += 1,
                    None => return Ok(()),
                },
            }
        }
    }

    /// The failure a decoder's refusal stands for when it is not mere damage.
    fn broken(&self, refusal: Refusal) -> Option<TranscodeFailure> {
        let decoder = self.video.as_ref()?.decoder.as_ref()?;
        decoder.failure(refusal)
    }

    fn picture(&mut self, frame: Frame, turn: &mut Turn<'_>) -> Result<(), TranscodeFailure> {
        let Some(video) = &mut self.video else {
            return Ok(());
        };
        let size = (frame.width(), frame.height());
        check_size(size, self.settings)?;
        let orientation = *video.orientation.get_or_insert_with(|| {
            Orientation::of(video.info.matrix.or_else(|| frame.matrix()), video.as_coded)
        });
        video.decoded.frames += 1;
        let from_card = frame.is_on_card();
        // The card's filter does not move samples into the narrower range; the processor's does.
        let frame = match from_card && frame.is_full_range() {
            true => frame
                .download()
                .map_err(|_| TranscodeFailure::InvalidHardware)?,
            false => frame,
        };
        video.decoded.on_card += u64::from(from_card);
        let pixels = Pixels::of_frames(size.0, size.1, 1).unwrap_or_default();
        video.decoded.pixels = video
            .decoded
            .pixels
            .checked_add(pixels)
            .ok_or(TranscodeFailure::InvalidVideo)?;
        if video.decoded.frames > self.frame_bound {
            return Err(TranscodeFailure::InvalidVideo);
        }
        let (given, guess) = frame.times();
        let mut pts = video.times.next(given, guess);
        let mut window = None;
        if let Some(clip) = &mut video.clip {
            let base = *clip.base.get_or_insert(pts);
            let since = pts.saturating_sub(base);
            if since < clip.from || clip.to.is_some_and(|to| since > to) {
                return Ok(());
            }
            let first = *clip.first.get_or_insert(pts);
            window = Some(Window {
                from: first,
                to: clip.to.map(|to| base.saturating_add(to)),
            });
            pts = pts.saturating_sub(first);
        }
        let plan = match &video.plan {
            Some(plan) if plan.source() == size => Arc::clone(plan),
            _ => plan_sizes(video, self.orders, size, orientation)?,
        };
        let number = video.decoded.frames;
        let picture = Arc::new(Picture::new(frame, &plan, pts, number, window, orientation));
        give_all(self.feeds, turn, || Item::Picture(Arc::clone(&picture)))
    }

    fn frames(&self) -> u64 {
        self.video.as_ref().map_or(0, |video| video.decoded.frames)
    }
}

/// Refuses a picture the gate does not let through.
pub(crate) fn check_size(size: Size, settings: &Settings) -> Result<(), TranscodeFailure> {
    let pixels = u64::from(size.0) * u64::from(size.1);
    if size.0.max(size.1) > settings.max_picture_side || pixels > settings.max_picture_pixels {
        return Err(TranscodeFailure::InvalidVideo);
    }
    Ok(())
}

/// Sizes of all renditions for a new size of the source, as pictures are coded: renditions turn
/// them afterwards.
fn plan_sizes(
    video: &mut Video,
    orders: &[Order],
    size: Size,
    orientation: Orientation,
) -> Result<Arc<SizePlan>, TranscodeFailure> {
    video.resizes += 1;
    if video.resizes > MAX_RESIZES {
        return Err(TranscodeFailure::InvalidVideo);
    }
    let swap = |size: Size| {
        if orientation.turns % 2 == 1 {
            (size.1, size.0)
        } else {
            size
        }
    };
    let sizes = orders
        .iter()
        .map(|order| order.size(swap(size)).map(swap))
        .collect::<Result<Vec<_>, _>>()?;
    let plan = Arc::new(SizePlan::new(size, &sizes));
    video.plan = Some(Arc::clone(&plan));
    Ok(plan)
}

fn give_all(
    feeds: &[Feed],
    turn: &mut Turn<'_>,
    item: impl Fn() -> Item,
) -> Result<(), TranscodeFailure> {
    feeds.iter().try_for_each(|feed| feed.push(item(), turn))
}
