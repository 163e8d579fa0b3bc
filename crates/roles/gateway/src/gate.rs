//! Who may publish, and what becomes of pushed segments: the gateway behind its doors.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use streamflow_ingest::{
    Client, Left, PublishGate, PublishHandle, PublishRequest, PushAnswer, PushError, PushGate,
    PushRequest, Refusal,
};
use streamflow_types::{ManifestId, SourceSegment};
use streamflow_wire::segment::Slice;
use tokio::sync::{mpsc, oneshot};

use crate::node::Node;
use crate::registry::{OpenError, Running, WAITING, open_push, open_rtmp};
use crate::setup::{AuthError, SetupError, StreamConfig, combine};
use crate::stream::Incoming;

/// How often a pushed segment is offered when its stream ends that very moment.
const TRIES: usize = 3;

/// Names of pushed streams remembered; those of streams that ended go first.
const MAX_NAMES: usize = 20_000;

/// Streams made over the API that are remembered, the newest ones.
const MAX_MADE: usize = 4_096;

/// The gateway as its doors see it. Clones are the same.
#[derive(Clone)]
pub(crate) struct Gate {
    node: Arc<Node>,
    /// What publishers call their streams, and what they are called here. Each is locked while its
    /// stream is opened, so that concurrent first segments open it once.
    names: Arc<Mutex<BTreeMap<String, Name>>>,
    /// Streams made over the API, and how they are to be served when they come.
    made: Arc<Mutex<VecDeque<(String, StreamConfig)>>>,
}

type Name = Arc<tokio::sync::Mutex<Option<ManifestId>>>;

impl Gate {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self {
            node,
            names: Arc::default(),
            made: Arc::default(),
        }
    }

    /// Keeps how a stream is to be served that will be pushed later.
    pub(crate) fn make(&self, id: String, config: StreamConfig) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= MAX_MADE {
            made.pop_front();
        }
        made.push_back((id, config));
    }

    /// How a stream made over the API is to be served.
    fn made(&self, external: &ManifestId) -> Option<StreamConfig> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let found = made.iter().rev().find(|(id, _)| id == external.as_str());
        found.map(|(_, config)| config.clone())
    }

    async fn auth(&self, url: &str) -> Result<Option<StreamConfig>, AuthError> {
        match &self.node.auth {
            Some(webhook) => webhook.ask(url).await,
            None => Ok(None),
        }
    }

    fn name(&self, external: &ManifestId) -> Name {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MAX_NAMES {
            // Those nobody holds and whose stream is over.
            names.retain(|_, name| {
                Arc::strong_count(name) > 1
                    || name.try_lock().is_ok_and(|inner| {
                        let running = inner
                            .as_ref()
                            .map(|id| self.node.registry.find(id.as_str()));
                        running.flatten().is_some()
                    })
            });
        }
        names
            .entry(external.as_str().to_owned())
            .or_default()
            .clone()
    }

    /// The running stream of a push, opened where it has none.
    async fn stream(&self, request: &PushRequest) -> Result<Arc<Running>, PushError> {
        let name = self.name(&request.manifest);
        let mut internal = name.lock().await;
        if let Some(id) = internal.as_ref()
            && let Some(running) = self.node.registry.find(id.as_str())
            && !running.is_over()
            && running.push.is_some()
        {
            return Ok(running);
        }
        let header = request
            .configuration
            .as_ref()
            .map(StreamConfig::from_header)
            .transpose();
        let header = header.map_err(|error| PushError::Configuration(error.to_string()))?;
        let header = header.or_else(|| self.made(&request.manifest));
        let webhook = self.auth(&request.url).await.map_err(|error| {
            tracing::info!(manifestID = %request.manifest, %error, "push refused");
            PushError::Denied
        })?;
        let ladder = &self.node.config.ladder;
        let setup = combine(&request.manifest, header.as_ref(), webhook.as_ref(), ladder);
        let setup = setup.map_err(of_setup)?;
        let client = request.client.map(|client| client.ip().to_string());
        let manifest = setup.manifest.clone();
        self.leave_others(&request.manifest, &manifest);
        let opened = open_push(&self.node, setup, client)
            .await
            .map_err(|error| match error {
                OpenError::Draining | OpenError::Nobody => PushError::NoSessions,
                other => PushError::Stream(other.to_string()),
            })?;
        *internal = Some(manifest);
        Ok(opened.running)
    }

    /// Another publisher's name for the same stream leads nowhere from now on.
    fn leave_others(&self, external: &ManifestId, internal: &ManifestId) {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        for (other, name) in names.iter() {
            if other != external.as_str()
                && let Ok(mut known) = name.try_lock()
                && known.as_ref() == Some(internal)
            {
                *known = None;
            }
        }
    }
}

