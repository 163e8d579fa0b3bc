//! A transcoder that does not transcode. It checks its input, waits as long as a real one might,
//! and answers with black pictures of the right size, number and times, marked with what they
//! stand for. Load tests use it: everything but the picture is as it would be.
//!
//! Renditions are MPEG-TS only. Sound is passed on. Stuffing packets, which players skip, bring a
//! rendition to its profile's bit rate; the mark stands in the last of them, [`Tag::read`] finds
//! and checks it.

mod tag;

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{BufMut, Bytes, BytesMut};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use streamflow_media::inspect::{MediaInfo, VideoInfo, inspect};
use streamflow_media::mpegts::{NULL_PID, PACKET_BYTES, SYNC_BYTE, Ticks, stream_type};
use streamflow_media::plan::frame_rate::{FrameRatePlan, TimeBase};
use streamflow_media::plan::geometry::{Bounds, Size, scaled};
use streamflow_types::{
    CapabilitySet, Codec, Container, Pixels, Profile, Rendition, SessionId, TranscodeFailure,
};
use tokio::time::{Instant, timeout_at};

use crate::capabilities::default_capabilities;
use crate::card::{Card, Scene};
use crate::gate;
use crate::take::{self, Sound};
use crate::transcoder::{Job, Outcome, Transcoder};

pub use tag::{Tag, TagError};

/// How long a null transcoder takes: log-normal, as measured of real ones.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// Half of the jobs take longer.
    pub median: Duration,
    /// Spread: the logarithm's standard deviation. 0 for always the median.
    pub sigma: f64,
}

/// No rendition is stuffed beyond this.
const MAX_STUFFED: usize = 16 << 20;

/// A transcoder that does not transcode.
#[derive(Debug)]
pub struct Null {
    latency: Latency,
    capacity: u32,
    chance: Mutex<StdRng>,
}

impl Null {
    /// With this latency, drawn from this seed, for this many sessions.
    pub fn new(latency: Latency, seed: u64, capacity: u32) -> Self {
        Self {
            latency,
            capacity,
            chance: Mutex::new(StdRng::seed_from_u64(seed)),
        }
    }

    fn draw(&self) -> Duration {
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        // Box and Muller's normal number; the logarithm needs a number above zero.
        let (one, two): (f64, f64) = (chance.random_range(1e-12..1.0), chance.random());
        let normal = (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * two).cos();
        let factor = (self.latency.sigma * normal).exp().clamp(0.0, 1e3);
        self.latency.median.mul_f64(factor)
    }
}

#[async_trait]
impl Transcoder for Null {
    async fn transcode(&self, job: Job) -> Result<Outcome, TranscodeFailure> {
        let started = Instant::now();
        gate::check_request(&job)?;
        let (deadline, latency) = (job.deadline, self.draw());
        let answering = tokio::task::spawn_blocking(move || answer(&job));
        // Only the end of the runtime stops it.
        let mut outcome = answering.await.map_err(|_| TranscodeFailure::Stopped)??;
        let waited = timeout_at(deadline, tokio::time::sleep_until(started + latency)).await;
        waited.map_err(|_| TranscodeFailure::Stopped)?;
        outcome.took = started.elapsed();
        Ok(outcome)
    }

    async fn end_session(&self, _: &SessionId) {}

    fn capabilities(&self) -> CapabilitySet {
        default_capabilities()
    }

    fn capacity(&self) -> Option<u32> {
        Some(self.capacity)
    }
}

fn answer(job: &Job) -> Result<Outcome, TranscodeFailure> {
    let info = inspect(&job.source).map_err(|_| TranscodeFailure::InvalidInput)?;
    let video = info.video.as_ref().filter(|video| video.has_picture());
    let video = video.ok_or(TranscodeFailure::InvalidVideo)?;
    let sound = Sound::of(&job.source);
    let renditions = job
        .work
        .profiles
        .iter()
        .map(|profile| rendition(job, &info, video, &sound, profile))
        .collect::<Result<_, _>>()?;
    Ok(Outcome {
        decoded_frames: video.frame_count(),
        decoded_pixels: pixels(Size::new(video.width, video.height), video.frame_count())?,
        renditions,
        took: Duration::ZERO,
    })
}

