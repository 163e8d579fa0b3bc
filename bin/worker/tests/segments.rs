//! Real segments through real workers: deadlines, nonsense, too little memory.

#![allow(clippy::unwrap_used, reason = "test helpers beside the tests")]

#[path = "support/pool.rs"]
mod pool;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use streamflow_engine::{Fault, Faulty, Job, Pool, Transcoder, measure};
use streamflow_types::{Codec, Container, FrameRate, Profile, TranscodeFailure};
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
    // Room for the libraries and a small segment, not for the large one.
    config.worker_memory_bytes = 600 << 20;
    let pool = Pool::start(config).await.unwrap();
    let mut hungry = job(&clip(3840, 2160, 20), 0);
    hungry.work.profiles = vec![Profile::new("p", 3840, 2160, 8_000_000, FrameRate::SOURCE); 6];
    let failure = pool.transcode(hungry).await.unwrap_err();
    assert_ne!(failure, TranscodeFailure::Busy);
    assert!(pool.transcode(job(&clip(160, 90, 10), 1)).await.is_ok());
}

/// Film, with B-frames and sound.
const FILM: &[u8] = include_bytes!("../../../tests/media/bunny-720p30.ts");

fn film(profiles: Vec<Profile>) -> Job {
    let mut job = job(&Bytes::from_static(FILM), 0);
    job.duration = Duration::from_secs(4);
    job.work.profiles = profiles;
    job
}

#[tokio::test(flavor = "multi_thread")]
async fn film_comes_back_in_both_containers_with_exact_counts_and_signatures() {
    let pool = Pool::start(config(2)).await.unwrap();
    let mut job = film(vec![
        Profile::new("a", 640, 360, 800_000, FrameRate::whole(15)),
        Profile::new("b", 426, 240, 400_000, FrameRate::SOURCE),
    ]);
    job.work.profiles[1].container = Some(Container::Mp4);
    job.work.signature = true;
    let outcome = pool.transcode(job).await.unwrap();
    assert_eq!(outcome.decoded_frames, 120);
    let pixels: Vec<_> = outcome.renditions.iter().map(|r| r.pixels.0).collect();
    assert_eq!(pixels, [640 * 360 * 60, 426 * 240 * 120]);
    assert!(outcome.renditions.iter().all(|r| r.signature.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_codec_comes_through_the_sandbox_both_ways() {
    let pool = Pool::start(config(2)).await.unwrap();
    let coded = |codec, container| {
        let mut profile = Profile::new("a", 320, 180, 300_000, FrameRate::whole(15));
        (profile.codec, profile.container) = (codec, Some(container));
        profile
    };
    let outcome = pool
        .transcode(film(vec![
            coded(Codec::H264, Container::MpegTs),
            coded(Codec::H265, Container::MpegTs),
            coded(Codec::H265, Container::Mp4),
            coded(Codec::Vp9, Container::Mp4),
        ]))
        .await
        .unwrap();
    for rendition in outcome.renditions {
        assert_eq!(rendition.pixels.0, 60 * 320 * 180);
        let mut back = job(&rendition.bytes, 1);
        back.work.profiles = vec![Profile::new("b", 160, 90, 100_000, FrameRate::SOURCE)];
        let back = pool.transcode(back).await.unwrap();
        assert_eq!(
            (back.decoded_frames, back.decoded_pixels),
            (60, rendition.pixels)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_alone_is_no_first_segment_but_a_later_one() {
    let pool = Pool::start(config(1)).await.unwrap();
    // The tables stay and announce pictures on 0x100, but none come.
    let sound: Bytes = FILM
        .chunks_exact(188)
        .filter(|packet| packet[1] & 0x1f != 1 || packet[2] != 0)
        .flatten()
        .copied()
        .collect();
    let alone = || {
        let mut job = film(vec![Profile::new(
            "a",
            320,
            180,
            300_000,
            FrameRate::SOURCE,
        )]);
        job.source = sound.clone();
        job
    };
    let first = pool.transcode(alone()).await;
    assert_eq!(first.unwrap_err(), TranscodeFailure::InvalidVideo);
    pool.transcode(job(&clip(160, 90, 10), 1)).await.unwrap();
    let outcome = pool.transcode(alone()).await.unwrap();
    assert_eq!(
        (outcome.decoded_frames, outcome.renditions[0].pixels.0),
        (0, 0)
    );
    pool.end_session(&alone().session).await;
    let first = pool.transcode(alone()).await;
    assert_eq!(first.unwrap_err(), TranscodeFailure::InvalidVideo);
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_is_measured_in_seconds() {
    let pool = Pool::start(config(2)).await.unwrap();
    let ladder = [Profile::new("p", 426, 240, 400_000, FrameRate::SOURCE)];
    let started = Instant::now();
    let measured = measure(&pool, &ladder, NonZeroU32::new(2).unwrap())
        .await
        .unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(
        measured.streams >= 1 && measured.speed > 0.0,
        "{measured:?}"
    );
}

/// Black and frozen pictures are honest video to a decoder: only the picture is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn black_and_frozen_renditions_decode_to_the_same_number_of_pictures() {
    let pool = Arc::new(Pool::start(config(2)).await.unwrap());
    let profiles = vec![Profile::new("p", 320, 180, 300_000, FrameRate::SOURCE)];
    for fault in [Fault::Black, Fault::Frozen] {
        let faulty = Faulty::new(pool.clone(), fault);
        let outcome = faulty.transcode(film(profiles.clone())).await.unwrap();
        let mut again = job(&outcome.renditions[0].bytes, 1);
        again.work.profiles = vec![Profile::new("q", 160, 90, 100_000, FrameRate::SOURCE)];
        let decoded = pool.transcode(again).await.unwrap();
        assert_eq!(decoded.decoded_frames, 120, "{fault}");
        assert_eq!(decoded.decoded_pixels.0, 320 * 180 * 120, "{fault}");
    }
}
