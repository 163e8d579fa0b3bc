//! The pictures of one rendition: when each is shown, its encoder, and its place in the output.

use std::sync::Arc;

use streamflow_media::plan::frame_rate::{FrameRatePlan, TimeBase};
use streamflow_media::plan::gop::KeyFrames;
use streamflow_media::plan::timestamps::{DecodeTimes, EncoderClock};
use streamflow_types::{Container, Pixels, TranscodeFailure};

use super::{Line, Muxer, Shared, source_tick};
use crate::av::{
    DisplayMatrix, Encoder, Frame, Looks, Packet, Rational, SignatureGraph, VideoShape, rational,
    rescale,
};
use crate::card;
use crate::picture::{Picture, Size};
use crate::product::{StageTimes, timed};
use crate::zimg::Scratch;

/// Ticks a second of renditions with a rate of their own; MPEG-TS has no finer ones.
const OWN_CLOCK: i32 = 90_000;

/// The pictures of one rendition.
pub(super) struct VideoLine<'a> {
    shared: &'a Shared<'a>,
    line: &'a Line<'a>,
    /// A tick of the encoder: one picture at the rate set, or the source's usual one.
    tick: Rational,
    /// A tick of the times given to pictures: the source's where its times are kept.
    clock: Rational,
    rate: Option<RateLine>,
    keys: KeyFrames,
    encoded: u64,
    /// Packets that came out of encoders.
    packets: u64,
    pixels: u64,
    encoder: Option<Open>,
    decoding: Option<DecodeTimes>,
    encoding: EncoderClock,
    scratch: Scratch,
    /// The last picture made ready, for when it is shown again.
    ready: Option<(u64, Frame)>,
    /// The filter, and the size of its pictures.
    signature: Option<(SignatureGraph, Size)>,
}

/// What is needed when the rate is set.
struct RateLine {
    plan: FrameRatePlan,
    /// The picture that waits for its end, and its time.
    held: Option<(Arc<Picture>, i64)>,
    /// Time of the first picture.
    first: i64,
    /// How long a picture was shown last.
    gap: i64,
}

/// An open encoder and the size it was opened for.
struct Open {
    encoder: Encoder,
    size: Size,
    fresh: bool,
}

impl<'a> VideoLine<'a> {
    pub(super) fn new(
        shared: &'a Shared<'a>,
        line: &'a Line<'a>,
    ) -> Result<Self, TranscodeFailure> {
        let order = line.order;
        let tick = order.tick(shared.source_rate);
        let clock = match order.rate {
            Some(_) => rational(1, OWN_CLOCK),
            None => source_tick(shared),
        };
        let (ticks, base) = (ratio(tick)?, ratio(clock)?);
        let times = TimeBase::new(base.0, base.1).ok_or(TranscodeFailure::InvalidVideo)?;
        let usual = shared
            .source_rate
            .map_or(tick, |rate| rational(rate.den, rate.num));
        let rate = order.rate.map(|(num, den)| RateLine {
            plan: FrameRatePlan::new(num, den, times),
            held: None,
            first: 0,
            gap: rescale(1, usual, clock).max(1),
        });
        Ok(Self {
            shared,
            line,
            tick,
            clock,
            rate,
            keys: order.keys.start(times),
            encoded: 0,
            packets: 0,
            pixels: 0,
            encoder: None,
            decoding: None,
            encoding: EncoderClock::new((ticks.1, ticks.0), base),
            scratch: Scratch::new(),
            ready: None,
            signature: None,
        })
    }

    /// Takes the next picture of the source.
    pub(super) fn take(
        &mut self,
        picture: &Arc<Picture>,
        muxer: &mut Muxer,
        stages: &mut StageTimes,
    ) -> Result<(), TranscodeFailure> {
        if muxer.window.is_none() {
            muxer.window = picture.window;
        }
        let Some(rate) = &mut self.rate else {
            return self.show(picture, picture.pts, muxer, stages);
        };
        let time = rescale(picture.pts, source_tick(self.shared), self.clock);
        let before = rate.plan.emitted();
        let count = rate
            .plan
            .push(time)
            .map_err(|_| TranscodeFailure::Runaway)?;
        match rate.held.replace((Arc::clone(picture), time)) {
            None => {
                rate.first = time;
                Ok(())
            }
            Some((held, shown)) => {
                rate.gap = time.saturating_sub(shown).max(1);
                self.repeat(&held, before, count, muxer, stages)
            }
        }
    }

