//! Graphics cards behind real workers. On a machine without one: the reason is exact and everything
//! is done by the processor. On a machine with one: what it makes is held against the processor's.
//! Nothing here stands in for a driver; what needs one is skipped with the reason.

#![allow(clippy::unwrap_used, reason = "test helpers beside the tests")]

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "support/pool.rs"]
mod pool;

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use streamflow_engine::protocol::DeviceFacts;
use streamflow_engine::{DeviceState, DevicesConfig, Fleet, Job, Pool, Transcoder};
use streamflow_ffmpeg::decode_check;
use streamflow_runtime::Metrics;
use streamflow_types::{Container, FrameRate, Profile, SessionId, TranscodeFailure};

use pool::{clip, config, job};

/// Film, with B-frames and sound.
const FILM: &[u8] = include_bytes!("../../../tests/media/bunny-720p30.ts");

struct Machine {
    fleet: Fleet,
    pool: Arc<Pool>,
    metrics: Metrics,
}

async fn machine(devices: &str) -> Machine {
    let mut config = config(2);
    let metrics = Metrics::new();
    config.metrics = metrics.clone();
    let pool = Arc::new(Pool::start(config).await.unwrap());
    let mut devices = DevicesConfig::new(devices.parse().unwrap());
    let libraries = std::env::var_os("LD_LIBRARY_PATH");
    devices
        .environment
        .extend(libraries.map(|path| ("LD_LIBRARY_PATH".into(), path)));
    let fleet = Fleet::start(pool.clone(), devices).await;
    Machine {
        fleet,
        pool,
        metrics,
    }
}

/// The machine and its first card, or the reason why there is none.
async fn with_card() -> Option<(Machine, DeviceFacts)> {
    let machine = machine("all").await;
    match machine.fleet.devices().into_iter().next().map(|d| d.state) {
        Some(DeviceState::Up(_, facts)) => {
            eprintln!("on {} with CUDA {}", facts.name, facts.cuda);
            Some((machine, facts))
        }
        other => {
            eprintln!("skipped: no card can be used here: {other:?}");
            None
        }
    }
}

fn film(session: u8, profiles: Vec<Profile>) -> Job {
    let mut job = job(&Bytes::from_static(FILM), 0);
    job.session = SessionId::from_random([9, 9, 9, session]);
    job.duration = Duration::from_secs(4);
    job.work.profiles = profiles;
    job
}

