//! Real segments through real workers: deadlines, nonsense, too little memory.

#![allow(clippy::unwrap_used, reason = "test helpers beside the tests")]

#[path = "support/pool.rs"]
mod pool;

use std::time::Duration;

use bytes::Bytes;
use streamflow_engine::{Pool, Transcoder};
use streamflow_types::{FrameRate, Profile, TranscodeFailure};
use tokio::time::Instant;

use pool::{clip, config, job, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_and_a_dropped_job_stop_the_library() {
    let pool = Pool::start(config(1)).await.unwrap();
    let long = clip(1280, 720, 300);
    let mut late = job(&long, 0);
    late.work.profiles = vec![Profile::new("p", 1280, 720, 4_000_000, FrameRate::SOURCE)];
    late.deadline = Instant::now() + Duration::from_millis(300);
    let started = Instant::now();
    assert_eq!(
        pool.transcode(late).await.unwrap_err(),
        TranscodeFailure::Stopped
    );
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
