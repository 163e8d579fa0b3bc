//! Takes pushes in, has them worked on and answers them.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::routing::any;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::answer;
use super::body::{BodyError, Budget, Received};
use super::request::Head;
use super::{Client, Left, Limits, PushAnswer, PushError, PushGate, PushRequest};

/// The cookie that load balancers pin a client by.
const COOKIE: &str = "streamflow-node";

/// The door of HTTP pushes. Clones are the same door; work in progress ends with the last one.
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    gate: Arc<dyn PushGate>,
    limits: Limits,
    budget: Budget,
    /// One permit for each request in flight.
    requests: Arc<Semaphore>,
    /// The work on segments, which outlives the requests of clients that leave.
    work: TaskTracker,
    abandoned: CancellationToken,
    _abandon: DropGuard,
    /// The cookie's value, drawn anew by every process.
    node: String,
}

impl Door {
    /// A door to this gate.
    pub fn new(gate: Arc<dyn PushGate>, limits: Limits) -> Self {
        let abandoned = CancellationToken::new();
        Self(Arc::new(Inner {
            gate,
            budget: Budget::new(limits.bytes_in_flight),
            requests: Arc::new(Semaphore::new(limits.requests_in_flight)),
            limits,
            work: TaskTracker::new(),
            _abandon: abandoned.clone().drop_guard(),
            abandoned,
            node: hex::encode(rand::random::<[u8; 8]>()),
        }))
    }

    /// Routes for `/live/…`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/live/", any(handle))
            .route("/live/{*path}", any(handle))
            .with_state(self.clone())
    }

    /// Returns once no segment is being worked on, those included whose clients have left. For
    /// the end of a drain, when no more requests come.
    pub async fn finished(&self) {
        self.0.work.close();
        self.0.work.wait().await;
    }

    async fn push(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let head = match Head::read(&parts) {
            Ok(head) => head,
            Err(error) => return answer::refused_head(&error),
        };
        let Ok(place) = self.0.requests.clone().try_acquire_owned() else {
            return answer::refused_body(&BodyError::NoRoom);
        };
        let received = match self.0.budget.receive(body, &self.0.limits).await {
            Ok(received) => received,
            Err(error) => return answer::refused_body(&error),
        };
        let client = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0);
        let (request, share) = request_of(&head, received, client);
        let client = Client {
            manifest: request.manifest.clone(),
            number: request.number,
            address: client,
        };
        let result = self.begin(request, client.clone(), (place, share)).await;
        let gate = self.0.gate.clone();
        let left = move || gate.client_left(&client, Left::WithinAnswer);
        match result {
            Ok(result) => answer::outcome(&head, result, left),
            Err(_) => answer::broken_off(),
        }
    }

    /// Starts the work in a task of its own; `held` is given back when it ends.
    fn begin(
        &self,
        request: PushRequest,
        client: Client,
        held: impl Send + 'static,
    ) -> oneshot::Receiver<Result<PushAnswer, PushError>> {
        let (answer, answered) = oneshot::channel();
        let (gate, abandoned) = (self.0.gate.clone(), self.0.abandoned.clone());
        self.0.work.spawn(async move {
            let Some(result) = abandoned.run_until_cancelled(gate.push(request)).await else {
                return;
            };
            drop(held);
            if answer.send(result).is_err() {
                let Client {
                    manifest, number, ..
                } = &client;
                tracing::debug!(manifestID = %manifest, seqNo = %number, "push client has left");
                gate.client_left(&client, Left::BeforeAnswer);
            }
        });
        answered
    }
}

async fn handle(State(door): State<Door>, request: Request) -> Response {
    let has_cookie = has_cookie(request.headers());
    let mut response = door.push(request).await;
    let cookie = format!(
        "{COOKIE}={}; Path=/live; HttpOnly; SameSite=Lax",
        door.0.node
    );
    if !has_cookie && let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Whether a load balancer, or an earlier answer, has already given the client our cookie.
fn has_cookie(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .any(|pair| pair.trim().split('=').next() == Some(COOKIE))
}

fn request_of(
    head: &Head,
    received: Received,
    client: Option<SocketAddr>,
) -> (PushRequest, tokio::sync::OwnedSemaphorePermit) {
    let request = PushRequest {
        url: head.url.clone(),
        manifest: head.manifest.clone(),
        number: head.number,
        duration: head.duration,
        container: head.container,
        resolution: head.resolution,
        clip: head.clip,
        configuration: head.configuration.clone(),
        bytes: received.bytes,
        keccak: received.keccak,
        client,
    };
    (request, received.share)
}
