//! A transcoder that misbehaves in one chosen way, for devnets and tests. It works on the real
//! renditions of the transcoder inside it, so everything but its one fault is as it should be.
//!
//! Each fault has one place here that says exactly what is done. A rendition that a fault cannot
//! be applied to (one that is no MPEG-TS, say) is passed on honestly rather than damaged in
//! another way.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use streamflow_media::inspect::inspect;
use streamflow_media::plan::geometry::Size;
use streamflow_types::{
    CapabilitySet, ManifestId, Pixels, Rendition, SegmentNumber, SessionId, TranscodeFailure,
};

use crate::null::black;
use crate::take::{self, Sound};
use crate::transcoder::{Job, Outcome, Transcoder};

/// How long a slow one takes on top when nothing is said.
const DEFAULT_DELAY: Duration = Duration::from_secs(3);

/// What a liar multiplies its pixels with.
const LIE: u64 = 2;

/// One way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Vanishes at work: the crash action runs, and the job is answered as stopped if that returns.
    Crash,
    /// Takes the job and never answers.
    Hang,
    /// Renditions of the right length, full of random bytes.
    Garbage,
    /// The second half of each rendition is missing.
    Truncate,
    /// Pictures half as wide and high as asked for.
    WrongResolution,
    /// Black pictures of the right size, number and times, with the right sound.
    Black,
    /// The first picture of each rendition again and again, at the right times.
    Frozen,
    /// The renditions of the segment it did before, of whatever stream; its first is honest.
    Swap,
    /// Right, but this much later.
    Slow(Duration),
    /// Right, but claims twice the pixels it encoded.
    LieAboutPixels,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Crash,
        Self::Hang,
        Self::Garbage,
        Self::Truncate,
        Self::WrongResolution,
        Self::Black,
        Self::Frozen,
        Self::Swap,
        Self::Slow(DEFAULT_DELAY),
        Self::LieAboutPixels,
    ];

    /// Its name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Hang => "hang",
            Self::Garbage => "garbage",
            Self::Truncate => "truncate",
            Self::WrongResolution => "wrong-resolution",
            Self::Black => "black",
            Self::Frozen => "frozen",
            Self::Swap => "swap",
            Self::Slow(_) => "slow",
            Self::LieAboutPixels => "lie-about-pixels",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slow(delay) => write!(f, "slow:{}", delay.as_millis()),
            other => f.write_str(other.name()),
        }
    }
}

/// No fault has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no fault is called {0:?}; there are crash, hang, garbage, truncate, wrong-resolution, black, frozen, swap, slow[:MILLISECONDS] and lie-about-pixels"
)]
pub struct ParseFaultError(pub String);

impl FromStr for Fault {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, ParseFaultError> {
        let refuse = || ParseFaultError(text.to_owned());
        if let Some(millis) = text.strip_prefix("slow:") {
            let millis = millis.parse().map_err(|_| refuse())?;
            return Ok(Self::Slow(Duration::from_millis(millis)));
        }
        let mut all = Self::ALL.into_iter();
        all.find(|fault| fault.name() == text).ok_or_else(refuse)
    }
}

/// What a crash does to the process; nothing by default.
type CrashAction = Arc<dyn Fn() + Send + Sync>;

/// A transcoder that misbehaves.
pub struct Faulty {
    inner: Arc<dyn Transcoder>,
    fault: Fault,
    every: NonZeroU32,
    jobs: AtomicU64,
    chance: Mutex<StdRng>,
    /// The last honest result, for a swap.
    last: Mutex<Option<(ManifestId, SegmentNumber, Vec<Rendition>)>>,
    crash: CrashAction,
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty")
            .field("fault", &self.fault)
            .field("every", &self.every)
            .finish_non_exhaustive()
    }
}

impl Faulty {
    /// Misbehaves on every job.
    pub fn new(inner: Arc<dyn Transcoder>, fault: Fault) -> Self {
        Self {
            inner,
            fault,
            every: NonZeroU32::MIN,
            jobs: AtomicU64::new(0),
            chance: Mutex::new(StdRng::seed_from_u64(0)),
            last: Mutex::new(None),
            crash: Arc::new(|| {}),
        }
    }

    /// Misbehaves on every n-th job only, the n-th first.
    #[must_use]
    pub fn every(mut self, every: NonZeroU32) -> Self {
        self.every = every;
        self
    }

    /// What a crash does: a program ends itself here.
    #[must_use]
    pub fn on_crash(mut self, crash: impl Fn() + Send + Sync + 'static) -> Self {
        self.crash = Arc::new(crash);
        self
    }

    fn misbehaves_now(&self) -> bool {
        let number = self.jobs.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        number.is_multiple_of(u64::from(self.every.get()))
    }

