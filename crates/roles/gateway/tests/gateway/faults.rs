//! Orchestrators that hang, fail, refuse and cheat, one among honest ones.

use std::time::{Duration, Instant};

use crate::media::film;
use crate::node::{Gateway, config, deps};
use crate::orchestrator::{Behaviour, Orchestrator};

/// Pushes the film several times; gives the slowest answer.
async fn all_delivered(gateway: &Gateway, manifest: &str, rounds: usize) -> Duration {
    let (film, mut slowest) = (film(), Duration::ZERO);
    for round in 0..rounds {
        // Another stream each time: time goes forward in one.
        let manifest = format!("{manifest}{round}");
        for (number, one) in film.iter().enumerate() {
            let began = Instant::now();
            let pushed = gateway.push(&manifest, number, &one.source).await;
            slowest = slowest.max(began.elapsed());
            assert_eq!(pushed.status, 200, "{manifest} {number}: {}", pushed.text);
            for (name, bytes) in &pushed.renditions {
                assert_eq!(*bytes, one.rendition(name).0, "nothing wrong is published");
            }
        }
    }
    slowest
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_orchestrator_is_hedged_in_time() {
    let bad = Orchestrator::start(Behaviour::Hang).await;
    let good = Orchestrator::start(Behaviour::Honest).await;
    let gateway = Gateway::of(&[&bad, &good]).await;
    let slowest = all_delivered(&gateway, "hang", 4).await;
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert!(good.segments() >= film().len() * 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orchestrator_that_vanishes_is_not_noticed() {
    let first = Orchestrator::start(Behaviour::Honest).await;
    let second = Orchestrator::start(Behaviour::Honest).await;
    let gateway = Gateway::of(&[&first, &second]).await;
    let film = film();
    assert_eq!(gateway.push("gone", 0, &film[0].source).await.status, 200);
    let (serving, other) = if first.segments() > 0 {
        (&first, &second)
    } else {
        (&second, &first)
    };
    serving.stop();
    for (number, one) in film.iter().enumerate().skip(1) {
        let pushed = gateway.push("gone", number, &one.source).await;
        assert_eq!(pushed.status, 200, "{}", pushed.text);
    }
    assert_eq!(other.segments(), film.len() - 1);
    let (_, media) = gateway.text("/stream/gone/small.m3u8").await;
    assert_eq!(media.matches("#EXTINF:").count(), film.len());
    assert!(!media.contains("GAP"), "{media}");
    let stream = gateway.control("/api/v1/streams/gone").await;
    assert_eq!(stream["swaps"], 1, "{stream}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_made_up_for_by_somebody_else_at_once() {
    for (behaviour, may_be_slow) in [
        (Behaviour::Fail("TranscoderStopped"), false),
        (Behaviour::Fail("OrchestratorBusy"), false),
        (Behaviour::Refuse(403, "OrchestratorCapped"), false),
        (Behaviour::Refuse(500, "Internal Server Error"), false),
        (Behaviour::Refuse(403, "incompatible capabilities"), false),
        (Behaviour::Missing, false),
        (Behaviour::Garbage, false),
        (Behaviour::Truncated, false),
        (Behaviour::OtherSegment, false),
        (Behaviour::Elsewhere, false),
        (Behaviour::Slow(Duration::from_secs(9)), true),
    ] {
        let bad = Orchestrator::start(behaviour.clone()).await;
        let good = Orchestrator::start(Behaviour::Honest).await;
        let gateway = Gateway::of(&[&bad, &good]).await;
        let slowest = all_delivered(&gateway, "fault", 2).await;
        let limit = if may_be_slow { 2_500 } else { 900 };
        assert!(
            slowest < Duration::from_millis(limit),
            "{behaviour:?}: {slowest:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cheats_are_shut_out_after_one_segment() {
    for behaviour in [Behaviour::WrongSize, Behaviour::Overcharge] {
        let cheat = Orchestrator::start(behaviour.clone()).await;
        let honest = Orchestrator::start(Behaviour::Honest).await;
        let gateway = Gateway::of(&[&cheat, &honest]).await;
        all_delivered(&gateway, "cheat", 6).await;
        assert!(cheat.segments() <= 1, "{behaviour:?}: {}", cheat.segments());
        if cheat.segments() == 1 {
            assert_eq!(gateway.state_of(&cheat.url).await, "suspended");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cheat_alone_gets_nothing_published() {
    let cheat = Orchestrator::start(Behaviour::WrongSize).await;
    let gateway = Gateway::of(&[&cheat]).await;
    let film = film();
    for (number, one) in film.iter().enumerate() {
        let pushed = gateway.push("alone", number, &one.source).await;
        assert_eq!(pushed.status, 503);
        assert!(pushed.renditions.is_empty());
    }
    assert_eq!(cheat.segments(), 1);
    let (_, source) = gateway.text("/stream/alone/source.m3u8").await;
    assert_eq!(
        source.matches("#EXTINF:").count(),
        film.len(),
        "the source is live: {source}"
    );
    let (status, small) = gateway.text("/stream/alone/small.m3u8").await;
    assert!(
        status == 404 || !small.contains(".ts\n") || small.contains("GAP"),
        "{small}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_two_orchestrators_call_bad_is_bad() {
    let first = Orchestrator::start(Behaviour::Fail("No keyframes in input")).await;
    let second = Orchestrator::start(Behaviour::Fail("No keyframes in input")).await;
    let gateway = Gateway::of(&[&first, &second]).await;
    let pushed = gateway.push("bad", 0, &film()[0].source).await;
    assert_eq!(pushed.status, 422);
    assert!(
        pushed.text.contains("err=\"No keyframes in input\""),
        "{}",
        pushed.text
    );
    assert_eq!((first.segments(), second.segments()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_orchestrator_that_calls_a_good_segment_bad_is_not_believed() {
    let liar = Orchestrator::start(Behaviour::Fail("TranscoderInvalidVideo")).await;
    let honest = Orchestrator::start(Behaviour::Honest).await;
    let gateway = Gateway::of(&[&liar, &honest]).await;
    all_delivered(&gateway, "liar", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_orchestrator_keeps_its_stream() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let gateway = Gateway::of(&[&orchestrator]).await;
    let film = film();
    assert_eq!(
        gateway.push("restart", 0, &film[0].source).await.status,
        200
    );
    orchestrator.forget_tokens();
    for (number, one) in film.iter().enumerate().skip(1) {
        let began = Instant::now();
        assert_eq!(
            gateway.push("restart", number, &one.source).await.status,
            200
        );
        assert!(began.elapsed() < Duration::from_secs(1));
    }
    let stream = gateway.control("/api/v1/streams/restart").await;
    assert_eq!(
        stream["recent"][1]["attempts"].as_array().unwrap().len(),
        1,
        "{stream}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_gives_up_after_some_attempts_says_so() {
    let orchestrator = Orchestrator::start(Behaviour::Fail("TranscoderStopped")).await;
    let mut config = config(&[&orchestrator]);
    config.max_attempts = Some(3);
    let gateway = Gateway::start(config, deps()).await;
    let pushed = gateway.push("few", 0, &film()[0].source).await;
    assert_eq!(pushed.status, 500, "{}", pushed.text);
    assert_eq!(orchestrator.segments(), 3);
}