fn rendition(
    job: &Job,
    info: &MediaInfo,
    video: &VideoInfo,
    sound: &Sound,
    profile: &Profile,
) -> Result<Rendition, TranscodeFailure> {
    if profile.codec != Codec::H264 {
        return Err(TranscodeFailure::EncoderNotFound);
    }
    if profile.container.unwrap_or(info.container) != Container::MpegTs {
        return Err(TranscodeFailure::MuxerNotFound);
    }
    let asked = Size::new(profile.width, profile.height);
    let source = Size::new(video.width, video.height);
    let size = scaled(source, asked, Bounds::of(Codec::H264))
        .map_err(|_| TranscodeFailure::InvalidResolution)?;
    let times = times(video, profile)?;
    let body = stuffed(black(size, &times, sound)?, bytes_of(profile, job.duration));
    let tag = Tag::new(job, profile, &body);
    Ok(Rendition {
        bytes: tag.append_to(body),
        pixels: pixels(size, times.len() as u64)?,
        signature: None,
    })
}

/// Black pictures at these times, with this sound.
pub(crate) fn black(size: Size, times: &[Ticks], sound: &Sound) -> Result<Bytes, TranscodeFailure> {
    let card = Card::new(size.width, size.height, Scene::Black)
        .map_err(|_| TranscodeFailure::InvalidResolution)?;
    let pictures: Vec<_> = times
        .iter()
        .enumerate()
        .map(|(index, time)| {
            // Every 65,536th picture is a key picture again.
            let number = index as u16;
            take::picture(*time, number == 0, card.access_unit(number).into())
        })
        .collect();
    Ok(take::write(stream_type::H264, &pictures, sound))
}

/// What a rendition of that length has at its profile's bit rate.
fn bytes_of(profile: &Profile, length: Duration) -> usize {
    let bits = u128::from(profile.bitrate) * length.as_millis() / 1_000;
    usize::try_from(bits / 8)
        .unwrap_or(usize::MAX)
        .min(MAX_STUFFED)
}

/// The packets with stuffing behind them, up to that many bytes in all.
fn stuffed(body: Bytes, bytes: usize) -> Bytes {
    let missing = bytes.saturating_sub(body.len()) / PACKET_BYTES;
    let mut out = BytesMut::with_capacity(body.len() + missing * PACKET_BYTES);
    out.put(body);
    let [high, low] = NULL_PID.to_be_bytes();
    for _ in 0..missing {
        out.put_slice(&[SYNC_BYTE, high, low, 0x10]);
        out.put_bytes(0xff, PACKET_BYTES - 4);
    }
    out.freeze()
}

/// When the pictures of a rendition show: as in the source, or on the grid of the profile's rate.
fn times(video: &VideoInfo, profile: &Profile) -> Result<Vec<Ticks>, TranscodeFailure> {
    let mut source = video.sorted_pts();
    source.dedup();
    let first = *source.first().ok_or(TranscodeFailure::InvalidVideo)?;
    let Some((num, den)) = profile.fps.ratio() else {
        return Ok(source);
    };
    let ticks = TimeBase {
        num: NonZeroU32::MIN,
        den: NonZeroU32::new(90_000).expect("90,000 is not zero"),
    };
    let mut plan = FrameRatePlan::new(num, den, ticks);
    let runaway = |_| TranscodeFailure::Runaway;
    for time in &source {
        plan.push(time.0).map_err(runaway)?;
    }
    let last = video.last_duration.map(|duration| duration.0);
    plan.finish(last).map_err(runaway)?;
    (0..plan.emitted())
        .map(|n| plan.time_of(first.0, n).map(Ticks))
        .collect::<Option<_>>()
        .ok_or(TranscodeFailure::InvalidInput)
}

fn pixels(size: Size, frames: u64) -> Result<Pixels, TranscodeFailure> {
    Pixels::of_frames(size.width, size.height, frames).ok_or(TranscodeFailure::InvalidInput)
}

#[cfg(test)]
mod tests {
    use streamflow_types::{FrameRate, ManifestId, SegmentNumber, Work};

    use super::*;

    const CLIP: &[u8] = include_bytes!("../../../../tests/media/bunny-720p30.ts");