    /// Shows a picture as often as the rate wants it, from one output picture on.
    fn repeat(
        &mut self,
        picture: &Picture,
        from: u64,
        count: u64,
        muxer: &mut Muxer,
        stages: &mut StageTimes,
    ) -> Result<(), TranscodeFailure> {
        for number in from..from.saturating_add(count) {
            let Some(rate) = &self.rate else {
                return Ok(());
            };
            let time = rate
                .plan
                .time_of(rate.first, number)
                .ok_or(TranscodeFailure::Runaway)?;
            self.show(picture, time, muxer, stages)?;
        }
        Ok(())
    }

    /// Encodes a picture at a time of this rendition's clock.
    fn show(
        &mut self,
        picture: &Picture,
        time: i64,
        muxer: &mut Muxer,
        stages: &mut StageTimes,
    ) -> Result<(), TranscodeFailure> {
        if self
            .ready
            .as_ref()
            .is_none_or(|(number, _)| *number != picture.number)
        {
            let frame = timed(&mut stages.scale, || self.make_ready(picture))?;
            self.ready = Some((picture.number, frame));
        }
        let Some((_, ready)) = &self.ready else {
            return Ok(());
        };
        let mut frame = ready.share()?;
        self.open_for(&frame, picture.orientation.matrix.as_ref(), muxer, stages)?;
        self.sign(&frame, stages)?;
        let tick = self
            .encoding
            .enter(time)
            .map_err(|_| TranscodeFailure::Unrecoverable)?;
        let due = self.keys.next(time);
        let Some(open) = &mut self.encoder else {
            return Ok(());
        };
        frame.set_time(tick);
        let fresh = std::mem::take(&mut open.fresh);
        frame.force_key(due || fresh);
        if let Some(decoding) = &mut self.decoding {
            decoding.enter(time);
        }
        self.encoded += 1;
        self.pixels = u64::from(open.size.0)
            .checked_mul(u64::from(open.size.1))
            .and_then(|pixels| self.pixels.checked_add(pixels))
            .ok_or(TranscodeFailure::InvalidVideo)?;
        timed(&mut stages.encode, || open.encoder.send(Some(&frame)))
            .map_err(|refusal| open.encoder.failure(refusal))?;
        self.drain(muxer, stages)
    }

    fn make_ready(&mut self, picture: &Picture) -> Result<Frame, TranscodeFailure> {
        let shared = self.shared;
        let place = self.line.place;
        // What is turned is turned in memory.
        let stays = self.line.order.on_card && picture.orientation.turns == 0;
        let on_card = shared
            .card
            .and_then(|(_, card)| picture.on_card(place, stays, (card, shared.scaler)));
        let frame = match on_card {
            Some(frame) => frame?,
            None => picture.for_rendition(place, shared.scaler, &mut self.scratch)?,
        };
        match picture.orientation.turns {
            0 => Ok(frame.share()?),
            turns => shared.scaler.turn(frame, turns),
        }
    }

    /// Adds a picture to the signature; one of another size than the first is scaled to it.
    fn sign(&mut self, frame: &Frame, stages: &mut StageTimes) -> Result<(), TranscodeFailure> {
        let Some((graph, size)) = &mut self.signature else {
            return Ok(());
        };
        let scaler = self.shared.scaler;
        let scratch = &mut self.scratch;
        let mut frame = timed(&mut stages.scale, || match frame.is_on_card() {
            true => scaler.scale(&card::in_memory(frame, scaler)?, *size, scratch),
            false => scaler.scale(frame, *size, scratch),
        })?;
        frame.set_time(i64::try_from(self.encoded).unwrap_or(i64::MAX));
        timed(&mut stages.encode, || graph.push(&frame))
    }

    /// Opens the encoder for the first picture, and anew when the size changes.
    fn open_for(
        &mut self,
        frame: &Frame,
        matrix: Option<&DisplayMatrix>,
        muxer: &mut Muxer,
        stages: &mut StageTimes,
    ) -> Result<(), TranscodeFailure> {
        let size = (frame.width(), frame.height());
        if self.encoder.as_ref().is_some_and(|open| open.size == size) {
            return Ok(());
        }
        self.flush(muxer, stages)?;
        let order = self.line.order;
        let shape = VideoShape {
            width: size.0,
            height: size.1,
            looks: Looks::of(frame),
            tick: self.tick,
            bitrate: order.bitrate,
            holds_quality: order.holds_quality(),
            gop: order.keys.encoder_interval(),
            b_frames: order.b_frames,
            threads: self.line.slices.max(1),
            // An encoder opened later brings its headers in its pictures: the container's are
            // written already.
            headers_apart: order.container == Container::Mp4 && !muxer.started,
            frames: frame.card_frames(),
        };
        let device = self.shared.card.filter(|_| order.on_card);
        let device = device.map(|(card, _)| card.device());
        let encoder = timed(&mut stages.encode, || {
            let options = order.options(self.shared.settings)?;
            let opened = Encoder::open_video_on(order.encoder, &shape, options, device);
            // The limit of its encoders may be reached.
            opened.map_err(|failure| device.map_or(failure, |_| TranscodeFailure::InvalidHardware))
        })?;
        if !muxer.started {
            let step = rescale(1, self.tick, self.clock);
            let depth = encoder.reorder_depth().max(order.least_reorder_depth());
            self.decoding = Some(DecodeTimes::new(depth, step));
            let stream = muxer.output.add_encoded(&encoder, self.clock)?;
            if let Some(matrix) = matrix {
                muxer.output.set_matrix(stream, matrix)?;
            }
            muxer.video = Some((stream, self.clock));
            timed(&mut stages.mux, || muxer.start(self.shared))?;
            if self.shared.signature {
                self.signature = Some((SignatureGraph::new(size.0, size.1, self.tick)?, size));
            }
        }
        self.encoder = Some(Open {
            encoder,
            size,
            fresh: true,
        });
        Ok(())
    }

