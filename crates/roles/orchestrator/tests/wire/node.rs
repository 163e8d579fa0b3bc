//! An orchestrator on a port of its own, with an engine that gives fixed renditions.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use streamflow_engine::{Job, Outcome, Transcoder};
use streamflow_orchestrator::{Config, ControlHandle, Deps, Identity, OffChain, SessionLimit, run};
use streamflow_rpc::{Clients, PeerPolicy, ServerLimits};
use streamflow_runtime::{Metrics, Readiness, Shutdown, SystemClock};
use streamflow_types::{CapabilitySet, Pixels, Rendition, SessionId, TranscodeFailure};
use streamflow_wire::signature::SecretKey;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

pub(crate) const SECRET: &str = "swordfish";

pub(crate) fn vectors(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/vectors/");
    let text = std::fs::read_to_string(format!("{folder}{name}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What the engine of a test does.
#[derive(Clone, Debug)]
pub(crate) struct Fixed {
    pub(crate) renditions: Vec<Rendition>,
    pub(crate) failure: Option<TranscodeFailure>,
    pub(crate) takes: Duration,
}

impl Default for Fixed {
    /// Two renditions of 188 bytes, as the recorded node gave.
    fn default() -> Self {
        let rendition = |byte: u8, pixels| Rendition {
            bytes: [&[0x47][..], &[byte; 187]].concat().into(),
            pixels: Pixels(pixels),
            signature: None,
        };
        Self {
            renditions: vec![rendition(1, 100_000), rendition(2, 200_000)],
            failure: None,
            takes: Duration::ZERO,
        }
    }
}

#[async_trait]
impl Transcoder for Fixed {
    async fn transcode(&self, job: Job) -> Result<Outcome, TranscodeFailure> {
        tokio::time::sleep(self.takes).await;
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let mut renditions = self.renditions.clone();
        if job.work.signature {
            for (index, rendition) in renditions.iter_mut().enumerate() {
                rendition.signature = Some(Bytes::from(format!("phash{index}")));
            }
        }
        Ok(Outcome {
            decoded_frames: 0,
            decoded_pixels: Pixels(0),
            renditions,
            took: self.takes,
        })
    }

    async fn end_session(&self, _session: &SessionId) {}

    fn capabilities(&self) -> CapabilitySet {
        [0u32, 1, 12].into_iter().collect()
    }

    fn capacity(&self) -> Option<u32> {
        Some(10)
    }
}

/// How a node of a test is made.
pub(crate) struct Setup {
    pub(crate) identity: Identity,
    pub(crate) engine: Option<Fixed>,
    pub(crate) transcoders: bool,
    pub(crate) sessions: SessionLimit,
    pub(crate) max_segment_bytes: usize,
    pub(crate) nodes: Vec<String>,
    pub(crate) fetch_allowed: Vec<Url>,
    pub(crate) auth_webhook: Option<Url>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            identity: Identity::OffChain,
            engine: Some(Fixed::default()),
            transcoders: false,
            sessions: SessionLimit::Fixed(10),
            max_segment_bytes: 300_000_000,
            nodes: Vec::new(),
            fetch_allowed: Vec::new(),
            auth_webhook: None,
        }
    }
}

impl Setup {
    /// The recorded on-chain node, which signs with the second development key.
    pub(crate) fn recorded() -> Self {
        let file = vectors("admission");
        let key = hex::decode(file["keys"]["account1"]["private_key"].as_str().unwrap()).unwrap();
        let key = SecretKey::from_slice(&key).unwrap();
        Self {
            identity: Identity::Key(Box::new(key)),
            ..Self::default()
        }
    }

    pub(crate) async fn start(self) -> Node {
        let data = tempfile::tempdir().unwrap();
        write_token_secret(data.path());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::new();
        let config = Config {
            service: Url::parse("https://203.0.113.7:8935").unwrap(),
            data_dir: data.path().to_owned(),
            secret: self.transcoders.then(|| SECRET.to_owned()),
            sessions: self.sessions,
            nodes: self.nodes,
            max_segment_bytes: self.max_segment_bytes,
            source_budget_bytes: 1 << 30,
            rendition_budget_bytes: 1 << 26,
            fetch_allowed: self.fetch_allowed,
            auth_webhook: self.auth_webhook,
            version: "0.9.1".to_owned(),
            ping_itself: false,
        };
        let deps = Deps {
            listener,
            tls: Some(streamflow_rpc::Identity::ephemeral("203.0.113.7").unwrap()),
            limits: ServerLimits::of_this_machine(),
            identity: self.identity,
            payments: Arc::new(OffChain),
            engine: self
                .engine
                .map(|engine| Arc::new(engine) as Arc<dyn Transcoder>),
            peers: PeerPolicy::AnyCertificate,
            clock: Arc::new(SystemClock),
            metrics: Metrics::new(),
            readiness: Readiness::new(),
            control: ControlHandle::new(),
        };
        let control = deps.control.clone();
        let running = tokio::spawn(run(config, deps, shutdown.clone()));
        let clients = Clients::new(&PeerPolicy::AnyCertificate).unwrap();
        Node {
            address,
            clients,
            shutdown,
            control,
            running,
            _data: data,
        }
    }
}

/// The recorded node's secret, so that its tokens are ours.
fn write_token_secret(folder: &Path) {
    let secret: Vec<u8> = (0u8..32).collect();
    std::fs::write(folder.join("auth-token-secret"), secret).unwrap();
}

pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) clients: Clients,
    pub(crate) shutdown: Shutdown,
    pub(crate) control: ControlHandle,
    pub(crate) running: JoinHandle<Result<(), streamflow_orchestrator::RunError>>,
    _data: tempfile::TempDir,
}

impl Node {
    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("https://{}{path}", self.address)).unwrap()
    }
}