    fn null() -> Null {
        let latency = Latency {
            median: Duration::from_millis(350),
            sigma: 0.5,
        };
        Null::new(latency, 7, 100)
    }

    fn job(number: u64) -> Job {
        Job {
            session: SessionId::from_random([0; 4]),
            manifest: ManifestId::new("bunny").unwrap(),
            number: SegmentNumber(number),
            duration: Duration::from_secs(4),
            source: Bytes::from_static(CLIP),
            work: Work::new(vec![
                Profile::new("half", 640, 360, 1_000_000, FrameRate::SOURCE),
                Profile::new("slow", 426, 240, 500_000, FrameRate::whole(15)),
            ]),
            deadline: Instant::now() + Duration::from_secs(60),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_it_answers_looks_in_every_way_like_what_was_asked() {
        let outcome = null().transcode(job(3)).await.unwrap();
        assert_eq!(outcome.decoded_frames, 120);
        assert_eq!(outcome.decoded_pixels, Pixels(1280 * 720 * 120));
        let source = inspect(CLIP).unwrap();
        let first = source.video.as_ref().unwrap().min_pts();
        for (rendition, (width, height, frames)) in outcome
            .renditions
            .iter()
            .zip([(640, 360, 120), (426, 240, 60)])
        {
            let info = inspect(&rendition.bytes).unwrap();
            let video = info.video.as_ref().unwrap();
            assert_eq!((video.width, video.height), (width, height));
            assert_eq!(video.frame_count(), frames);
            assert_eq!(video.min_pts(), first);
            assert!(video.starts_with_key());
            assert_eq!(info.audio.as_ref().unwrap().sample_rate, 48_000);
            assert_eq!(info.transport.unwrap().continuity_errors, 0);
            let bitrate = if width == 640 { 1_000_000 } else { 500_000 };
            let (bytes, wanted) = (rendition.bytes.len(), bitrate / 8 * 4);
            assert!((wanted - 200..wanted + 1_000).contains(&bytes), "{bytes}");
            assert_eq!(rendition.pixels, Pixels(u64::from(width * height) * frames));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_mark_says_which_segment_a_rendition_stands_for() {
        let outcome = null().transcode(job(3)).await.unwrap();
        let bytes = &outcome.renditions[1].bytes;
        let tag = Tag::read(bytes).unwrap();
        assert_eq!(
            (tag.manifest.as_str(), tag.number, tag.rendition.as_str()),
            ("bunny", 3, "slow")
        );
        let again = null().transcode(job(3)).await.unwrap();
        assert_eq!(&again.renditions[1].bytes, bytes, "byte for byte");
        let mut changed = bytes.to_vec();
        changed[1000] ^= 1;
        assert_eq!(Tag::read(&changed), Err(TagError::Changed));
        assert_eq!(Tag::read(CLIP), Err(TagError::Missing));
        assert_eq!(Tag::read(b""), Err(TagError::Missing));
    }

    #[tokio::test(start_paused = true)]
    async fn it_takes_as_long_as_its_seed_says() {
        let times = async |seed| {
            let null = Null {
                chance: Mutex::new(StdRng::seed_from_u64(seed)),
                ..null()
            };
            let mut times = Vec::new();
            for number in 0..9 {
                times.push(null.transcode(job(number)).await.unwrap().took);
            }
            times
        };
        let (one, same, other) = (times(1).await, times(1).await, times(2).await);
        assert_eq!(one, same);
        assert_ne!(one, other);
        let mut sorted = one;
        sorted.sort();
        assert!((100..1_000).contains(&sorted[4].as_millis()), "{sorted:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn bad_input_is_refused_as_a_real_one_would() {
        let mut noise = job(0);
        noise.source = Bytes::from_static(&[7; 4000]);
        assert_eq!(
            null().transcode(noise).await.unwrap_err(),
            TranscodeFailure::InvalidInput
        );
        let mut hevc = job(0);
        hevc.work.profiles[0].codec = Codec::H265;
        assert_eq!(
            null().transcode(hevc).await.unwrap_err(),
            TranscodeFailure::EncoderNotFound
        );
        let mut late = job(0);
        late.deadline = Instant::now() + Duration::from_millis(1);
        assert_eq!(
            null().transcode(late).await.unwrap_err(),
            TranscodeFailure::Stopped
        );
    }
}
