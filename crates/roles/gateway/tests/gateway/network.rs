//! The gateway with real orchestrators: everything between a publisher and a viewer is real but the
//! picture of the renditions.

use std::sync::Arc;
use std::time::Duration;

use streamflow_engine::{Latency, Null};
use streamflow_orchestrator as orchestrator;
use streamflow_orchestrator::{ControlHandle, SessionLimit};
use streamflow_rpc::{Identity, PeerPolicy, ServerLimits};
use streamflow_runtime::{Metrics, Readiness, Shutdown, SystemClock};
use tokio::net::TcpListener;
use url::Url;

use crate::media::film;
use crate::node::{Gateway, config, deps, eventually};
use crate::publish::publish;

struct Node {
    url: Url,
    shutdown: Shutdown,
    _data: tempfile::TempDir,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.shutdown.stop();
    }
}

async fn node(seed: u64) -> Node {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("https://{}", listener.local_addr().unwrap())).unwrap();
    let data = tempfile::tempdir().unwrap();
    let latency = Latency {
        median: Duration::from_millis(120),
        sigma: 0.3,
    };
    let config = orchestrator::Config {
        service: url.clone(),
        data_dir: data.path().to_owned(),
        secret: None,
        sessions: SessionLimit::Fixed(50),
        nodes: Vec::new(),
        max_segment_bytes: 300_000_000,
        source_budget_bytes: 64 << 20,
        rendition_budget_bytes: 64 << 20,
        fetch_allowed: Vec::new(),
        auth_webhook: None,
        version: "0.9.1".to_owned(),
        ping_itself: false,
    };
    let deps = orchestrator::Deps {
        listener,
        tls: Some(Identity::ephemeral("127.0.0.1").unwrap()),
        limits: ServerLimits::of_this_machine(),
        identity: orchestrator::Identity::OffChain,
        payments: Arc::new(orchestrator::OffChain),
        engine: Some(Arc::new(Null::new(latency, seed, 50))),
        peers: PeerPolicy::AnyCertificate,
        clock: Arc::new(SystemClock),
        metrics: Metrics::new(),
        readiness: Readiness::new(),
        control: ControlHandle::new(),
    };
    let shutdown = Shutdown::new();
    let its_end = shutdown.clone();
    tokio::spawn(async move { orchestrator::run(config, deps, its_end).await });
    Node {
        url,
        shutdown,
        _data: data,
    }
}

async fn gateway_of(nodes: &[&Node]) -> Gateway {
    let mut config = config(&[]);
    config.orchestrators = nodes.iter().map(|node| node.url.clone()).collect();
    Gateway::start(config, deps()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_film_plays_in_all_renditions() {
    let (one, other) = (node(1).await, node(2).await);
    let gateway = gateway_of(&[&one, &other]).await;
    assert!(publish(&gateway, "film", false).await);
    for variant in ["source", "small", "tiny"] {
        let complete = async || {
            let (_, media) = gateway.text(&format!("/stream/film/{variant}.m3u8")).await;
            media.matches("#EXTINF:").count() == film().len() && !media.contains("GAP")
        };
        eventually(variant, complete).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_in_the_middle_loses_nothing() {
    let (one, other) = (node(3).await, node(4).await);
    let gateway = gateway_of(&[&one, &other]).await;
    let film = film();
    assert_eq!(gateway.push("death", 0, &film[0].source).await.status, 200);
    let stream = gateway.control("/api/v1/streams/death").await;
    let serving = stream["orchestrator"].as_str().unwrap().to_owned();
    let victim = [&one, &other]
        .into_iter()
        .find(|n| n.url.as_str().starts_with(&serving));
    victim.unwrap().shutdown.stop();
    for (number, segment) in film.iter().enumerate().skip(1) {
        let pushed = gateway.push("death", number, &segment.source).await;
        assert_eq!(
            (pushed.status, pushed.renditions.len()),
            (200, 2),
            "{}",
            pushed.text
        );
    }
}
