//! Real segments through real workers: results, deaths, deadlines, and what is left behind.

#![allow(clippy::unwrap_used, reason = "test helpers beside the tests")]

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use streamflow_engine::card::{Card, Scene};
use streamflow_engine::protocol::Layer;
use streamflow_engine::{Job, Pool, PoolConfig, Transcoder};
use streamflow_media::mpegts::Ticks;
use streamflow_runtime::Metrics;
use streamflow_types::{
    FrameRate, ManifestId, Pixels, Profile, SegmentNumber, SessionId, TranscodeFailure, Work,
};
use tokio::time::Instant;

/// Layers that a test machine may lack; the sandbox itself is tested elsewhere.
const EXCUSED: [Layer; 4] = [
    Layer::UserNamespace,
    Layer::NetworkNamespace,
    Layer::IpcNamespace,
    Layer::Landlock,
];

fn config(cores: u32) -> PoolConfig {
    let program = env!("CARGO_BIN_EXE_streamflow-worker").into();
    let mut config = PoolConfig::new(program, Metrics::new());
    config.cores = NonZeroU32::new(cores).unwrap();
    config.preset = "ultrafast".to_owned();
    config.allow_missing_layers = BTreeSet::from(EXCUSED);
    config
}

fn clip(width: u32, height: u32, pictures: u16) -> Bytes {
    let rate = (NonZeroU32::new(30).unwrap(), NonZeroU32::MIN);
    let card = Card::new(width, height, Scene::Texture).unwrap();
    card.segment(Ticks(Ticks::PER_SECOND), rate, pictures)
}

fn ladder() -> Vec<Profile> {
    vec![
        Profile::new("large", 320, 180, 400_000, FrameRate::SOURCE),
        Profile::new("small", 160, 90, 100_000, FrameRate::SOURCE),
    ]
}

fn job(source: &Bytes, number: u64) -> Job {
    Job {
        session: SessionId::from_random([1, 2, 3, 4]),
        manifest: ManifestId::new("test").unwrap(),
        number: SegmentNumber(number),
        duration: Duration::from_secs(2),
        source: source.clone(),
        work: Work::new(ladder()),
        deadline: Instant::now() + Duration::from_secs(60),
    }
}

/// Worker processes started by this test process, with the names of their programs.
fn workers() -> Vec<Pid> {
    let me = std::process::id().to_string();
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok())
        .filter_map(|stat| {
            let (head, rest) = stat.rsplit_once(')')?;
            let fields: Vec<_> = rest.split_ascii_whitespace().collect();
            let (pid, name) = head.split_once(" (")?;
            // A dead one stays until it is waited for.
            let ours = fields[1] == me && fields[0] != "Z" && name.starts_with("streamflow-work");
            ours.then(|| Pid::from_raw(pid.parse().unwrap()).unwrap())
        })
        .collect()
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

async fn until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The whole life of one pool in one test: tests of a program run side by side, and this one looks
/// at all processes of its own.
#[tokio::test(flavor = "multi_thread")]
async fn segments_survive_killed_and_stopped_workers_and_nothing_is_left_behind() {
    let pool = Arc::new(Pool::start(config(2)).await.unwrap());
    let source = clip(320, 180, 60);
    exact_counts(&pool, &source).await;
    killed_at_work(&pool, Signal::KILL).await;
    killed_at_work(&pool, Signal::STOP).await;
    many_segments(&pool, &source).await;
    drop(pool);
    until(|| workers().is_empty()).await;
}

async fn exact_counts(pool: &Pool, source: &Bytes) {
    let outcome = pool.transcode(job(source, 0)).await.unwrap();
    assert_eq!(outcome.decoded_frames, 60);
    assert_eq!(outcome.decoded_pixels, Pixels(320 * 180 * 60));
    let pixels: Vec<_> = outcome.renditions.iter().map(|r| r.pixels).collect();
    assert_eq!(pixels, [Pixels(320 * 180 * 60), Pixels(160 * 90 * 60)]);
    for rendition in &outcome.renditions {
        assert_eq!(rendition.bytes.len() % 188, 0);
        assert_eq!(rendition.bytes.first(), Some(&0x47));
    }
}

