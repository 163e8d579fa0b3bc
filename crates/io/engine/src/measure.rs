//! How many streams this machine carries: a short clip is transcoded on all cores at once, and
//! the streams are counted that leave a fifth of the machine free.
//!
//! The clip is drawn here and costs an encoder about as much as film does. The result is kept in
//! a file, so a node measures once for each machine, version and ladder.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use streamflow_media::mpegts::Ticks;
use streamflow_types::{ManifestId, Profile, SegmentNumber, SessionId, TranscodeFailure, Work};
use tokio::time::{Instant, timeout_at};

use crate::card::{Card, Scene};
use crate::transcoder::{Job, Transcoder};

/// The clip: a second of 720p.
const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;
const PICTURES: u16 = 30;
const CLIP: Duration = Duration::from_secs(1);

/// How long measuring takes at most.
const LIMIT: Duration = Duration::from_secs(3);

/// Share of real time a stream may take, so that a burst does not make it late.
const BUSY_SHARE: f64 = 0.8;

/// Most streams ever claimed; a larger number is a mistake in measuring.
const MOST_STREAMS: f64 = 10_000.0;

/// Longest cache file read.
const MAX_CACHE_BYTES: u64 = 64 << 10;

/// What a machine can carry.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Streams at a real-time ratio of 0.8 or less; at least one.
    pub streams: u32,
    /// Work done ÷ time: seconds of video transcoded in a second, all cores together.
    pub speed: f64,
}

impl Measurement {
    /// Whether not even one stream is carried in real time.
    pub fn is_too_slow(&self) -> bool {
        self.speed * BUSY_SHARE < 1.0
    }
}

/// Why a machine could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// The transcoder fails on the clip: it would fail on live video too.
    #[error("the measuring clip could not be transcoded: {0}")]
    Failed(#[from] TranscodeFailure),
}

#[derive(Serialize, Deserialize)]
struct Cached {
    key: String,
    measurement: Measurement,
}

/// Measures with this ladder, `parallel` segments at once.
pub async fn measure(
    transcoder: &dyn Transcoder,
    ladder: &[Profile],
    parallel: NonZeroU32,
) -> Result<Measurement, MeasureError> {
    let clip = Card::new(WIDTH, HEIGHT, Scene::Texture)
        .expect("720p is a size a card can have")
        .segment(
            Ticks(Ticks::PER_SECOND),
            (NonZeroU32::MIN.saturating_add(29), NonZeroU32::MIN),
            PICTURES,
        );
    let started = Instant::now();
    let deadline = started + LIMIT;
    let job = |number: u32| Job {
        session: SessionId::from_random(number.to_be_bytes()),
        manifest: ManifestId::new("measure").expect("a short word is a stream name"),
        number: SegmentNumber(u64::from(number)),
        duration: CLIP,
        source: clip.clone(),
        work: Work::new(ladder.to_vec()),
        deadline,
    };
    let mut running: FuturesUnordered<_> = (0..parallel.get())
        .map(|number| transcoder.transcode(job(number)))
        .collect();
    let mut done = 0u32;
    while let Ok(Some(result)) = timeout_at(deadline, running.next()).await {
        match result {
            Ok(_) => done = done.saturating_add(1),
            // The deadline, met inside.
            Err(TranscodeFailure::Stopped | TranscodeFailure::Busy) => {}
            Err(failure) => return Err(failure.into()),
        }
    }
    let seconds = started.elapsed().as_secs_f64().max(1e-3);
    let speed = f64::from(done) * CLIP.as_secs_f64() / seconds;
    let streams = (speed * BUSY_SHARE).floor().clamp(1.0, MOST_STREAMS) as u32;
    Ok(Measurement { streams, speed })
}

