//! Workers die in every way while they work, and segments of many streams go through the pool;
//! nothing is lost and nothing grows.
//!
//! Short by default. `cargo xtask workers` runs it at full length, on the real clip: 100 faults of
//! each kind, and 1,000 segments of 20 streams; with `--segments` the latter alone.

#![allow(clippy::unwrap_used, reason = "test helpers beside the tests")]

#[path = "support/pool.rs"]
mod pool;
#[path = "support/processes.rs"]
mod processes;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use streamflow_engine::{Pool, PoolConfig, Transcoder};
use streamflow_runtime::Metrics;
use streamflow_types::SessionId;

use pool::{clip, config, job, until};
use processes::{busiest, open_descriptors, resident, workers};

/// How much is done.
struct Length {
    faults: u64,
    segments: u64,
    streams: u64,
    source: Bytes,
}

impl Length {
    fn of_this_run() -> Self {
        let asked = std::env::var("STREAMFLOW_CAMPAIGN").unwrap_or_default();
        if asked.is_empty() {
            return Self {
                faults: 2,
                segments: 60,
                streams: 20,
                source: clip(320, 180, 60),
            };
        }
        let film = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/media/bunny-720p30.ts"
        );
        Self {
            faults: if asked == "segments" { 0 } else { 100 },
            segments: 1_000,
            streams: 20,
            source: std::fs::read(film).unwrap().into(),
        }
    }
}

/// A death is noticed within this.
const NOTICED: Duration = Duration::from_millis(300);

/// What befalls a worker.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It is killed.
    Kill,
    /// It hangs.
    Stop,
    /// It has no memory left.
    Memory,
    /// It says what no worker says.
    Garbage,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_segment_is_lost_whatever_befalls_its_worker() {
    let length = Length::of_this_run();
    let metrics = Metrics::new();
    let deaths = metrics.counter("streamflow_worker_deaths_total", &[]);
    let mut config = PoolConfig {
        metrics,
        ..config(2)
    };
    config.watchdog.silence = Duration::from_secs(1);
    let pool = Arc::new(Pool::start(config).await.unwrap());
    let long = clip(1280, 720, 90);
    let (mut number, mut died) = (0, 0.0);
    for fault in [Fault::Kill, Fault::Stop, Fault::Memory, Fault::Garbage] {
        let mut struck = 0;
        while struck < length.faults {
            number += 1;
            assert!(number < 2_000, "{fault:?} never strikes a worker at work");
            strike(&pool, &long, number, fault).await;
            // A struck worker is always missed, though perhaps only when it would be used again.
            until(|| pool.status().idle == 3).await;
            let noticed = async {
                while deaths.value() == died {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            // One that a want of memory did not reach in time goes on.
            if tokio::time::timeout(NOTICED, noticed).await.is_ok() {
                died += 1.0;
                struck += 1;
            }
            // Exactly one died at work, so exactly one segment was given to another.
            assert_eq!(deaths.value(), died, "{fault:?}, segment {number}");
        }
        println!("{fault:?}: {} times, no segment lost", length.faults);
    }
    many_streams(&pool, &length).await;
    assert_eq!(deaths.value(), died, "nobody died of honest work");
    drop(pool);
    until(|| workers().is_empty()).await;
}

/// The worker of a segment is struck while it works; the segment comes back all the same.
async fn strike(pool: &Arc<Pool>, source: &Bytes, number: u64, fault: Fault) {
    until(|| pool.status().idle == 3).await;
    let running = tokio::spawn({
        let (pool, job) = (pool.clone(), job(&marked(source, number), number));
        async move { pool.transcode(job).await }
    });
    until(|| pool.status().running == 1).await;
    // Memory is asked for at the start; the others strike in the middle.
    let watch = match fault {
        Fault::Memory => Duration::from_millis(4),
        _ => Duration::from_millis(80),
    };
    let worker = busiest(watch).await;
    match fault {
        Fault::Kill => kill_process(worker, Signal::KILL).unwrap(),
        Fault::Stop => kill_process(worker, Signal::STOP).unwrap(),
        Fault::Memory => starve(worker),
        Fault::Garbage => babble(worker),
    }
    let outcome = running.await.unwrap();
    let outcome = outcome.unwrap_or_else(|failure| panic!("{fault:?}: {failure}"));
    assert_eq!(outcome.decoded_frames, 90, "{fault:?}");
}

/// The segment with a packet behind it that nobody reads: an input that killed two workers would
/// not be offered to a third, so each fault has an input of its own.
fn marked(source: &Bytes, number: u64) -> Bytes {
    let mut packet = [0xff; 188];
    packet[..4].copy_from_slice(&[0x47, 0x1f, 0xff, 0x10]);
    packet[4..12].copy_from_slice(&number.to_be_bytes());
    [source.as_ref(), packet.as_slice()].concat().into()
}

/// Nothing more can be had: the next allocation fails.
fn starve(worker: Pid) {
    let none = Rlimit {
        current: Some(1 << 20),
        maximum: Some(1 << 20),
    };
    prlimit(Some(worker), Resource::As, none).unwrap();
}

/// Speaks in the worker's name, through its own end of the line.
fn babble(worker: Pid) {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
    let process = pidfd_open(worker, PidfdFlags::empty()).unwrap();
    let line = pidfd_getfd(&process, 0, PidfdGetfdFlags::empty()).unwrap();
    rustix::io::write(&line, &[0xa5; 64]).unwrap();
}

async fn many_streams(pool: &Arc<Pool>, length: &Length) {
    // One round first, so that what is kept for each worker is there.
    round(pool, length, 0).await;
    let before = held(pool, length.streams).await;
    let rounds = length.segments / length.streams;
    let mut now = before;
    for number in 1..rounds {
        round(pool, length, number).await;
        if number % REPORT_ROUNDS == REPORT_ROUNDS - 1 || number == rounds - 1 {
            now = held(pool, (number + 1) * length.streams).await;
        }
    }
    assert!(now.processes <= 3, "{} workers", now.processes);
    // A connection being made or a file being read may be seen on either side.
    assert!(
        now.descriptors <= before.descriptors + 2,
        "{} descriptors, then {}",
        before.descriptors,
        now.descriptors
    );
    let growth = now.memory.saturating_sub(before.memory);
    assert!(
        growth < 64 << 20,
        "{growth} bytes more after {} segments",
        length.segments
    );
}

/// Rounds between two lines of the report.
const REPORT_ROUNDS: u64 = 10;

/// What a pool at rest holds, its workers included.
#[derive(Clone, Copy)]
struct Held {
    descriptors: usize,
    processes: usize,
    memory: u64,
}

async fn held(pool: &Arc<Pool>, segments: u64) -> Held {
    until(|| pool.status().idle == 3).await;
    let held = Held {
        descriptors: open_descriptors(),
        processes: workers().len(),
        memory: resident(),
    };
    println!(
        "{segments:>5} segments: {} descriptors, {} workers, {} MiB",
        held.descriptors,
        held.processes,
        held.memory >> 20
    );
    held
}

/// A segment of every stream, as many at a time as there are workers.
async fn round(pool: &Arc<Pool>, length: &Length, number: u64) {
    let mut running = tokio::task::JoinSet::new();
    for stream in 0..length.streams {
        let mut job = job(&length.source, number);
        job.session = SessionId::from_random([stream as u8, 0, 0, 1]);
        job.deadline += Duration::from_secs(240);
        let pool = pool.clone();
        running.spawn(async move { pool.transcode(job).await });
    }
    while let Some(outcome) = running.join_next().await {
        assert_eq!(outcome.unwrap().unwrap().renditions.len(), 2);
    }
}
