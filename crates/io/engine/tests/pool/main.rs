//! The pool against workers that crash, hang, lie and dawdle. The workers are real processes.

#![allow(clippy::unwrap_used, reason = "test helpers beside the tests")]

mod devices;
mod fake;

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use streamflow_engine::{Job, LaunchError, Outcome, Pool, PoolConfig, Transcoder};
use streamflow_runtime::Metrics;
use streamflow_types::{ManifestId, Profile, SegmentNumber, SessionId, TranscodeFailure, Work};
use tokio::time::Instant;

/// Not a test of anything by itself: the other tests start this program again with a variable set.
#[test]
fn acts_as_a_worker_when_asked() {
    if std::env::var_os(fake::ASKED).is_some() {
        fake::work();
    }
}

fn config(cores: u32) -> PoolConfig {
    let mut config = PoolConfig::new("/bin/sh".into(), Metrics::new());
    let script = r#"exec "$0" acts_as_a_worker_when_asked --exact --nocapture"#;
    let me = std::env::current_exe().unwrap();
    config.arguments = vec!["-c".into(), script.into(), me.into()];
    config.environment = vec![(fake::ASKED.into(), "1".into())];
    config.cores = NonZeroU32::new(cores).unwrap();
    config.watchdog.silence = Duration::from_secs(1);
    config.watchdog.busy_interval = Duration::from_millis(100);
    config
}

fn job_of(session: &str, order: &str) -> Job {
    Job {
        session: SessionId::new(session).unwrap(),
        manifest: ManifestId::new("stream").unwrap(),
        number: SegmentNumber(1),
        duration: Duration::from_secs(2),
        source: Bytes::copy_from_slice(order.as_bytes()),
        work: Work::new(vec![Profile::preset("P144p30fps16x9").unwrap(); 2]),
        deadline: Instant::now() + Duration::from_secs(10),
    }
}

fn job(order: &str) -> Job {
    job_of("s1", order)
}

/// What stands behind the packets of the first rendition.
fn text(outcome: &Outcome) -> String {
    let bytes = &outcome.renditions[0].bytes;
    let packets = bytes
        .chunks(188)
        .take_while(|packet| packet.first() == Some(&0x47));
    let behind = &bytes[packets.map(<[u8]>::len).sum()..];
    String::from_utf8(behind.to_vec()).unwrap()
}

/// Processes started by this one and not yet gone.
fn children() -> usize {
    let me = std::process::id().to_string();
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok())
        .filter(|stat| {
            let (_, rest) = stat.rsplit_once(')').unwrap();
            rest.split_ascii_whitespace().nth(1) == Some(&me)
        })
        .count()
}

fn alive(pid: &str) -> bool {
    Path::new("/proc").join(pid).join("stat").exists()
}

async fn until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_segment_comes_back_with_a_rendition_for_each_profile() {
    let pool = Pool::start(config(1)).await.unwrap();
    let outcome = pool.transcode(job("plain")).await.unwrap();
    assert_eq!(text(&outcome), "s1:plain#0");
    assert_eq!(outcome.renditions.len(), 2);
    assert_eq!(
        (outcome.decoded_frames, outcome.decoded_pixels.0),
        (60, 600)
    );
    assert!(pool.capabilities().contains(1));
    assert_eq!(pool.capacity(), Some(1));
}

#[tokio::test]
async fn a_worker_that_dies_costs_one_retry_and_nobody_else_notices() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("died");
    let pool = Pool::start(config(2)).await.unwrap();
    let crashing = pool.transcode(job(&format!("crash-once {}", mark.display())));
    let other = pool.transcode(job_of("s2", "sleep 200"));
    let (crashing, other) = tokio::join!(crashing, other);
    assert!(crashing.unwrap().took < Duration::from_secs(5));
    assert!(text(&other.unwrap()).starts_with("s2:"));
}

#[tokio::test]
async fn a_stopped_worker_is_found_by_its_silence_and_the_segment_retried() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("stopped");
    let pool = Pool::start(config(1)).await.unwrap();
    let outcome = pool
        .transcode(job(&format!("stop-once {}", mark.display())))
        .await
        .unwrap();
    assert!(
        outcome.took >= Duration::from_millis(900),
        "{:?}",
        outcome.took
    );
    assert!(outcome.took < Duration::from_secs(6), "{:?}", outcome.took);
}

