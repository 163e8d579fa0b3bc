//! An orchestrator on a real port that behaves as a test tells it to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use http::StatusCode;
use streamflow_rpc::{Identity, ServerLimits, one_port, serve};
use streamflow_runtime::Shutdown;
use streamflow_types::{Address, Pixels, SessionId};
use streamflow_wire::capability::{Capabilities, default_set};
use streamflow_wire::info::Info;
use streamflow_wire::proto;
use streamflow_wire::proto::orchestrator_server::{Orchestrator as Service, OrchestratorServer};
use streamflow_wire::result::{ReportedRendition, ReportedSegments, SegmentAnswer, SegmentFailure};
use streamflow_wire::segment::{SEGMENT_HEADER, SegmentRequest};
use streamflow_wire::signature::keccak;
use streamflow_wire::token::{AuthToken, TokenSecret};
use tokio::net::TcpListener;
use tonic::service::Routes;
use url::Url;

use crate::media::{Film, film};

/// What an orchestrator does with segments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Behaviour {
    /// Its work.
    Honest,
    /// Its work, after this long.
    Slow(Duration),
    /// Nothing, for ever.
    Hang,
    /// Refuses before it has read the segment.
    Refuse(u16, &'static str),
    /// Says why there is no result.
    Fail(&'static str),
    /// Sends pictures of another size and says so.
    WrongSize,
    /// Claims more pixels than it made.
    Overcharge,
    /// Sends the renditions of another segment.
    OtherSegment,
    /// Sends bytes that are no video.
    Garbage,
    /// Sends the first half.
    Truncated,
    /// Leaves one out.
    Missing,
    /// Names an address inside the gateway's network.
    Elsewhere,
}

/// An orchestrator on a port of its own.
pub(crate) struct Orchestrator {
    pub(crate) url: Url,
    inner: Arc<Inner>,
    shutdown: Shutdown,
}

struct Inner {
    url: Url,
    behaviour: Mutex<Behaviour>,
    secret: Mutex<TokenSecret>,
    offers: AtomicUsize,
    segments: AtomicUsize,
    ended: AtomicUsize,
    stored: Mutex<HashMap<String, Bytes>>,
    requests: Mutex<Vec<SegmentRequest>>,
}

impl Orchestrator {
    pub(crate) async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("https://{}", listener.local_addr().unwrap())).unwrap();
        let inner = Arc::new(Inner {
            url: url.clone(),
            behaviour: Mutex::new(behaviour),
            secret: Mutex::new(TokenSecret::new(rand::random())),
            offers: AtomicUsize::new(0),
            segments: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            stored: Mutex::default(),
            requests: Mutex::default(),
        });
        let http = Router::new()
            .route("/segment", post(segment))
            .route("/stream/{*path}", get(stored))
            .with_state(inner.clone());
        let grpc = Routes::new(OrchestratorServer::new(Grpc(inner.clone())));
        let router = one_port(grpc, http);
        let identity = Identity::ephemeral("127.0.0.1").unwrap();
        let shutdown = Shutdown::new();
        let its_end = shutdown.clone();
        tokio::spawn(async move {
            let limits = ServerLimits::of_this_machine();
            serve(listener, Some(&identity), router, limits, its_end).await;
        });
        Self {
            url,
            inner,
            shutdown,
        }
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.inner.behaviour.lock().unwrap() = behaviour;
    }

    /// As after a restart: tokens of before are worth nothing.
    pub(crate) fn forget_tokens(&self) {
        *self.inner.secret.lock().unwrap() = TokenSecret::new(rand::random());
    }

    /// Offers made.
    pub(crate) fn offers(&self) -> usize {
        self.inner.offers.load(Ordering::SeqCst)
    }

    /// Segments that arrived.
    pub(crate) fn segments(&self) -> usize {
        self.inner.segments.load(Ordering::SeqCst)
    }

    /// Sessions that were ended by word of the gateway.
    pub(crate) fn ended(&self) -> usize {
        self.inner.ended.load(Ordering::SeqCst)
    }

    /// What was asked for, in order.
    pub(crate) fn requests(&self) -> Vec<SegmentRequest> {
        self.inner.requests.lock().unwrap().clone()
    }

    /// Vanishes.
    pub(crate) fn stop(&self) {
        self.shutdown.stop();
    }
}

impl Drop for Orchestrator {
    fn drop(&mut self) {
        self.stop();
    }
}

fn now() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64
}

impl Inner {
    fn info(&self, token: AuthToken) -> proto::OrchestratorInfo {
        let info = Info {
            service: self.url.as_str().trim_end_matches('/').to_owned(),
            address: Address::ZERO,
            ticket_params: None,
            price: None,
            capabilities: Some(Capabilities::of_node(default_set(), "0.9.1")),
            token,
            storage: None,
            nodes: Vec::new(),
        };
        info.to_proto().unwrap()
    }
}