/// All workers get the signal while a segment is being worked on; the segment comes back.
async fn killed_at_work(pool: &Arc<Pool>, signal: Signal) {
    let long = clip(1280, 720, 90);
    let running = tokio::spawn({
        let pool = pool.clone();
        async move { pool.transcode(job(&long, 1)).await }
    });
    until(|| pool.status().running == 1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    for worker in workers() {
        kill_process(worker, signal).unwrap();
    }
    let outcome = running.await.unwrap().unwrap();
    assert_eq!(outcome.decoded_frames, 90);
}

async fn many_segments(pool: &Pool, source: &Bytes) {
    until(|| pool.status().idle == 3).await;
    let before = open_descriptors();
    let memory = resident();
    for number in 0..200 {
        let outcome = pool.transcode(job(source, number)).await.unwrap();
        assert_eq!(outcome.renditions.len(), 2);
    }
    until(|| pool.status().idle == 3).await;
    assert!(workers().len() <= 3);
    assert!(open_descriptors() <= before + 2, "{before} {}", open_descriptors());
    let growth = resident().saturating_sub(memory);
    assert!(growth < 48 << 20, "{growth} bytes more after 200 segments");
}

/// Resident memory of this process and its workers.
fn resident() -> u64 {
    let own = Pid::from_raw(std::process::id().cast_signed()).unwrap();
    workers()
        .into_iter()
        .chain([own])
        .filter_map(|pid| {
            let path = format!("/proc/{}/statm", pid.as_raw_nonzero());
            let text = std::fs::read_to_string(path).ok()?;
            let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
            Some(pages * 4096)
        })
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_and_a_dropped_job_stop_the_library() {
    let pool = Pool::start(config(1)).await.unwrap();
    let long = clip(1280, 720, 300);
    let mut late = job(&long, 0);
    late.work.profiles = vec![Profile::new("p", 1280, 720, 4_000_000, FrameRate::SOURCE)];
    late.deadline = Instant::now() + Duration::from_millis(300);
    let started = Instant::now();
    assert_eq!(pool.transcode(late).await.unwrap_err(), TranscodeFailure::Stopped);
    assert!(started.elapsed() < Duration::from_secs(2));
    let dropped = tokio::time::timeout(Duration::from_millis(200), pool.transcode(job(&long, 1)));
    assert!(dropped.await.is_err());
    until(|| pool.status().running == 0).await;
    let short = clip(320, 180, 30);
    assert!(pool.transcode(job(&short, 2)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_video_are_a_typed_failure() {
    let pool = Pool::start(config(1)).await.unwrap();
    let noise: Vec<u8> = (0..200_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    let mut broken = clip(320, 180, 30).to_vec();
    for (index, byte) in broken.iter_mut().enumerate() {
        if index % 97 == 13 {
            *byte ^= 0x5a;
        }
    }
    for source in [Bytes::from(noise), Bytes::from_static(b"G"), broken.into()] {
        // Whatever comes, it is an answer, and the next segment works.
        if let Err(failure) = pool.transcode(job(&source, 0)).await {
            assert_ne!(failure, TranscodeFailure::Stopped);
        }
        assert!(pool.transcode(job(&clip(160, 90, 10), 1)).await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_memory_costs_one_segment() {
    let mut config = config(1);
    config.worker_memory_bytes = 400 << 20;
    let pool = Pool::start(config).await.unwrap();
    let mut hungry = job(&clip(3840, 2160, 20), 0);
    hungry.work.profiles = vec![Profile::new("p", 3840, 2160, 8_000_000, FrameRate::SOURCE); 6];
    let failure = pool.transcode(hungry).await.unwrap_err();
    assert_ne!(failure, TranscodeFailure::Busy);
    assert!(pool.transcode(job(&clip(160, 90, 10), 1)).await.is_ok());
}