/// What `measure` gave for this key before, or what it gives now, kept in `file` for next time.
/// A file that cannot be read or written only costs the time of measuring.
pub async fn measure_once(
    file: &Path,
    key: &str,
    transcoder: &dyn Transcoder,
    ladder: &[Profile],
    parallel: NonZeroU32,
) -> Result<Measurement, MeasureError> {
    if let Some(known) = read(file).await.filter(|cached| cached.key == key) {
        return Ok(known.measurement);
    }
    let measurement = measure(transcoder, ladder, parallel).await?;
    let cached = Cached {
        key: key.to_owned(),
        measurement,
    };
    if let Err(error) = write(file, &cached).await {
        tracing::warn!(file = %file.display(), %error, "the measured capacity is not kept");
    }
    Ok(measurement)
}

/// Names this machine for [`measure_once`]: processor and cores.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let model = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    format!("{model} x{cores}")
}

async fn read(file: &Path) -> Option<Cached> {
    let size = tokio::fs::metadata(file).await.ok()?.len();
    if size > MAX_CACHE_BYTES {
        return None;
    }
    let bytes = tokio::fs::read(file).await.ok()?;
    serde_json::from_slice(&bytes).ok()
}

async fn write(file: &Path, cached: &Cached) -> std::io::Result<()> {
    let bytes = serde_json::to_vec(cached)?;
    let beside = file.with_extension("new");
    tokio::fs::write(&beside, bytes).await?;
    tokio::fs::rename(&beside, file).await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use streamflow_types::{CapabilitySet, Pixels};

    use super::*;
    use crate::transcoder::Outcome;

    /// Takes a fixed time for each job.
    struct Paced(Duration, AtomicU32);

    #[async_trait]
    impl Transcoder for Paced {
        async fn transcode(&self, job: Job) -> Result<Outcome, TranscodeFailure> {
            self.1.fetch_add(1, Ordering::SeqCst);
            assert!(job.source.len() > 100_000);
            tokio::time::sleep(self.0).await;
            Ok(Outcome {
                decoded_frames: 30,
                decoded_pixels: Pixels(1),
                renditions: Vec::new(),
                took: self.0,
            })
        }
        async fn end_session(&self, _: &SessionId) {}
        fn capabilities(&self) -> CapabilitySet {
            CapabilitySet::new()
        }
        fn capacity(&self) -> Option<u32> {
            None
        }
    }

    fn parallel(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn streams_are_those_that_leave_a_fifth_free() {
        let paced = |millis| Paced(Duration::from_millis(millis), AtomicU32::new(0));
        let fast = measure(&paced(500), &[], parallel(4)).await.unwrap();
        assert_eq!(
            fast.streams, 6,
            "4 seconds in half a second, four fifths of it used"
        );
        let slow = measure(&paced(2_000), &[], parallel(1)).await.unwrap();
        assert_eq!((slow.streams, slow.is_too_slow()), (1, true));
        let started = Instant::now();
        let never = measure(&paced(60_000), &[], parallel(1)).await.unwrap();
        assert_eq!((never.streams, never.speed), (1, 0.0));
        assert!(started.elapsed() <= LIMIT + Duration::from_millis(10));
    }

    #[tokio::test]
    async fn a_machine_is_measured_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("capacity.json");
        let paced = Paced(Duration::from_millis(5), AtomicU32::new(0));
        let runs = || paced.1.load(Ordering::SeqCst);
        let first = measure_once(&file, "a", &paced, &[], parallel(1))
            .await
            .unwrap();
        let again = measure_once(&file, "a", &paced, &[], parallel(1))
            .await
            .unwrap();
        assert_eq!((first, runs()), (again, 1));
        measure_once(&file, "b", &paced, &[], parallel(1))
            .await
            .unwrap();
        assert_eq!(runs(), 2);
        std::fs::write(&file, b"{").unwrap();
        measure_once(&file, "b", &paced, &[], parallel(1))
            .await
            .unwrap();
        assert_eq!(runs(), 3);
        assert!(!machine().is_empty());
    }
}
