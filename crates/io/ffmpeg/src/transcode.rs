//! One segment to its renditions: checks, opens, starts a thread for each rendition, and puts
//! what they made together.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::thread;
use std::time::Duration;

use streamflow_media::plan::unit_order;
use streamflow_types::{AudioMode, Container, Rendition, TranscodeFailure, VideoMode, Work};

use crate::av::{self, DisplayMatrix, Input, Parameters, StreamInfo, StreamKind};
use crate::card::CardScaler;
use crate::control::{Stop, Turn};
use crate::feed::Feed;
use crate::order::{self, Order};
use crate::product::{StageTimes, process_cpu, timed};
use crate::rendition::{self, Line, Shared};
use crate::scale::Scaler;
use crate::sound::{Sound, SoundShape};
use crate::source::{self, Decoded, Source, Video};
use crate::{Control, Product, Settings};

/// Transcodes one segment held in memory: MPEG-TS or MP4 in, one rendition for each profile out.
///
/// A picture that its container says is to be turned is turned, unless signatures are asked for:
/// they are compared with those of nodes that leave pictures as they are coded.
pub fn transcode(
    source: &[u8],
    work: &Work,
    settings: &Settings,
    control: &Control,
) -> Result<Product, TranscodeFailure> {
    av::quiet();
    control.cancel.check()?;
    order::check(work)?;
    if source.is_empty() {
        return Err(TranscodeFailure::EmptyData);
    }
    if source.len() > settings.max_input_bytes {
        return Err(TranscodeFailure::InvalidInput);
    }
    let container = container_of(source).ok_or(TranscodeFailure::InvalidVideo)?;
    let orders = work
        .profiles
        .iter()
        .map(|profile| Order::read(profile, container, control.card.as_ref()))
        .collect::<Result<Vec<_>, _>>()?;
    let stop = Stop::new(control.cancel.clone());
    let mut turn = Turn::new(&control.threads, &stop, 1);
    turn.work()?;
    let before = process_cpu();
    let mut stages = StageTimes::default();
    let source = timed(&mut stages.open, || in_order(source, container, work));
    let opened = timed(&mut stages.open, || {
        Job::open(&source, container, work, &orders, settings, control)
    })?;
    let mut product = opened.run(work, &orders, settings, control, &stop, turn)?;
    product.stages.add(&stages);
    product.stages.process = process_cpu().saturating_sub(before);
    Ok(product)
}

/// The container these bytes are in, by what they look like.
pub(crate) fn container_of(bytes: &[u8]) -> Option<Container> {
    const PACKET: usize = 188;
    const SYNC: u8 = 0x47;
    const BOXES: [&[u8; 4]; 8] = [
        b"ftyp", b"styp", b"moov", b"moof", b"sidx", b"mdat", b"free", b"wide",
    ];
    if bytes
        .get(4..8)
        .is_some_and(|name| BOXES.iter().any(|known| known.as_slice() == name))
    {
        return Some(Container::Mp4);
    }
    // Within the first packets there must be two sync bytes a packet apart, or one whole packet.
    let is_start = |at: usize| {
        bytes.get(at) == Some(&SYNC)
            && (bytes.get(at + PACKET) == Some(&SYNC) || bytes.len() == at + PACKET)
    };
    (0..PACKET).any(is_start).then_some(Container::MpegTs)
}

/// The source with the units of each picture in order. What cannot be put in order is judged by
/// the demuxer; what is passed on is passed on as it is.
fn in_order<'bytes>(source: &'bytes [u8], container: Container, work: &Work) -> Cow<'bytes, [u8]> {
    if container != Container::MpegTs || work.video != VideoMode::Encode {
        return Cow::Borrowed(source);
    }
    unit_order::repaired(source).unwrap_or(Cow::Borrowed(source))
}

/// A source that passed its checks.
struct Job<'bytes> {
    input: Input<'bytes>,
    video: Option<Video>,
    sound: Option<(Sound, SoundShape)>,
    copied: Option<Parameters>,
    rate: Option<av::Rational>,
    matrix: Option<DisplayMatrix>,
    source_pixels: u64,
    duration: Duration,
    bytes: usize,
}

