//! From the network to this machine to nobody, and back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use streamflow_engine::{Job, Outcome, Transcoder, default_capabilities};
use streamflow_gateway::Fallback;
use streamflow_types::{CapabilitySet, Pixels, Rendition, SessionId, TranscodeFailure};

use crate::media::film;
use crate::node::{Gateway, config, deps};
use crate::orchestrator::{Behaviour, Orchestrator};

/// An engine that has the film's renditions at hand.
struct Engine;

#[async_trait]
impl Transcoder for Engine {
    async fn transcode(&self, job: Job) -> Result<Outcome, TranscodeFailure> {
        let film = film();
        let one = film.iter().find(|one| one.source == job.source);
        let one = one.ok_or(TranscodeFailure::InvalidVideo)?;
        let renditions = job.work.profiles.iter().map(|profile| {
            let (bytes, pixels) = one.rendition(&profile.name);
            Rendition {
                bytes,
                pixels,
                signature: None,
            }
        });
        Ok(Outcome {
            decoded_frames: 30,
            decoded_pixels: Pixels(30),
            renditions: renditions.collect(),
            took: Duration::from_millis(1),
        })
    }

    async fn end_session(&self, _: &SessionId) {}

    fn capabilities(&self) -> CapabilitySet {
        default_capabilities()
    }

    fn capacity(&self) -> Option<u32> {
        Some(1)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_without_orchestrators_works_by_itself() {
    let mut deps = deps();
    deps.local = Some(Arc::new(Engine));
    let gateway = Gateway::start(config(&[]), deps).await;
    for (number, one) in film().iter().enumerate() {
        let pushed = gateway.push("self", number, &one.source).await;
        assert_eq!(
            (pushed.status, pushed.renditions.len()),
            (200, 2),
            "{}",
            pushed.text
        );
    }
    assert_eq!(
        gateway.control("/api/v1/streams/self").await["path"],
        "local"
    );
    let ready = gateway.control("/readyz").await;
    assert_eq!(ready, serde_json::Value::String("ok\n".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_engine_takes_over_while_the_network_is_down_and_gives_back() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let mut deps = deps();
    deps.local = Some(Arc::new(Engine));
    let gateway = Gateway::start(config(&[&orchestrator]), deps).await;
    let film = film();
    let path = async || gateway.control("/api/v1/streams/chain").await["path"].clone();
    assert_eq!(gateway.push("chain", 0, &film[0].source).await.status, 200);
    assert_eq!(path().await, "network");
    for (number, behaviour) in [
        (1, Behaviour::Refuse(500, "down")),
        (2, Behaviour::Refuse(403, "OrchestratorCapped")),
    ] {
        orchestrator.behave(behaviour);
        let began = Instant::now();
        assert_eq!(
            gateway
                .push("chain", number, &film[number].source)
                .await
                .status,
            200
        );
        assert!(
            began.elapsed() < Duration::from_millis(800),
            "{:?}",
            began.elapsed()
        );
        assert_eq!(path().await, "local");
    }
    orchestrator.behave(Behaviour::Honest);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(gateway.push("chain", 3, &film[3].source).await.status, 200);
    assert_eq!(path().await, "network");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_engine_starts_while_orchestrators_are_silent() {
    // A port nobody answers on: bound, never accepted.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = config(&[]);
    let url = format!("https://{}", silent.local_addr().unwrap());
    config.orchestrators = vec![streamflow_gateway::orchestrator_url(&url).unwrap()];
    let mut deps = deps();
    deps.local = Some(Arc::new(Engine));
    let gateway = Gateway::start(config, deps).await;
    let began = Instant::now();
    assert_eq!(
        gateway.push("silent", 0, &film()[0].source).await.status,
        200
    );
    assert!(
        began.elapsed() < Duration::from_millis(1_200),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_anybody_the_source_is_live_and_pushes_are_told() {
    let mut config = config(&[]);
    config.fallback = vec![Fallback::Network, Fallback::Passthrough];
    let gateway = Gateway::start(config, deps()).await;
    for (number, one) in film().iter().enumerate() {
        let began = Instant::now();
        let pushed = gateway.push("bare", number, &one.source).await;
        assert_eq!(
            (pushed.status, pushed.text.as_str()),
            (503, "No sessions available\n")
        );
        assert!(began.elapsed() < Duration::from_millis(500));
    }
    let (_, source) = gateway.text("/stream/bare/source.m3u8").await;
    assert_eq!(source.matches("#EXTINF:").count(), film().len());
    assert_eq!(
        gateway.control("/api/v1/streams/bare").await["path"],
        "passthrough"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_orchestrator_that_comes_back_is_used_within_a_moment() {
    let orchestrator = Orchestrator::start(Behaviour::Refuse(500, "down")).await;
    let gateway = Gateway::of(&[&orchestrator]).await;
    let film = film();
    let (pushed, ()) = tokio::join!(gateway.push("back", 0, &film[0].source), async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        orchestrator.behave(Behaviour::Honest);
    });
    assert_eq!(
        pushed.status, 200,
        "a segment waits for its deadline: {}",
        pushed.text
    );
}