    async fn misbehave(&self, mut job: Job) -> Result<Outcome, TranscodeFailure> {
        match self.fault {
            Fault::Crash => {
                (self.crash)();
                return Err(TranscodeFailure::Stopped);
            }
            Fault::Hang => return std::future::pending().await,
            Fault::WrongResolution => {
                for profile in &mut job.work.profiles {
                    profile.width = (profile.width / 4 * 2).max(2);
                    profile.height = (profile.height / 4 * 2).max(2);
                }
            }
            _ => {}
        }
        let (manifest, number) = (job.manifest.clone(), job.number);
        let mut outcome = self.inner.transcode(job).await?;
        match self.fault {
            Fault::Garbage => outcome.each(|bytes| self.garbage(bytes.len())),
            Fault::Truncate => outcome.each(|bytes| bytes.slice(..bytes.len() / 2)),
            Fault::Black => outcome.each(|bytes| blackened(bytes).unwrap_or_else(|| bytes.clone())),
            Fault::Frozen => outcome.each(|bytes| frozen(bytes).unwrap_or_else(|| bytes.clone())),
            Fault::Swap => self.swap(manifest, number, &mut outcome),
            Fault::Slow(delay) => tokio::time::sleep(delay).await,
            Fault::LieAboutPixels => {
                for rendition in &mut outcome.renditions {
                    rendition.pixels = Pixels(rendition.pixels.0.saturating_mul(LIE));
                }
            }
            // Done before the work.
            Fault::Crash | Fault::Hang | Fault::WrongResolution => {}
        }
        Ok(outcome)
    }

    fn garbage(&self, length: usize) -> Bytes {
        let mut bytes = vec![0; length];
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        chance.fill_bytes(&mut bytes);
        bytes.into()
    }

    fn swap(&self, manifest: ManifestId, number: SegmentNumber, outcome: &mut Outcome) {
        let honest = outcome.renditions.clone();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((other, place, renditions)) = last.take()
            && (other != manifest || place != number)
            && renditions.len() == honest.len()
        {
            outcome.renditions = renditions;
        }
        *last = Some((manifest, number, honest));
    }
}

impl Outcome {
    fn each(&mut self, change: impl Fn(&Bytes) -> Bytes) {
        for rendition in &mut self.renditions {
            rendition.bytes = change(&rendition.bytes);
        }
    }
}

#[async_trait]
impl Transcoder for Faulty {
    async fn transcode(&self, job: Job) -> Result<Outcome, TranscodeFailure> {
        if self.misbehaves_now() {
            self.misbehave(job).await
        } else {
            self.inner.transcode(job).await
        }
    }

    async fn end_session(&self, session: &SessionId) {
        self.inner.end_session(session).await;
    }

    fn capabilities(&self) -> CapabilitySet {
        self.inner.capabilities()
    }

    fn capacity(&self) -> Option<u32> {
        self.inner.capacity()
    }
}

/// Black pictures where the rendition has its own.
fn blackened(rendition: &Bytes) -> Option<Bytes> {
    let video = inspect(rendition).ok()?.video?;
    let size = Size::new(video.width, video.height);
    black(size, &video.sorted_pts(), &Sound::of(rendition)).ok()
}

/// The first picture where the rendition has others.
fn frozen(rendition: &Bytes) -> Option<Bytes> {
    let (stream_type, units) = take::pictures(rendition)?;
    let first = units.first()?.data.clone();
    let mut times: Vec<_> = units.iter().map(|unit| unit.pts).collect();
    times.sort_unstable();
    let pictures: Vec<_> = times
        .into_iter()
        .map(|time| take::picture(time, true, first.clone()))
        .collect();
    Some(take::write(stream_type, &pictures, &Sound::of(rendition)))
}

#[cfg(test)]
mod tests {
    use streamflow_types::{FrameRate, Profile, Work};
    use tokio::time::Instant;

    use super::*;
    use crate::null::{Latency, Null};

    const CLIP: &[u8] = include_bytes!("../../../../tests/media/bunny-720p30.ts");

    fn job(manifest: &str, number: u64) -> Job {
        Job {
            session: SessionId::from_random([0; 4]),
            manifest: ManifestId::new(manifest).unwrap(),
            number: SegmentNumber(number),
            duration: Duration::from_secs(4),
            source: Bytes::from_static(CLIP),
            work: Work::new(vec![Profile::new(
                "p",
                640,
                360,
                1_000_000,
                FrameRate::SOURCE,
            )]),
            deadline: Instant::now() + Duration::from_secs(60),
        }
    }

    /// A transcoder inside that gives the source back as its rendition.
    struct Mirror;

