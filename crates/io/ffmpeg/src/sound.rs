//! The sound of a segment: passed on as it came, or encoded anew once for all renditions.

use std::sync::Arc;

use streamflow_types::TranscodeFailure;

use crate::av::{
    AudioShape, Decoder, Encoder, Frame, Input, NO_TIME, Packet, Parameters, Rational, Resampler,
    StreamInfo, rational, rescale,
};

/// Bits a second of encoded sound, per channel.
const BITRATE_PER_CHANNEL: i64 = 64_000;

/// Rates the AAC encoder takes.
const RATES: [i32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000,
    7350,
];

/// Samples by which decoded sound may be off its time before a gap is taken for real: a tenth of
/// a second.
const GAP_FRACTION: i64 = 10;

/// The sound of a segment.
pub(crate) struct Sound {
    info: StreamInfo,
    encode: Option<Box<Encoding>>,
}

/// How renditions mux the sound.
pub(crate) struct SoundShape {
    pub(crate) parameters: Parameters,
    pub(crate) tick: Rational,
}

struct Encoding {
    decoder: Decoder,
    resampler: Resampler,
    encoder: Encoder,
    tick: Rational,
    /// Time of the next sample given to the encoder; none before the first.
    next: Option<i64>,
    /// Time of the very first sample: packets before it are the encoder's lead-in.
    first: i64,
}

impl Sound {
    /// Packets are passed on.
    pub(crate) fn copied(
        input: &Input<'_>,
        info: StreamInfo,
    ) -> Result<(Self, SoundShape), TranscodeFailure> {
        let shape = SoundShape {
            parameters: Parameters::of(input, &info)?,
            tick: info.time_base,
        };
        Ok((Self { info, encode: None }, shape))
    }

    /// Packets are decoded and encoded as AAC.
    pub(crate) fn encoded(
        input: &Input<'_>,
        info: StreamInfo,
    ) -> Result<(Self, SoundShape), TranscodeFailure> {
        let nearest = |rate: &i32| (rate - info.sample_rate).abs();
        let sample_rate = RATES.into_iter().min_by_key(nearest).unwrap_or(48_000);
        let channels = if (1..=2).contains(&info.channels) {
            info.channels
        } else {
            2
        };
        // Headers apart suit MP4; the MPEG-TS muxer makes its own out of them.
        let encoder = Encoder::open_aac(&AudioShape {
            sample_rate,
            channels,
            bitrate: BITRATE_PER_CHANNEL * i64::from(channels),
            headers_apart: true,
        })?;
        let tick = rational(1, sample_rate);
        let shape = SoundShape {
            parameters: Parameters::of_encoder(&encoder)?,
            tick,
        };
        let encoding = Encoding {
            decoder: Decoder::open(input, &info, u64::MAX, false)?,
            resampler: Resampler::new(sample_rate, channels)?,
            encoder,
            tick,
            next: None,
            first: 0,
        };
        let encode = Some(Box::new(encoding));
        Ok((Self { info, encode }, shape))
    }

    /// The input's stream.
    pub(crate) fn index(&self) -> i32 {
        self.info.index
    }

    /// A tick of the input's stream.
    pub(crate) fn time_base(&self) -> Rational {
        self.info.time_base
    }

    /// Takes a packet of the input, moves it by so many of its ticks, and gives those for the
    /// renditions.
    pub(crate) fn take(
        &mut self,
        packet: &Packet,
        shift: i64,
    ) -> Result<Vec<Arc<Packet>>, TranscodeFailure> {
        let mut packet = packet.share()?;
        packet.shift(shift);
        match &mut self.encode {
            None => Ok(vec![Arc::new(packet)]),
            Some(encoding) => {
                // A damaged packet is silence, not a failure.
                let _damaged = encoding.decoder.send(Some(&packet));
                encoding.advance(self.info.time_base, false)
            }
        }
    }

    /// What is still held.
    pub(crate) fn finish(&mut self) -> Result<Vec<Arc<Packet>>, TranscodeFailure> {
        let Some(encoding) = &mut self.encode else {
            return Ok(Vec::new());
        };
        let _damaged = encoding.decoder.send(None);
        encoding.advance(self.info.time_base, true)
    }
}

impl Encoding {
    fn advance(
        &mut self,
        source: Rational,
        at_end: bool,
    ) -> Result<Vec<Arc<Packet>>, TranscodeFailure> {
        let mut packets = Vec::new();
        while let Ok(frame) = self.decoder.receive() {
            self.place(&frame, source);
            self.resampler.push(Some(&frame))?;
            self.encode(false, &mut packets)?;
        }
        if at_end && self.next.is_some() {
            self.resampler.push(None)?;
            self.encode(true, &mut packets)?;
            self.encoder.send(None)?;
            self.receive(&mut packets)?;
        }
        Ok(packets)
    }

    /// Sets the clock by the first sound, and moves it on after a gap.
    fn place(&mut self, frame: &Frame, source: Rational) {
        let time = frame.time().map(|time| rescale(time, source, self.tick));
        match (self.next, time) {
            (None, time) => {
                self.first = time.unwrap_or(0);
                self.next = Some(self.first);
            }
            (Some(next), Some(time)) => {
                let expected = next + i64::from(self.resampler.waiting());
                let gap = time.saturating_sub(expected);
                if gap > i64::from(self.tick.den) / GAP_FRACTION {
                    self.next = Some(next.saturating_add(gap));
                }
            }
            (Some(_), None) => {}
        }
    }

    /// Encodes whole portions, and at the end of a run what is left.
    fn encode(
        &mut self,
        all: bool,
        packets: &mut Vec<Arc<Packet>>,
    ) -> Result<(), TranscodeFailure> {
        let portion = self.encoder.frame_size().max(1);
        while self.resampler.waiting() >= portion || (all && self.resampler.waiting() > 0) {
            let Some(mut frame) = self.resampler.pull(portion)? else {
                break;
            };
            let time = self.next.unwrap_or(0);
            frame.set_time(time);
            self.next = Some(time + i64::from(frame.samples()));
            self.encoder.send(Some(&frame))?;
            self.receive(packets)?;
        }
        Ok(())
    }

    fn receive(&mut self, packets: &mut Vec<Arc<Packet>>) -> Result<(), TranscodeFailure> {
        loop {
            match self.encoder.receive() {
                Ok(packet) => {
                    // The lead-in would move the sound against the picture.
                    let lead_in = self.encoder.initial_padding() > 0
                        && packet.pts() != NO_TIME
                        && packet.pts() < self.first;
                    if !lead_in {
                        packets.push(Arc::new(packet));
                    }
                }
                Err(refusal) if refusal.is_again() || refusal.is_end() => return Ok(()),
                Err(refusal) => return Err(refusal.into()),
            }
        }
    }
}
