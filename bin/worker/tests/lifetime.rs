//! The life of a pool of real workers: results, killed and stopped workers, and what is left
//! behind. One test, in a program of its own, since it looks at all processes of the program.

#![allow(clippy::unwrap_used, reason = "test helpers beside the tests")]

#[path = "support/pool.rs"]
mod pool;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use streamflow_engine::{Pool, Transcoder};
use streamflow_types::Pixels;

use pool::{clip, config, job, until};

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