impl<'bytes> Job<'bytes> {
    fn open(
        source: &'bytes [u8],
        container: Container,
        work: &Work,
        orders: &[Order],
        settings: &Settings,
        control: &Control,
    ) -> Result<Self, TranscodeFailure> {
        let pixels = settings.max_picture_pixels;
        let options = &settings.demuxer_options;
        let mut input = Input::open(source, container, options, pixels, &control.cancel)?;
        control.cancel.check()?;
        let duration = input.duration();
        if duration > settings.max_input_duration {
            return Err(TranscodeFailure::InvalidDuration);
        }
        let sound_info = input.stream(StreamKind::Audio);
        let video_info = match work.video {
            VideoMode::Drop => None,
            VideoMode::Encode | VideoMode::Copy => {
                let found = input.stream(StreamKind::Video);
                match usable(found, sound_info.is_some(), container, settings) {
                    Err(TranscodeFailure::InvalidVideo)
                        if settings.sound_alone && sound_info.is_some() =>
                    {
                        None
                    }
                    usable => Some(usable?),
                }
            }
        };
        let sound_info = sound_info.filter(|_| work.audio != AudioMode::Drop);
        let keep: Vec<i32> = [&video_info, &sound_info]
            .into_iter()
            .flatten()
            .map(|info| info.index)
            .collect();
        input.keep_only(&keep);
        let rate = video_info.as_ref().and_then(|info| info.rate);
        let matrix = video_info.as_ref().and_then(|info| info.matrix);
        let copied = match (&video_info, work.video) {
            (Some(info), VideoMode::Copy) => {
                if !orders.iter().all(|order| info.fits(order.container)) {
                    return Err(TranscodeFailure::UnrecognizedFormat);
                }
                Some(Parameters::of(&input, info)?)
            }
            _ => None,
        };
        let source_pixels = video_info
            .as_ref()
            .map_or(0, |info| u64::from(info.width) * u64::from(info.height));
        let video = video_info
            .map(|info| Video::open(&input, info, work, settings, control.card.as_ref()))
            .transpose()?;
        let sound = sound_info
            .map(|info| open_sound(&input, info, work.audio, orders))
            .transpose()?;
        Ok(Self {
            input,
            video,
            sound: sound.flatten(),
            copied,
            rate,
            matrix,
            source_pixels,
            duration,
            bytes: source.len(),
        })
    }

    fn run(
        self,
        work: &Work,
        orders: &[Order],
        settings: &Settings,
        control: &Control,
        stop: &Stop,
        turn: Turn<'_>,
    ) -> Result<Product, TranscodeFailure> {
        let feeds: Vec<Feed> = orders.iter().map(|_| Feed::default()).collect();
        let (sound, shape) = self.sound.unzip();
        let scaler = Scaler::default();
        let card = control
            .card
            .as_ref()
            .map(|card| CardScaler::new(card, orders));
        let tick = self.video.as_ref().map_or(DEFAULT_TICK, Video::tick);
        let shared = Shared {
            settings,
            scaler: &scaler,
            card: control.card.as_ref().zip(card.as_ref()),
            sound: shape.as_ref(),
            video_mode: match self.video {
                Some(_) => work.video,
                None => VideoMode::Drop,
            },
            copied: self.copied.as_ref(),
            tick,
            source_rate: self.rate,
            matrix: self.matrix,
            is_clip: work.clip.is_some(),
            metadata: &work.metadata,
            signature: work.signature,
        };
        let lines = lines(orders, settings, self.duration, self.bytes, |orders| {
            sliced(orders, self.source_pixels, control.threads.limit())
        });
        let source = Source {
            input: self.input,
            video: self.video,
            sound,
            orders,
            feeds: &feeds,
            settings,
            frame_bound: settings.frame_bound(self.duration),
        };
        let (decoded, made) = run_all(source, &shared, &lines, &feeds, control, stop, turn);
        // The first failure ended all others, so it is the one to tell.
        stop.check()?;
        let decoded = decoded?;
        let mut stages = decoded.stages;
        let mut renditions = Vec::with_capacity(made.len());
        for each in made {
            let (rendition, spent) = each.map_err(|_| TranscodeFailure::Unrecoverable)??;
            stages.add(&spent);
            renditions.push(rendition);
        }
        Ok(Product {
            decoded_frames: decoded.frames,
            decoded_pixels: decoded.pixels,
            frames_on_card: decoded.on_card,
            card_free_bytes: decoded.card_free,
            renditions,
            stages,
        })
    }
}

/// What the thread of a rendition ends with.
type Made = thread::Result<Result<(Rendition, StageTimes), TranscodeFailure>>;

