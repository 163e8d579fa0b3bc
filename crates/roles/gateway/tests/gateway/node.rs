//! A gateway on ports of its own, and what a client does with it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use streamflow_admin::Access;
use streamflow_gateway::{Config, Deps, Ladder, Listeners, run};
use streamflow_rpc::multipart::{Reader, ReaderLimits};
use streamflow_rpc::{Clients, PeerPolicy};
use streamflow_runtime::{Metrics, Shutdown, SystemClock};
use streamflow_storage::SegmentStore;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

use crate::media::ladder;
use crate::orchestrator::Orchestrator;

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) http: SocketAddr,
    pub(crate) rtmp: SocketAddr,
    pub(crate) control: SocketAddr,
    pub(crate) client: reqwest::Client,
    pub(crate) shutdown: Shutdown,
    task: JoinHandle<()>,
}

/// What came back for a pushed segment.
pub(crate) struct Pushed {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) renditions: Vec<(String, Bytes)>,
}

/// A configuration for these orchestrators and the ladder of the tests.
pub(crate) fn config(orchestrators: &[&Orchestrator]) -> Config {
    let mut config = Config::new(Access::loopback());
    config.orchestrators = orchestrators.iter().map(|one| one.url.clone()).collect();
    config.ladder = Ladder::Profiles(ladder());
    config
}

/// What a gateway uses in tests.
pub(crate) fn deps() -> Deps {
    let (clock, metrics) = (Arc::new(SystemClock), Metrics::new());
    let store = SegmentStore::in_memory(64 << 20, clock.clone(), &metrics);
    Deps::off_chain(store, clock, metrics)
}

impl Gateway {
    pub(crate) async fn start(config: Config, deps: Deps) -> Self {
        let bind = || TcpListener::bind("127.0.0.1:0");
        let (http, rtmp, control) = (
            bind().await.unwrap(),
            bind().await.unwrap(),
            bind().await.unwrap(),
        );
        let addresses = [&http, &rtmp, &control].map(|listener| listener.local_addr().unwrap());
        let listeners = Listeners {
            http,
            rtmp: Some(rtmp),
            control: Some(control),
        };
        let shutdown = Shutdown::new();
        let its_end = shutdown.clone();
        let task = tokio::spawn(async move {
            run(config, deps, listeners, its_end).await.unwrap();
        });
        Self {
            http: addresses[0],
            rtmp: addresses[1],
            control: addresses[2],
            client: Clients::new(&PeerPolicy::AnyCertificate)
                .unwrap()
                .segments()
                .clone(),
            shutdown,
            task,
        }
    }

    /// A gateway for these orchestrators.
    pub(crate) async fn of(orchestrators: &[&Orchestrator]) -> Self {
        Self::start(config(orchestrators), deps()).await
    }

    /// Pushes a segment and takes its renditions.
    pub(crate) async fn push(&self, manifest: &str, number: usize, segment: &Bytes) -> Pushed {
        self.push_with(manifest, number, segment, None).await
    }

    pub(crate) async fn push_with(
        &self,
        manifest: &str,
        number: usize,
        segment: &Bytes,
        configuration: Option<&str>,
    ) -> Pushed {
        let url = format!("http://{}/live/{manifest}/{number}.ts", self.http);
        let mut request = self
            .client
            .post(url)
            .header("Accept", "multipart/mixed")
            .header("Content-Duration", "2000")
            .body(segment.clone());
        if let Some(configuration) = configuration {
            request = request.header("Livepeer-Transcode-Configuration", configuration);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let kind = answer.headers().get("content-type").cloned();
        let kind = kind
            .map(|kind| kind.to_str().unwrap().to_owned())
            .unwrap_or_default();
        let body = answer.bytes().await.unwrap();
        if !kind.starts_with("multipart/") {
            let text = String::from_utf8_lossy(&body).into_owned();
            return Pushed {
                status,
                text,
                renditions: Vec::new(),
            };
        }
        let renditions = parts(&kind, body).await;
        Pushed {
            status,
            text: String::new(),
            renditions,
        }
    }

    /// Text below the HTTP address.
    pub(crate) async fn text(&self, path: &str) -> (u16, String) {
        let answer = self
            .client
            .get(format!("http://{}{path}", self.http))
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// JSON of the control API.
    pub(crate) async fn control(&self, path: &str) -> serde_json::Value {
        let url = format!("http://{}{path}", self.control);
        let answer = self.client.get(url).send().await.unwrap();
        let text = answer.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text))
    }

    /// Something done over the control API; gives the status.
    pub(crate) async fn act(&self, path: &str, body: serde_json::Value) -> u16 {
        let url = format!("http://{}{path}", self.control);
        let request = self
            .client
            .post(url)
            .header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        answer.status().as_u16()
    }

    /// The state of an orchestrator as the operator sees it.
    pub(crate) async fn state_of(&self, url: &Url) -> String {
        let all = self.control("/api/v1/orchestrators").await;
        let wanted = url.as_str().trim_end_matches('/');
        let one = all
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["url"] == wanted)
            .unwrap();
        one["state"].as_str().unwrap().to_owned()
    }

    /// Drains and waits for the end.
    pub(crate) async fn drain(self) {
        self.shutdown.drain();
        tokio::time::timeout(Duration::from_secs(20), self.task)
            .await
            .unwrap()
            .unwrap();
    }
}

async fn parts(kind: &str, body: Bytes) -> Vec<(String, Bytes)> {
    let limits = ReaderLimits {
        parts: 16,
        part_bytes: 1 << 24,
        total_bytes: 1 << 26,
    };
    let body = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut reader = Reader::new(kind, body, limits).unwrap();
    let mut parts = Vec::new();
    while let Some(part) = reader.next().await.unwrap() {
        let name = part.headers["rendition-name"].to_str().unwrap().to_owned();
        parts.push((name, part.bytes));
    }
    parts
}

/// Waits until something is so.
pub(crate) async fn eventually<F: AsyncFnMut() -> bool>(what: &str, mut is_so: F) {
    for _ in 0..200 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}