#[tokio::test]
async fn an_input_that_kills_two_workers_is_never_offered_again() {
    let mut config = config(1);
    let metrics = Metrics::new();
    config.metrics = metrics.clone();
    let deaths = metrics.counter("streamflow_worker_deaths_total", &[]);
    let pool = Pool::start(config).await.unwrap();
    let failure = pool.transcode(job("crash")).await.unwrap_err();
    assert_eq!(failure, TranscodeFailure::InvalidVideo);
    assert!(!failure.is_retryable());
    assert_eq!(deaths.value(), 2.0);
    assert_eq!(pool.transcode(job("crash")).await.unwrap_err(), failure);
    assert_eq!(deaths.value(), 2.0, "refused without a worker");
    assert!(pool.transcode(job("plain")).await.is_ok());
}

#[tokio::test]
async fn a_death_that_cannot_be_retried_in_time_is_retryable_elsewhere() {
    let pool = Pool::start(config(1)).await.unwrap();
    let mut job = job("crash");
    job.deadline = Instant::now() + Duration::from_millis(240);
    let failure = pool.transcode(job).await.unwrap_err();
    assert_eq!(failure, TranscodeFailure::Stopped);
    assert!(failure.is_retryable());
}

#[tokio::test]
async fn nonsense_from_a_worker_ends_the_worker() {
    let pool = Pool::start(config(1)).await.unwrap();
    for order in ["garbage", "unfinished"] {
        let failure = pool.transcode(job(order)).await.unwrap_err();
        assert_eq!(failure, TranscodeFailure::InvalidVideo, "{order}");
        assert!(pool.transcode(job("plain")).await.is_ok());
    }
}

#[tokio::test]
async fn a_typed_failure_arrives_as_it_is_and_replaces_the_worker() {
    let pool = Pool::start(config(1)).await.unwrap();
    let failure = pool
        .transcode(job("fail No keyframes in input"))
        .await
        .unwrap_err();
    assert_eq!(failure, TranscodeFailure::NoKeyframes);
    let failure = pool.transcode(job("fail something new")).await.unwrap_err();
    assert_eq!(failure, TranscodeFailure::Other("something new".to_owned()));
}

#[tokio::test]
async fn the_deadline_ends_a_job_and_kills_a_worker_that_does_not_listen() {
    let pool = Pool::start(config(1)).await.unwrap();
    let mut pids = Vec::new();
    for _ in 0..2 {
        pids.push(text(&pool.transcode(job("pid")).await.unwrap()));
    }
    for order in ["deaf", "burn"] {
        let mut job = job(order);
        job.deadline = Instant::now() + Duration::from_millis(200);
        let started = Instant::now();
        let failure = pool.transcode(job).await.unwrap_err();
        assert_eq!(failure, TranscodeFailure::Stopped);
        assert!(started.elapsed() < Duration::from_millis(600));
        until(|| pool.status().running == 0).await;
    }
    assert!(pool.transcode(job("plain")).await.is_ok());
}

#[tokio::test]
async fn a_dropped_job_is_cancelled_and_its_worker_goes_on() {
    let pool = Pool::start(config(1)).await.unwrap();
    let before = text(&pool.transcode(job("pid")).await.unwrap());
    let waiting = tokio::time::timeout(
        Duration::from_millis(100),
        pool.transcode(job("sleep 5000")),
    );
    assert!(waiting.await.is_err());
    until(|| pool.status().running == 0).await;
    let pid = before.split('#').next().unwrap();
    assert!(alive(pid), "a worker that stops when told to is kept");
}

#[tokio::test]
async fn too_many_jobs_of_one_session_are_busy_at_once() {
    let pool = std::sync::Arc::new(Pool::start(config(1)).await.unwrap());
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let pool = pool.clone();
        running.spawn(async move { pool.transcode(job("sleep 150")).await });
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let status = pool.status();
    assert_eq!((status.running, status.waiting), (1, 4));
    let started = Instant::now();
    assert_eq!(
        pool.transcode(job("plain")).await.unwrap_err(),
        TranscodeFailure::Busy
    );
    assert!(started.elapsed() < Duration::from_millis(100));
    while let Some(done) = running.join_next().await {
        assert!(done.unwrap().is_ok());
    }
}

