//! The life of a pool of real workers: results, killed and stopped workers, and what is left
//! behind. One test, in a program of its own, since it looks at all processes of the program.

#![allow(clippy::unwrap_used, reason = "test helpers beside the tests")]

#[path = "support/pool.rs"]
mod pool;
#[path = "support/processes.rs"]
mod processes;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Signal, kill_process};
use streamflow_engine::{Pool, Transcoder};
use streamflow_types::Pixels;

use pool::{clip, config, job, until};
use processes::{open_descriptors, resident, workers};

#[tokio::test(flavor = "multi_thread")]
async fn segments_survive_killed_and_stopped_workers_and_nothing_is_left_behind() {
    let mut config = config(2);
    config.watchdog.silence = Duration::from_secs(1);
    let pool = Arc::new(Pool::start(config).await.unwrap());
    let source = clip(320, 180, 60);
    exact_counts(&pool, &source).await;
    killed_at_work(&pool, Signal::KILL, 90).await;
    killed_at_work(&pool, Signal::STOP, 91).await;
    many_segments(&pool, &clip(160, 90, 12)).await;
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
async fn killed_at_work(pool: &Arc<Pool>, signal: Signal, pictures: u16) {
    let long = clip(1280, 720, pictures);
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
    assert_eq!(outcome.decoded_frames, u64::from(pictures));
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
    assert!(
        open_descriptors() <= before + 2,
        "{before} {}",
        open_descriptors()
    );
    let growth = resident().saturating_sub(memory);
    assert!(growth < 48 << 20, "{growth} bytes more after 200 segments");
}
