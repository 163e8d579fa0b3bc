//! What an operator sees and does.

use serde_json::json;

use crate::media::film;
use crate::node::{Gateway, eventually};
use crate::orchestrator::{Behaviour, Orchestrator};

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_missing_orchestrators_and_a_drain() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let gateway = Gateway::of(&[&orchestrator]).await;
    let reasons = async || gateway.control("/readyz").await.to_string();
    eventually("it gets ready", async || reasons().await.contains("ok")).await;
    assert_eq!(gateway.act("/api/v1/drain", json!({})).await, 200);
    assert!(reasons().await.contains("draining"));
    assert_eq!(gateway.push("new", 0, &film()[0].source).await.status, 503);
    assert_eq!(gateway.act("/api/v1/resume", json!({})).await, 200);
    assert_eq!(gateway.push("new", 0, &film()[0].source).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_list_is_a_reason_not_to_be_ready() {
    let gone = Orchestrator::start(Behaviour::Honest).await;
    gone.stop();
    let gateway = Gateway::of(&[&gone]).await;
    eventually("it says so", async || {
        gateway
            .control("/readyz")
            .await
            .to_string()
            .contains("no-orchestrators")
    })
    .await;
    eventually("the list says so too", async || {
        gateway.state_of(&gone.url).await == "unreachable"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_orchestrator_gets_nothing_until_it_is_let_in() {
    let one = Orchestrator::start(Behaviour::Honest).await;
    let other = Orchestrator::start(Behaviour::Honest).await;
    let gateway = Gateway::of(&[&one, &other]).await;
    let film = film();
    let body = json!({"url": one.url.as_str()});
    assert_eq!(
        gateway
            .act("/api/v1/orchestrators/block", body.clone())
            .await,
        200
    );
    assert_eq!(gateway.state_of(&one.url).await, "blocked");
    for number in 0..film.len() {
        assert_eq!(
            gateway
                .push("block", number, &film[number].source)
                .await
                .status,
            200
        );
    }
    assert_eq!((one.segments(), other.segments()), (0, film.len()));
    assert_eq!(gateway.state_of(&other.url).await, "in-use");
    assert_eq!(
        gateway.act("/api/v1/orchestrators/unblock", body).await,
        200
    );
    assert_ne!(gateway.state_of(&one.url).await, "blocked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_asks_right_now() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let gateway = Gateway::of(&[]).await;
    let before = orchestrator.offers();
    let body = json!({"url": orchestrator.url.as_str()});
    assert_eq!(
        gateway
            .act("/api/v1/orchestrators/probe", body.clone())
            .await,
        200
    );
    assert_eq!(orchestrator.offers(), before + 1);
    orchestrator.stop();
    let status = gateway.act("/api/v1/orchestrators/probe", body).await;
    assert!(status >= 400, "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_swapped_and_stopped() {
    let one = Orchestrator::start(Behaviour::Honest).await;
    let other = Orchestrator::start(Behaviour::Honest).await;
    let gateway = Gateway::of(&[&one, &other]).await;
    let film = film();
    let of = async || gateway.control("/api/v1/streams/s").await["orchestrator"].clone();
    assert_eq!(gateway.push("s", 0, &film[0].source).await.status, 200);
    let first = of().await;
    // The second offer may come a moment after the first segment went out.
    eventually("both offer", async || {
        one.offers() > 1 && other.offers() > 1
    })
    .await;
    assert_eq!(gateway.act("/api/v1/streams/s/swap", json!({})).await, 200);
    assert_eq!(gateway.push("s", 1, &film[1].source).await.status, 200);
    assert_ne!(of().await, first);
    assert_eq!(gateway.act("/api/v1/streams/s/stop", json!({})).await, 200);
    eventually("it is gone", async || {
        gateway
            .control("/api/v1/streams")
            .await
            .as_array()
            .unwrap()
            .is_empty()
    })
    .await;
    assert_eq!(gateway.act("/api/v1/streams/s/stop", json!({})).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_have_the_names_boards_know() {
    let bad = Orchestrator::start(Behaviour::Fail("TranscoderStopped")).await;
    let good = Orchestrator::start(Behaviour::Honest).await;
    let gateway = Gateway::of(&[&bad, &good]).await;
    let film = film();
    for number in 0..film.len() {
        assert_eq!(
            gateway
                .push("count", number, &film[number].source)
                .await
                .status,
            200
        );
    }
    let url = format!("http://{}/metrics", gateway.control);
    let text = gateway
        .client
        .get(url)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for name in [
        "livepeer_current_sessions_total{node_type=\"bctr\"} 1",
        "livepeer_segment_source_emerged_total{node_type=\"bctr\"} 4",
        "livepeer_segment_source_appeared_total",
        "livepeer_segment_source_uploaded_total",
        "livepeer_segment_transcoded_total",
        "profiles=\"small,tiny\"",
        "livepeer_transcode_overall_latency_seconds",
        "livepeer_http_client_segment_transcoded_realtime_3x",
        "livepeer_success_rate{node_type=\"bctr\"} 1",
        "streamflow_segments_total{node_type=\"bctr\",outcome=\"network\"} 4",
    ] {
        assert!(text.contains(name), "{name} is missing in\n{text}");
    }
}