#[tokio::test]
async fn ending_a_session_answers_what_still_waits_for_it() {
    let pool = std::sync::Arc::new(Pool::start(config(1)).await.unwrap());
    let first = tokio::spawn({
        let pool = pool.clone();
        async move { pool.transcode(job_of("other", "sleep 300")).await }
    });
    until(|| pool.status().running == 1).await;
    let second = tokio::spawn({
        let pool = pool.clone();
        async move { pool.transcode(job("plain")).await }
    });
    until(|| pool.status().waiting == 1).await;
    pool.end_session(&SessionId::new("s1").unwrap()).await;
    assert_eq!(
        second.await.unwrap().unwrap_err(),
        TranscodeFailure::Stopped
    );
    assert!(first.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_lone_job_gets_the_spare_tokens_and_gives_them_back() {
    let pool = std::sync::Arc::new(Pool::start(config(3)).await.unwrap());
    let lone = pool.transcode(job("tokens 3")).await.unwrap();
    assert!(lone.took < Duration::from_secs(5));
    let first = tokio::spawn({
        let pool = pool.clone();
        async move { pool.transcode(job_of("a", "tokens 2")).await }
    });
    let second = tokio::spawn({
        let pool = pool.clone();
        async move { pool.transcode(job_of("b", "sleep 1500")).await }
    });
    assert!(first.await.unwrap().is_ok());
    assert!(second.await.unwrap().is_ok());
}

#[tokio::test]
async fn what_cannot_be_a_segment_never_reaches_a_worker() {
    let pool = Pool::start(config(1)).await.unwrap();
    let mut eleven = job("plain");
    eleven.work = Work::new(vec![Profile::preset("P144p30fps16x9").unwrap(); 11]);
    assert_eq!(
        pool.transcode(eleven).await.unwrap_err(),
        TranscodeFailure::TooManyOutputs
    );
    assert_eq!(
        pool.transcode(job("")).await.unwrap_err(),
        TranscodeFailure::EmptyData
    );
    let mut long = job("plain");
    long.duration = Duration::from_millis(300_001);
    assert_eq!(
        pool.transcode(long).await.unwrap_err(),
        TranscodeFailure::InvalidDuration
    );
}

#[tokio::test]
async fn a_worker_that_does_not_come_up_is_an_error_at_start() {
    let mut missing = config(1);
    missing.program = "/nowhere/streamflow-worker".into();
    let error = Pool::start(missing).await.unwrap_err();
    assert!(matches!(&error, LaunchError::Program { program, .. } if program.contains("nowhere")));
    let mut mute = config(1);
    mute.environment = vec![(fake::ASKED.into(), "mute".into())];
    mute.watchdog.start = Duration::from_millis(300);
    assert!(matches!(
        Pool::start(mute).await.unwrap_err(),
        LaunchError::Silent { .. }
    ));
    let mut broken = config(1);
    broken.arguments = vec!["-c".into(), "echo no such library >&2; exit 1".into()];
    let error = Pool::start(broken).await.unwrap_err().to_string();
    assert!(error.contains("no such library"), "{error}");
}

#[tokio::test]
async fn a_worker_is_replaced_after_500_segments_and_nothing_piles_up() {
    let mut config = config(1);
    let metrics = Metrics::new();
    config.metrics = metrics.clone();
    let pool = Pool::start(config).await.unwrap();
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let mut before = None;
    let mut workers = std::collections::BTreeSet::new();
    for _ in 0..1_100 {
        let text = text(&pool.transcode(job("pid")).await.unwrap());
        workers.insert(text.split('#').next().unwrap().to_owned());
        before.get_or_insert_with(descriptors);
    }
    assert!((3..=5).contains(&workers.len()), "{workers:?}");
    until(|| pool.status().idle == 2).await;
    assert_eq!(
        metrics
            .counter("streamflow_worker_deaths_total", &[])
            .value(),
        0.0
    );
    // Other tests of this program open and close theirs meanwhile.
    let before = before.unwrap();
    until(|| descriptors() <= before + 40).await;
}

#[tokio::test]
async fn a_dropped_pool_leaves_no_process_behind() {
    let pool = Pool::start(config(1)).await.unwrap();
    let pid = text(&pool.transcode(job("pid")).await.unwrap());
    let pid = pid.split('#').next().unwrap().to_owned();
    assert!(alive(&pid) && children() > 0);
    drop(pool);
    until(|| !alive(&pid)).await;
}
