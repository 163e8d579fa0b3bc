//! An orchestrator for tests: real TLS, real HTTP/2, and everything it hears is kept.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::Stream;
use http::{HeaderMap, StatusCode, Version};
use streamflow_rpc::{Identity, ServerLimits, one_port, serve};
use streamflow_runtime::Shutdown;
use streamflow_wire::proto::transcoder_server::{Transcoder, TranscoderServer};
use streamflow_wire::proto::{NotifySegment, RegisterRequest};
use tokio::net::TcpListener;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::time::timeout;
use tonic::{Request as Call, Response as Answer, Status};

/// A result as it was posted.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

type Notices = mpsc::Receiver<Result<NotifySegment, Status>>;

/// What the routes share.
struct Shared {
    /// How the next registrations are answered; the usual way when empty.
    refusals: Mutex<Vec<Status>>,
    calls: mpsc::Sender<Registered>,
    posts: mpsc::Sender<Post>,
    /// Statuses of the next posts; 200 when empty.
    answers: Mutex<Vec<StatusCode>>,
    source: Bytes,
}

/// One attachment.
pub(crate) struct Registered {
    pub(crate) request: RegisterRequest,
    pub(crate) notices: mpsc::Sender<Result<NotifySegment, Status>>,
}

/// The orchestrator.
pub(crate) struct Orchestrator {
    pub(crate) port: u16,
    calls: AsyncMutex<mpsc::Receiver<Registered>>,
    posts: AsyncMutex<mpsc::Receiver<Post>>,
    shared: Arc<Shared>,
    shutdown: Shutdown,
}

impl Drop for Orchestrator {
    fn drop(&mut self) {
        self.shutdown.stop();
    }
}

impl Orchestrator {
    pub(crate) async fn start(source: Bytes) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (calls, calls_heard) = mpsc::channel(64);
        let (posts, posts_heard) = mpsc::channel(64);
        let shared = Arc::new(Shared {
            refusals: Mutex::default(),
            calls,
            posts,
            answers: Mutex::default(),
            source,
        });
        let http = Router::new()
            .route("/transcodeResults", post(take_result))
            .route("/source/{name}", get(give_source))
            .with_state(shared.clone());
        let grpc = tonic::service::Routes::new(TranscoderServer::new(Door(shared.clone())));
        let router = one_port(grpc, http);
        let shutdown = Shutdown::new();
        let serving = shutdown.clone();
        tokio::spawn(async move {
            let identity = Identity::ephemeral("127.0.0.1").unwrap();
            serve(
                listener,
                Some(&identity),
                router,
                ServerLimits::default(),
                serving,
            )
            .await;
        });
        Self {
            port,
            calls: AsyncMutex::new(calls_heard),
            posts: AsyncMutex::new(posts_heard),
            shared,
            shutdown,
        }
    }

    pub(crate) fn refuse(&self, status: Status) {
        self.shared.refusals.lock().unwrap().push(status);
    }

    pub(crate) fn answer_next_post(&self, status: StatusCode) {
        self.shared.answers.lock().unwrap().push(status);
    }

    pub(crate) async fn registered(&self) -> Registered {
        let mut calls = self.calls.lock().await;
        let call = timeout(Duration::from_secs(10), calls.recv()).await;
        call.expect("a transcoder registers").unwrap()
    }

    pub(crate) async fn posted(&self) -> Post {
        let mut posts = self.posts.lock().await;
        let post = timeout(Duration::from_secs(10), posts.recv()).await;
        post.expect("a result is posted").unwrap()
    }

    pub(crate) async fn nothing_posted(&self, during: Duration) -> bool {
        timeout(during, self.posts.lock().await.recv())
            .await
            .is_err()
    }

    pub(crate) fn source_url(&self, name: &str) -> String {
        format!("https://127.0.0.1:{}/source/{name}", self.port)
    }
}

struct Door(Arc<Shared>);

#[tonic::async_trait]
impl Transcoder for Door {
    type RegisterTranscoderStream =
        Pin<Box<dyn Stream<Item = Result<NotifySegment, Status>> + Send>>;

    async fn register_transcoder(
        &self,
        request: Call<RegisterRequest>,
    ) -> Result<Answer<Self::RegisterTranscoderStream>, Status> {
        let refusal = self.0.refusals.lock().unwrap().pop();
        if let Some(status) = refusal {
            return Err(status);
        }
        let (notices, mut heard): (_, Notices) = mpsc::channel(64);
        let registered = Registered {
            request: request.into_inner(),
            notices,
        };
        self.0.calls.send(registered).await.unwrap();
        // As on the network: no response headers before the first message.
        let first = heard.recv().await;
        let stream = futures_util::stream::iter(first).chain_receiver(heard);
        Ok(Answer::new(Box::pin(stream)))
    }
}

trait ChainReceiver: Stream + Sized {
    fn chain_receiver(self, rest: mpsc::Receiver<Self::Item>) -> impl Stream<Item = Self::Item> {
        use futures_util::StreamExt;
        self.chain(tokio_stream::wrappers::ReceiverStream::new(rest))
    }
}

impl<S: Stream + Sized> ChainReceiver for S {}

async fn take_result(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 24).await.unwrap();
    let answer = shared.answers.lock().unwrap().pop();
    let post = Post {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        version: parts.version,
        headers: parts.headers,
        body,
    };
    shared.posts.send(post).await.unwrap();
    (answer.unwrap_or(StatusCode::OK), "OK").into_response()
}

async fn give_source(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    match name.as_str() {
        "good" => shared.source.clone().into_response(),
        "slow" => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            StatusCode::OK.into_response()
        }
        _ => (StatusCode::NOT_FOUND, "404 page not found\n").into_response(),
    }
}