struct Grpc(Arc<Inner>);

#[tonic::async_trait]
impl Service for Grpc {
    async fn get_orchestrator(
        &self,
        _: tonic::Request<proto::OrchestratorRequest>,
    ) -> Result<tonic::Response<proto::OrchestratorInfo>, tonic::Status> {
        self.0.offers.fetch_add(1, Ordering::SeqCst);
        let session = SessionId::from_random(rand::random());
        let token = self.0.secret.lock().unwrap().issue(session, now());
        Ok(tonic::Response::new(self.0.info(token)))
    }

    async fn end_transcoding_session(
        &self,
        _: tonic::Request<proto::EndTranscodingSessionRequest>,
    ) -> Result<tonic::Response<proto::EndTranscodingSessionResponse>, tonic::Status> {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
        Ok(tonic::Response::new(
            proto::EndTranscodingSessionResponse {},
        ))
    }

    async fn ping(
        &self,
        _: tonic::Request<proto::PingPong>,
    ) -> Result<tonic::Response<proto::PingPong>, tonic::Status> {
        Ok(tonic::Response::new(proto::PingPong::default()))
    }
}

async fn stored(State(inner): State<Arc<Inner>>, Path(path): Path<String>) -> Response {
    match inner.stored.lock().unwrap().get(&path) {
        Some(bytes) => bytes.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn segment(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let behaviour = inner.behaviour.lock().unwrap().clone();
    if let Behaviour::Refuse(status, text) = behaviour {
        return (StatusCode::from_u16(status).unwrap(), format!("{text}\n")).into_response();
    }
    let header = request.headers()[SEGMENT_HEADER]
        .to_str()
        .unwrap()
        .to_owned();
    let asked = SegmentRequest::from_header(&header).unwrap();
    let token = AuthToken::from_proto(asked.auth_token.as_ref()).unwrap();
    let checked = inner.secret.lock().unwrap().check(&token, now());
    if let Err(error) = checked {
        return (StatusCode::FORBIDDEN, format!("{error}\n")).into_response();
    }
    let body = axum::body::to_bytes(request.into_body(), 1 << 24)
        .await
        .unwrap();
    inner.segments.fetch_add(1, Ordering::SeqCst);
    inner.requests.lock().unwrap().push(asked.clone());
    if keccak(&body) != asked.hash {
        return (StatusCode::FORBIDDEN, "Forbidden\n").into_response();
    }
    match behaviour {
        Behaviour::Hang => std::future::pending::<()>().await,
        Behaviour::Slow(time) => tokio::time::sleep(time).await,
        _ => {}
    }
    let outcome = match behaviour {
        Behaviour::Fail(text) => Err(SegmentFailure::from_text(text)),
        ref behaviour => Ok(inner.work(behaviour, &asked, &body)),
    };
    let answer = SegmentAnswer {
        seq: asked.seq,
        outcome,
        info: Some(inner.info(token)),
    };
    answer.encode().into_response()
}

impl Inner {
    fn work(
        &self,
        behaviour: &Behaviour,
        asked: &SegmentRequest,
        source: &[u8],
    ) -> ReportedSegments {
        let film = film();
        let at = film
            .iter()
            .position(|one| one.source == source)
            .expect("a segment of the film");
        let of = match behaviour {
            Behaviour::OtherSegment => &film[(at + 1) % film.len()],
            _ => &film[at],
        };
        let mut renditions: Vec<ReportedRendition> = asked
            .profiles
            .iter()
            .map(|profile| {
                let (bytes, pixels) = made(behaviour, of, &profile.name);
                let path = format!(
                    "{}/{}/{}.ts",
                    rand::random::<u32>(),
                    profile.name,
                    asked.seq
                );
                self.stored.lock().unwrap().insert(path.clone(), bytes);
                let host = match behaviour {
                    Behaviour::Elsewhere => "https://127.0.0.1:1".to_owned(),
                    _ => self.url.as_str().trim_end_matches('/').to_owned(),
                };
                let url = format!("{host}/stream/{path}");
                ReportedRendition {
                    url,
                    pixels,
                    signature_url: String::new(),
                }
            })
            .collect();
        if *behaviour == Behaviour::Missing {
            renditions.pop();
        }
        ReportedSegments {
            renditions,
            signature: Vec::new(),
        }
    }
}

fn made(behaviour: &Behaviour, film: &Film, profile: &str) -> (Bytes, Pixels) {
    let (bytes, pixels) = film.rendition(profile);
    match behaviour {
        Behaviour::WrongSize => film.wrong_size(),
        Behaviour::Overcharge => (bytes, Pixels(pixels.0 * 2)),
        Behaviour::Garbage => (Bytes::from(vec![0xAB; bytes.len()]), pixels),
        Behaviour::Truncated => (bytes.slice(..bytes.len() / 2 / 188 * 188), pixels),
        _ => (bytes, pixels),
    }
}