    /// Takes what the encoder has ready.
    fn drain(
        &mut self,
        muxer: &mut Muxer,
        stages: &mut StageTimes,
    ) -> Result<(), TranscodeFailure> {
        loop {
            let Some(open) = &mut self.encoder else {
                return Ok(());
            };
            match timed(&mut stages.encode, || open.encoder.receive()) {
                Ok(mut packet) => {
                    self.place(&mut packet)?;
                    if let Some((stream, clock)) = muxer.video {
                        timed(&mut stages.mux, || {
                            muxer.output.write(stream, &mut packet, clock)
                        })?;
                    }
                }
                Err(refusal) if refusal.is_again() || refusal.is_end() => return Ok(()),
                Err(refusal) => return Err(open.encoder.failure(refusal)),
            }
        }
    }

    /// Gives a packet the own time of its picture and its time of decoding.
    fn place(&mut self, packet: &mut Packet) -> Result<(), TranscodeFailure> {
        let time = self.encoding.leave(packet.pts());
        // A packet without a picture would break the count that is paid for.
        let (Some(time), Some(decoding)) = (time, &mut self.decoding) else {
            return Err(TranscodeFailure::Unrecoverable);
        };
        let decoded = decoding.leave(time);
        self.packets += 1;
        let step = rescale(1, self.tick, self.clock).max(1);
        packet.set_times(time, decoded, step);
        Ok(())
    }

    /// Empties and closes the encoder.
    fn flush(
        &mut self,
        muxer: &mut Muxer,
        stages: &mut StageTimes,
    ) -> Result<(), TranscodeFailure> {
        if let Some(open) = &mut self.encoder {
            timed(&mut stages.encode, || open.encoder.send(None))
                .map_err(|refusal| open.encoder.failure(refusal))?;
            self.drain(muxer, stages)?;
            self.encoder = None;
            if self.packets != self.encoded {
                return Err(TranscodeFailure::Unrecoverable);
            }
        }
        Ok(())
    }

    /// Shows the last picture to its end and empties the encoder: pixels and signature.
    pub(super) fn finish(
        mut self,
        muxer: &mut Muxer,
        stages: &mut StageTimes,
    ) -> Result<(Pixels, Option<Vec<u8>>), TranscodeFailure> {
        if let Some(rate) = &mut self.rate
            && let Some((picture, _)) = rate.held.take()
        {
            // A still end is no runaway: the last picture lasts no longer than the one before.
            let given = picture.duration.unwrap_or(0);
            let given = rescale(given, source_tick(self.shared), self.clock);
            let lasts = if given > 0 {
                given.min(rate.gap)
            } else {
                rate.gap
            };
            let before = rate.plan.emitted();
            let count = rate
                .plan
                .finish(Some(lasts))
                .map_err(|_| TranscodeFailure::Runaway)?;
            self.repeat(&picture, before, count, muxer, stages)?;
        }
        self.flush(muxer, stages)?;
        if !muxer.started {
            return Err(no_picture(self.shared));
        }
        let signature = match self.signature.take() {
            Some((graph, _)) => Some(timed(&mut stages.encode, || graph.finish())?),
            None => None,
        };
        Ok((Pixels(self.pixels), signature))
    }
}

fn no_picture(shared: &Shared<'_>) -> TranscodeFailure {
    if shared.is_clip {
        TranscodeFailure::InvalidClip
    } else {
        TranscodeFailure::InvalidVideo
    }
}

/// A ratio of positive numbers.
fn ratio(value: Rational) -> Result<(u32, u32), TranscodeFailure> {
    match (u32::try_from(value.num), u32::try_from(value.den)) {
        (Ok(num), Ok(den)) if num > 0 && den > 0 => Ok((num, den)),
        _ => Err(TranscodeFailure::InvalidVideo),
    }
}
