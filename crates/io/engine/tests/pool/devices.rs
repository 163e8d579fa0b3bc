//! Placement, admission and fall-back over cards, as the node sees them through their workers.

use std::sync::Arc;
use std::time::Duration;

use streamflow_engine::{DeviceState, DevicesConfig, Fleet, Outcome, Pool, Transcoder};
use streamflow_runtime::Metrics;
use streamflow_types::{SessionId, TranscodeFailure};
use tokio::time::Instant;

use super::{alive, config, fake, job, job_of, text, until};

/// A machine with these cards, all of one kind.
async fn machine(devices: &str, kind: &str) -> (Arc<Fleet>, Metrics) {
    let mut config = config(2);
    let metrics = Metrics::new();
    config.metrics = metrics.clone();
    let pool = Arc::new(Pool::start(config).await.unwrap());
    let mut config = DevicesConfig::new(devices.parse().unwrap());
    config.environment = vec![(fake::CARD.into(), kind.into())];
    let fleet = Fleet::start(pool, config).await;
    (Arc::new(fleet), metrics)
}

fn is_on_card(outcome: &Outcome) -> bool {
    text(outcome).starts_with("card ")
}

fn fallbacks(metrics: &Metrics, reason: &str) -> f64 {
    let name = "streamflow_device_fallbacks_total";
    metrics.counter(name, &[("reason", reason)]).value()
}

#[tokio::test]
async fn jobs_share_a_card_side_by_side_until_its_encoders_are_taken() {
    let (fleet, metrics) = machine("nvidia:0", "encodes").await;
    // Two renditions each, four encoders: two sessions.
    let started = Instant::now();
    let (first, second, third) = tokio::join!(
        fleet.transcode(job_of("a", "sleep 300")),
        fleet.transcode(job_of("b", "sleep 300")),
        fleet.transcode(job_of("c", "sleep 300")),
    );
    let on_card: Vec<_> = [first, second, third]
        .into_iter()
        .map(|outcome| is_on_card(&outcome.unwrap()))
        .collect();
    assert_eq!(on_card.iter().filter(|on_card| **on_card).count(), 2);
    assert!(
        started.elapsed() < Duration::from_millis(900),
        "side by side"
    );
    assert_eq!(fallbacks(&metrics, "encoders"), 1.0);
    // Each keeps its place; one that ends makes room for a new one.
    for (name, was) in ["a", "b", "c"].iter().zip(on_card) {
        let again = fleet.transcode(job_of(name, "plain")).await.unwrap();
        assert_eq!(is_on_card(&again), was, "{name}");
    }
    for name in ["a", "b", "c"] {
        fleet.end_session(&SessionId::new(name).unwrap()).await;
    }
    assert!(is_on_card(
        &fleet.transcode(job_of("d", "plain")).await.unwrap()
    ));
    assert_eq!(fleet.devices()[0].sessions, 1);
}

#[tokio::test]
async fn sessions_go_to_the_card_with_the_least_to_do() {
    let (fleet, _) = machine("nvidia:0,1", "encodes").await;
    for name in ["a", "b", "c", "d"] {
        assert!(is_on_card(
            &fleet.transcode(job_of(name, "plain")).await.unwrap()
        ));
    }
    let sessions: Vec<_> = fleet.devices().iter().map(|card| card.sessions).collect();
    assert_eq!(sessions, [2, 2]);
}

#[tokio::test]
async fn a_card_whose_worker_dies_gets_a_fresh_one_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("died");
    let (fleet, metrics) = machine("nvidia:0", "encodes").await;
    let crash = format!("crash-once {}", mark.display());
    let (crashed, neighbour) = tokio::join!(
        fleet.transcode(job_of("a", &crash)),
        fleet.transcode(job_of("b", "sleep 400")),
    );
    assert!(
        is_on_card(&crashed.unwrap()),
        "the same card, a fresh worker"
    );
    assert!(neighbour.is_ok());
    let lost = metrics.counter(
        "streamflow_device_jobs_total",
        &[("device", "nvidia:0"), ("outcome", "lost")],
    );
    assert_eq!(lost.value(), 2.0, "both were in its hands");
}