    #[async_trait]
    impl Transcoder for Mirror {
        async fn transcode(&self, job: Job) -> Result<Outcome, TranscodeFailure> {
            Ok(Outcome {
                decoded_frames: 120,
                decoded_pixels: Pixels(120),
                renditions: vec![Rendition {
                    bytes: job.source,
                    pixels: Pixels(120),
                    signature: None,
                }],
                took: Duration::ZERO,
            })
        }
        async fn end_session(&self, _: &SessionId) {}
        fn capabilities(&self) -> CapabilitySet {
            CapabilitySet::new()
        }
        fn capacity(&self) -> Option<u32> {
            Some(1)
        }
    }

    async fn with(fault: Fault) -> Rendition {
        let faulty = Faulty::new(Arc::new(Mirror), fault);
        faulty
            .transcode(job("a", 0))
            .await
            .unwrap()
            .renditions
            .remove(0)
    }

    fn null() -> Arc<dyn Transcoder> {
        let latency = Latency {
            median: Duration::from_millis(10),
            sigma: 0.0,
        };
        Arc::new(Null::new(latency, 1, 1))
    }

    #[tokio::test]
    async fn garbage_and_half_files_are_no_video() {
        let garbage = with(Fault::Garbage).await.bytes;
        assert_eq!(garbage.len(), CLIP.len());
        assert!(inspect(&garbage).is_err());
        let half = with(Fault::Truncate).await.bytes;
        assert_eq!(half, CLIP[..CLIP.len() / 2]);
    }

    #[tokio::test]
    async fn black_and_frozen_video_is_right_but_for_the_picture() {
        let source = inspect(CLIP).unwrap();
        for fault in [Fault::Black, Fault::Frozen] {
            let bytes = with(fault).await.bytes;
            let info = inspect(&bytes).unwrap();
            let (ours, theirs) = (info.video.as_ref().unwrap(), source.video.as_ref().unwrap());
            assert_eq!((ours.width, ours.height), (theirs.width, theirs.height));
            assert_eq!(ours.sorted_pts(), theirs.sorted_pts(), "{fault}");
            assert_eq!(
                info.audio.as_ref().unwrap().frames,
                source.audio.as_ref().unwrap().frames
            );
            assert_eq!(info.transport.unwrap().continuity_errors, 0);
        }
        let frozen = take::pictures(&with(Fault::Frozen).await.bytes).unwrap().1;
        assert!(frozen.windows(2).all(|pair| pair[0].data == pair[1].data));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_resolution_is_half_of_what_was_asked() {
        let faulty = Faulty::new(null(), Fault::WrongResolution);
        let outcome = faulty.transcode(job("a", 0)).await.unwrap();
        let video = inspect(&outcome.renditions[0].bytes)
            .unwrap()
            .video
            .unwrap();
        assert_eq!((video.width, video.height), (320, 180));
    }

    #[tokio::test(start_paused = true)]
    async fn a_swap_answers_with_the_segment_before() {
        let faulty = Faulty::new(null(), Fault::Swap);
        let honest = faulty.transcode(job("a", 0)).await.unwrap();
        let swapped = faulty.transcode(job("b", 5)).await.unwrap();
        assert_eq!(honest.renditions, swapped.renditions);
        let repeated = faulty.transcode(job("b", 5)).await.unwrap();
        assert_ne!(repeated.renditions, swapped.renditions);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_hanging_crashing_and_lying_ones_do_just_that() {
        let started = Instant::now();
        with(Fault::Slow(Duration::from_secs(2))).await;
        assert!(started.elapsed() >= Duration::from_secs(2));
        assert_eq!(with(Fault::LieAboutPixels).await.pixels, Pixels(240));
        let hanging = Faulty::new(Arc::new(Mirror), Fault::Hang);
        let forever =
            tokio::time::timeout(Duration::from_secs(600), hanging.transcode(job("a", 0)));
        assert!(forever.await.is_err());
        let crashed = Arc::new(AtomicU64::new(0));
        let seen = crashed.clone();
        let crashing = Faulty::new(Arc::new(Mirror), Fault::Crash)
            .every(NonZeroU32::new(2).unwrap())
            .on_crash(move || {
                seen.fetch_add(1, Ordering::SeqCst);
            });
        assert!(crashing.transcode(job("a", 0)).await.is_ok());
        assert_eq!(
            crashing.transcode(job("a", 1)).await.unwrap_err(),
            TranscodeFailure::Stopped
        );
        assert_eq!(crashed.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn faults_are_found_by_name() {
        for fault in Fault::ALL {
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
        assert_eq!("slow".parse(), Ok(Fault::Slow(DEFAULT_DELAY)));
        assert!("rude".parse::<Fault>().is_err());
    }
}