/// Decodes on this thread and makes each rendition on one of its own.
fn run_all(
    source: Source<'_, '_>,
    shared: &Shared<'_>,
    lines: &[Line<'_>],
    feeds: &[Feed],
    control: &Control,
    stop: &Stop,
    mut turn: Turn<'_>,
) -> (Result<Decoded, TranscodeFailure>, Vec<Made>) {
    thread::scope(|scope| {
        let threads: Vec<_> = lines
            .iter()
            .zip(feeds)
            .map(|(line, feed)| {
                scope.spawn(move || {
                    let _guard = Guard {
                        stop,
                        feed: Some(feed),
                    };
                    let weight = line.slices.max(1) as usize;
                    let mut turn = Turn::new(&control.threads, stop, weight);
                    rendition::run(shared, line, feed, &mut turn)
                        .inspect_err(|failure| stop.fail(failure.clone()))
                })
            })
            .collect();
        let _guard = Guard { stop, feed: None };
        let decoded = source
            .run(&mut turn)
            .inspect_err(|failure| stop.fail(failure.clone()));
        turn.rest();
        let made = threads.into_iter().map(thread::ScopedJoinHandle::join);
        (decoded, made.collect())
    })
}

/// The clock of a job without video.
const DEFAULT_TICK: (NonZeroU32, NonZeroU32) =
    (NonZeroU32::MIN, NonZeroU32::new(90_000).expect("not zero"));

/// Ends the job when a thread of it ends by a panic, and frees whoever waits for its feed.
struct Guard<'a> {
    stop: &'a Stop,
    feed: Option<&'a Feed>,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.stop.fail(TranscodeFailure::Unrecoverable);
        }
        if let Some(feed) = self.feed {
            feed.abandon();
        }
    }
}

/// The video stream, where there is one to decode.
fn usable(
    video: Option<StreamInfo>,
    has_sound: bool,
    container: Container,
    settings: &Settings,
) -> Result<StreamInfo, TranscodeFailure> {
    match video {
        Some(info) if !info.is_known => Err(TranscodeFailure::UnsupportedCodec),
        Some(info) if info.width > 0 && info.height > 0 && info.has_format => {
            source::check_size((info.width, info.height), settings)?;
            Ok(info)
        }
        // A handful of packets that open no stream.
        _ if !has_sound && container == Container::MpegTs => Err(TranscodeFailure::InvalidArgument),
        _ => Err(TranscodeFailure::InvalidVideo),
    }
}

/// Sound whose shape the segment does not tell cannot be written to a container. Sound that one of
/// the containers cannot hold is encoded for all of them, or left out where it cannot be decoded.
fn open_sound(
    input: &Input<'_>,
    info: StreamInfo,
    mode: AudioMode,
    orders: &[Order],
) -> Result<Option<(Sound, SoundShape)>, TranscodeFailure> {
    if info.sample_rate <= 0 || info.channels <= 0 {
        return Ok(None);
    }
    match mode {
        AudioMode::Copy if orders.iter().all(|order| info.fits(order.container)) => {
            Sound::copied(input, info).map(Some)
        }
        AudioMode::Copy => Ok(Sound::encoded(input, info).ok()),
        AudioMode::Aac => Sound::encoded(input, info).map(Some),
        AudioMode::Drop => Ok(None),
    }
}

fn lines<'a>(
    orders: &'a [Order],
    settings: &Settings,
    duration: Duration,
    bytes: usize,
    sliced: impl Fn(&[Order]) -> Option<usize>,
) -> Vec<Line<'a>> {
    let sliced = sliced(orders);
    orders
        .iter()
        .enumerate()
        .map(|(place, order)| Line {
            place,
            order,
            output_bound: settings.output_bound(order.bitrate, duration, bytes),
            slices: if sliced == Some(place) { 2 } else { 1 },
        })
        .collect()
}

/// The rendition to encode in two slices side by side: the largest, when on one thread it would
/// take longer than all work spread over the threads there are.
fn sliced(orders: &[Order], source_pixels: u64, threads: usize) -> Option<usize> {
    let weight = |order: &Order| u64::from(order.asked.0) * u64::from(order.asked.1);
    let (place, largest) = orders
        .iter()
        .map(weight)
        .enumerate()
        .max_by_key(|(_, weight)| *weight)?;
    // Decoding costs about a quarter of encoding the same pixels.
    let total = orders.iter().map(weight).sum::<u64>() + source_pixels / 4;
    let threads = u64::try_from(threads).unwrap_or(u64::MAX);
    (largest.saturating_mul(threads) > total && threads > 1).then_some(place)
}