fn ladder(rate: FrameRate) -> Vec<Profile> {
    [
        (1280, 720, 2_500_000),
        (640, 360, 800_000),
        (426, 240, 400_000),
    ]
    .map(|(width, height, bitrate)| {
        Profile::new(&format!("{height}p"), width, height, bitrate, rate)
    })
    .to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_card_the_reason_is_told_and_the_processor_works() {
    let machine = machine("nvidia:0,200").await;
    let devices = machine.fleet.devices();
    let names: Vec<_> = devices.iter().map(|device| device.name.as_str()).collect();
    assert_eq!(names, ["nvidia:0", "nvidia:200"]);
    for device in &devices {
        let DeviceState::Down(refusal) = &device.state else {
            assert_eq!(device.name, "nvidia:0", "{device:?}");
            eprintln!("skipped in part: there is a card");
            return;
        };
        let driver = std::path::Path::new("/proc/driver/nvidia/version").exists();
        if !driver {
            assert_eq!(refusal.code, "driver-library", "{refusal:?}");
            assert!(refusal.reason.contains("libcuda.so.1"), "{refusal:?}");
            assert!(
                refusal.reason.contains("cannot open shared object file"),
                "{refusal:?}"
            );
        }
        let up = machine
            .metrics
            .gauge("streamflow_device_up", &[("device", &device.name)]);
        assert_eq!(up.value(), 0.0);
    }
    // Segments are done, with the processor's counts, and the fall-back is counted once a session.
    for _ in 0..3 {
        let outcome = machine
            .fleet
            .transcode(film(1, ladder(FrameRate::SOURCE)))
            .await
            .unwrap();
        assert_eq!(outcome.decoded_frames, 120);
        let decoded = decode_check(&outcome.renditions[2].bytes).unwrap();
        assert_eq!((decoded.frames, decoded.errors), (120, 0));
        assert_eq!(decoded.pixels, outcome.renditions[2].pixels);
    }
    let fallbacks = machine
        .metrics
        .counter("streamflow_device_fallbacks_total", &[("reason", "down")]);
    assert_eq!(fallbacks.value(), 1.0);
    assert_eq!(machine.fleet.capacity(), machine.pool.capacity());
    assert_eq!(machine.fleet.capabilities(), machine.pool.capabilities());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_segment_is_judged_as_without_cards() {
    let machine = machine("all").await;
    let mut noise = film(2, ladder(FrameRate::SOURCE));
    noise.source = Bytes::from(vec![0x47; 1_000]);
    let by_fleet = machine.fleet.transcode(noise.clone()).await.unwrap_err();
    let by_pool = machine.pool.transcode(noise).await.unwrap_err();
    assert_eq!(by_fleet, by_pool);
    let mut late = film(2, ladder(FrameRate::SOURCE));
    late.deadline = tokio::time::Instant::now() + Duration::from_millis(1);
    let failure = machine.fleet.transcode(late).await.unwrap_err();
    assert!(
        matches!(failure, TranscodeFailure::Stopped | TranscodeFailure::Busy),
        "{failure:?}"
    );
}

/// The sandbox of a card's worker is wider by its driver's files and by nothing else.
#[test]
fn every_escape_from_a_cards_worker_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_streamflow-worker"))
        .args(["--card", "--escape-test"])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");
    let report: serde_json::Value =
        serde_json::from_str(&String::from_utf8_lossy(&output.stdout)).unwrap();
    let holds = |layer: &str| {
        let active = report["active"].as_array().unwrap();
        active.iter().any(|one| one == layer)
    };
    assert!(holds("seccomp") && holds("resource-limits"), "{report}");
    for attempt in report["attempts"].as_array().unwrap() {
        let opens_files = !holds("landlock");
        let is_file = ["read", "list"]
            .iter()
            .any(|verb| attempt["attempt"].as_str().unwrap().starts_with(verb));
        if !(opens_files && is_file) {
            assert_eq!(attempt["refused"], true, "{attempt}");
        }
    }
    assert_eq!(report["thread_works"], true);
    assert_eq!(report["memory_file_works"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_counts_times_and_sizes_as_the_processor_does() {
    let Some((machine, facts)) = with_card().await else {
        return;
    };
    for rate in [
        FrameRate::SOURCE,
        FrameRate::whole(15),
        FrameRate::whole(60),
    ] {
        let mut wanted = film(3, ladder(rate));
        wanted.work.profiles[1].container = Some(Container::Mp4);
        let card = machine.fleet.transcode(wanted.clone()).await.unwrap();
        let processor = machine.pool.transcode(wanted).await.unwrap();
        assert_eq!(card.decoded_frames, processor.decoded_frames);
        assert_eq!(card.decoded_pixels, processor.decoded_pixels);
        for (ours, theirs) in card.renditions.iter().zip(&processor.renditions) {
            assert_eq!(ours.pixels, theirs.pixels);
            let (ours, theirs) = (
                decode_check(&ours.bytes).unwrap(),
                decode_check(&theirs.bytes).unwrap(),
            );
            assert_eq!((ours.width, ours.height), (theirs.width, theirs.height));
            assert_eq!((ours.frames, ours.errors), (theirs.frames, 0));
            let steps = |pts: &[i64]| pts.windows(2).map(|w| w[1] - w[0]).collect::<Vec<_>>();
            assert_eq!(
                steps(&ours.pts),
                steps(&theirs.pts),
                "{rate:?} {}",
                facts.name
            );
        }
    }
    let by_card = machine.metrics.counter(
        "streamflow_device_frames_total",
        &[("device", "nvidia:0"), ("decoded_by", "card")],
    );
    assert_eq!(by_card.value(), 3.0 * 120.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_gives_every_picture_of_a_short_segment() {
    let Some((machine, _)) = with_card().await else {
        return;
    };
    for pictures in [1, 2, 3, 5, 6, 10] {
        let mut short = job(&clip(320, 180, pictures), 0);
        short.work.profiles = vec![Profile::new("p", 160, 90, 200_000, FrameRate::SOURCE)];
        let outcome = machine.fleet.transcode(short).await.unwrap();
        assert_eq!(outcome.decoded_frames, u64::from(pictures));
        let decoded = decode_check(&outcome.renditions[0].bytes).unwrap();
        assert_eq!((decoded.frames, decoded.errors), (u64::from(pictures), 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_follows_a_change_of_size_and_makes_signatures() {
    let Some((machine, _)) = with_card().await else {
        return;
    };
    let mut changing = clip(640, 360, 30).to_vec();
    changing.extend_from_slice(&clip(360, 640, 30));
    let mut changing = job(&Bytes::from(changing), 0);
    changing.work.profiles = vec![Profile::new("p", 256, 144, 200_000, FrameRate::SOURCE)];
    changing.work.signature = true;
    let card = machine.fleet.transcode(changing.clone()).await.unwrap();
    let processor = machine.pool.transcode(changing).await.unwrap();
    assert_eq!(card.decoded_frames, 60);
    assert_eq!(card.renditions[0].pixels, processor.renditions[0].pixels);
    assert!(card.renditions[0].signature.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_share_a_card_and_a_thousand_segments_leave_nothing_behind() {
    let Some((machine, _)) = with_card().await else {
        return;
    };
    let fleet = Arc::new(machine.fleet);
    let mut running = tokio::task::JoinSet::new();
    for session in 0..8 {
        let fleet = fleet.clone();
        running.spawn(async move {
            for number in 0..125 {
                let mut short = job(&clip(320, 180, 30), number);
                short.session = SessionId::from_random([7, 7, 7, session]);
                let outcome = fleet.transcode(short).await.unwrap();
                assert_eq!(outcome.decoded_frames, 30);
            }
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
    let deaths = machine.metrics.counter(
        "streamflow_device_worker_deaths_total",
        &[("device", "nvidia:0")],
    );
    assert_eq!(deaths.value(), 0.0);
}