#[tokio::test]
async fn what_kills_every_card_is_done_by_the_processor_and_stays_there() {
    let (fleet, metrics) = machine("nvidia:0,1", "encodes").await;
    let outcome = fleet.transcode(job("crash-on-card")).await.unwrap();
    assert!(!is_on_card(&outcome));
    assert_eq!(fallbacks(&metrics, "failed"), 1.0);
    let deaths = |card: &str| {
        let name = "streamflow_device_worker_deaths_total";
        metrics.counter(name, &[("device", card)]).value()
    };
    until(|| deaths("nvidia:0") + deaths("nvidia:1") >= 2.0).await;
    let before = deaths("nvidia:0") + deaths("nvidia:1");
    let again = fleet.transcode(job("crash-on-card")).await.unwrap();
    assert!(!is_on_card(&again));
    assert_eq!(
        deaths("nvidia:0") + deaths("nvidia:1"),
        before,
        "asked no card again"
    );
}

#[tokio::test]
async fn a_card_that_fails_is_replaced_and_one_that_is_wrong_is_not_believed() {
    let (fleet, metrics) = machine("nvidia:0", "encodes").await;
    let pid = text(&fleet.transcode(job_of("x", "pid")).await.unwrap());
    let failed = fleet
        .transcode(job_of("a", "fail-on-card TranscoderInvalidHardware"))
        .await
        .unwrap();
    assert!(!is_on_card(&failed));
    assert_eq!(fallbacks(&metrics, "failed"), 1.0);
    let pid = pid.trim_start_matches("card ").split('#').next().unwrap();
    until(|| !alive(pid)).await;
    until(|| fleet.usable() == 1).await;
    // Another failure is about the segment: the processor has the last word.
    let judged = fleet
        .transcode(job_of("b", "fail-on-card No keyframes in input"))
        .await
        .unwrap();
    assert!(!is_on_card(&judged));
    assert_eq!(fallbacks(&metrics, "disagreed"), 1.0);
    let both = fleet
        .transcode(job_of("c", "fail No keyframes in input"))
        .await;
    assert_eq!(both.unwrap_err(), TranscodeFailure::NoKeyframes);
    assert_eq!(fallbacks(&metrics, "disagreed"), 1.0);
}

#[tokio::test]
async fn what_the_processor_encodes_for_a_card_needs_its_tokens() {
    let (fleet, _) = machine("nvidia:0", "decodes").await;
    // Alone it gets both tokens of the machine; a neighbour on the card takes one of them.
    assert!(is_on_card(
        &fleet.transcode(job_of("a", "tokens 2")).await.unwrap()
    ));
    let (first, second) = tokio::join!(
        fleet.transcode(job_of("a", "tokens 1")),
        fleet.transcode(job_of("b", "sleep 600")),
    );
    assert!(is_on_card(&first.unwrap()) && is_on_card(&second.unwrap()));
    let mut running = tokio::task::JoinSet::new();
    let started = Instant::now();
    for number in 0..6 {
        let fleet = fleet.clone();
        let name = format!("s{number}");
        running.spawn(async move { fleet.transcode(job_of(&name, "sleep 100")).await });
    }
    while let Some(done) = running.join_next().await {
        assert!(is_on_card(&done.unwrap().unwrap()));
    }
    assert!(
        started.elapsed() >= Duration::from_millis(300),
        "two at a time"
    );
}

#[tokio::test]
async fn a_cancelled_job_stops_and_its_neighbours_go_on() {
    let (fleet, metrics) = machine("nvidia:0", "encodes").await;
    let waiting = tokio::time::timeout(
        Duration::from_millis(150),
        fleet.transcode(job_of("a", "sleep 20000")),
    );
    assert!(waiting.await.is_err());
    let name = "streamflow_device_worker_deaths_total";
    let deaths = metrics.counter(name, &[("device", "nvidia:0")]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(is_on_card(
        &fleet.transcode(job_of("b", "plain")).await.unwrap()
    ));
    assert_eq!(deaths.value(), 0.0);
    // One that does not listen takes the worker with it, in the end.
    let deaf = tokio::time::timeout(
        Duration::from_millis(150),
        fleet.transcode(job_of("a", "deaf")),
    );
    assert!(deaf.await.is_err());
    until(|| deaths.value() == 1.0).await;
    until(|| fleet.usable() == 1).await;
    assert!(is_on_card(
        &fleet.transcode(job_of("b", "plain")).await.unwrap()
    ));
}

#[tokio::test]
async fn an_unusable_card_is_shown_with_its_reason() {
    let (fleet, metrics) = machine("nvidia:3", "broken").await;
    let card = fleet.devices().remove(0);
    assert_eq!(card.name, "nvidia:3");
    assert!(matches!(card.state, DeviceState::Down(refusal) if refusal.code == "driver"));
    assert!(!is_on_card(&fleet.transcode(job("plain")).await.unwrap()));
    assert_eq!(fallbacks(&metrics, "down"), 1.0);
}