#[async_trait]
impl PublishGate for Gate {
    async fn open(&self, request: PublishRequest) -> Result<PublishHandle, Refusal> {
        if self.node.is_draining() {
            return Err(Refusal::Draining);
        }
        let webhook = self
            .auth(&request.url)
            .await
            .map_err(|error| Refusal::Denied(error.to_string()))?;
        let ladder = &self.node.config.ladder;
        let setup = combine(&request.manifest, None, webhook.as_ref(), ladder)
            .map_err(|error| Refusal::Denied(error.to_string()))?;
        let manifest = setup.manifest.clone();
        let (segments, receiver) = mpsc::channel(WAITING);
        let client = request.client.ip().to_string();
        let opened = open_rtmp(&self.node, setup, receiver, Some(client)).await;
        let opened = opened.map_err(|error| match error {
            OpenError::InUse => Refusal::InUse,
            OpenError::TooMany(_) => Refusal::TooManyStreams,
            OpenError::Draining => Refusal::Draining,
            other => Refusal::Unavailable(other.to_string()),
        })?;
        Ok(PublishHandle {
            manifest,
            segments,
            next: opened.next,
        })
    }
}

#[async_trait]
impl PushGate for Gate {
    async fn push(&self, request: PushRequest) -> Result<PushAnswer, PushError> {
        if self.node.shutdown.is_draining() {
            return Err(PushError::NoSessions);
        }
        for _ in 0..TRIES {
            let running = self.stream(&request).await?;
            let Some(sender) = &running.push else {
                return Err(PushError::NoSessions);
            };
            let (reply, answer) = oneshot::channel();
            if sender.send(incoming(&request, reply)).await.is_err() {
                continue;
            }
            return answer.await.unwrap_or(Err(PushError::NoSessions));
        }
        Err(PushError::NoSessions)
    }

    fn client_left(&self, client: &Client, when: Left) {
        let address = client.address.map(|address| address.ip().to_string());
        let manifest = client.manifest.as_str();
        let metrics = self.node.metrics.stream(manifest, address.as_deref());
        match when {
            Left::BeforeAnswer => metrics.client_left_before(),
            Left::WithinAnswer => metrics.client_left_within(),
        }
    }
}

fn of_setup(error: SetupError) -> PushError {
    match error {
        SetupError::Shape(text) => PushError::Configuration(text),
        SetupError::NoManifest | SetupError::Manifest(_) => PushError::Denied,
        other => PushError::Stream(other.to_string()),
    }
}

fn incoming(
    request: &PushRequest,
    reply: oneshot::Sender<Result<PushAnswer, PushError>>,
) -> Incoming {
    let millis =
        |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let slice = request.clip.map_or_else(Slice::default, |clip| Slice {
        from_ms: millis(clip.from),
        to_ms: clip.to.map_or(0, millis),
    });
    let reinit = request.configuration.as_ref().is_some_and(|config| {
        config
            .get("forceSessionReinit")
            .and_then(serde_json::Value::as_bool)
            == Some(true)
    });
    Incoming {
        segment: SourceSegment {
            manifest: request.manifest.clone(),
            number: request.number,
            duration: request.duration,
            container: request.container,
            bytes: request.bytes.clone(),
            discontinuity: false,
        },
        keccak: Some(request.keccak),
        // All pushed segments carry segment parameters.
        slice: Some(slice),
        reinit,
        reply: Some(reply),
        held: None,
    }
}
