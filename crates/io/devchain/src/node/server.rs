//! The door: JSON-RPC over HTTP and WebSocket on one port; `/readyz` says that it is open.
//!
//! A page in a browser may call only where its origin is this machine or was named, and only by a
//! host name that was named, so that a stranger's page cannot reach the chain by a name of its own.

mod socket;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{DefaultBodyLimit, Request, State, WebSocketUpgrade};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use streamflow_runtime::Shutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::Node;

/// Bytes of one request at most.
pub(super) const BODY: usize = 5 * 1024 * 1024;

/// WebSocket connections at a time.
const SOCKETS: usize = 256;

/// Who may call besides programs of this machine.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Host names that requests may carry, besides those of this machine and bare addresses.
    pub hosts: Vec<String>,
    /// Origins of pages that may call, besides those of this machine; `*` for all.
    pub origins: Vec<String>,
}

#[derive(Clone)]
struct Door {
    node: Node,
    access: Arc<Access>,
    sockets: Arc<Semaphore>,
    shutdown: Shutdown,
}

/// Serves the chain until `shutdown` begins to drain. Mines at the interval that is set.
pub async fn serve(
    listener: TcpListener,
    node: Node,
    access: Access,
    shutdown: Shutdown,
) -> std::io::Result<()> {
    let door = Door {
        node: node.clone(),
        access: Arc::new(access),
        sockets: Arc::new(Semaphore::new(SOCKETS)),
        shutdown: shutdown.clone(),
    };
    let router = Router::new()
        .route("/", get(upgrade).post(answer))
        .route("/readyz", get(|| async { "ready\n" }))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn_with_state(door.clone(), guard))
        .with_state(door);
    let draining = shutdown.clone();
    let served = axum::serve(
        listener,
        router.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(async move { draining.draining().await });
    let (served, ()) = tokio::join!(served.into_future(), node.mine(&shutdown));
    served
}

async fn answer(State(door): State<Door>, body: Bytes) -> Response {
    let node = door.node;
    // Calls take milliseconds of computing, which other connections need not wait for.
    let answered = tokio::task::spawn_blocking(move || node.answer(&body)).await;
    match answered {
        Ok(Some(answer)) => {
            let json = [(header::CONTENT_TYPE, "application/json")];
            (json, answer.to_string()).into_response()
        }
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => {
            tracing::error!(%error, "a call panicked");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

async fn upgrade(State(door): State<Door>, socket: Upgrade) -> Response {
    let Ok(socket) = socket else {
        let text = "JSON-RPC: send POST requests, or open a WebSocket\n";
        return (StatusCode::METHOD_NOT_ALLOWED, text).into_response();
    };
    let Ok(place) = door.sockets.clone().try_acquire_owned() else {
        let text = format!("{SOCKETS} WebSocket connections are open already\n");
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    socket
        .max_message_size(BODY)
        .on_upgrade(move |socket| async move {
            socket::run(socket, door.node, door.shutdown).await;
            drop(place);
        })
}

async fn guard(State(door): State<Door>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = host(headers, request.uri());
    if !host.is_some_and(|host| door.access.knows_host(&host)) {
        let text = "this host name is not allowed: use localhost, or name it with --allow-host\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let origin = headers.get(header::ORIGIN).cloned();
    let Some(origin) = origin else {
        return next.run(request).await;
    };
    if !door.access.knows_origin(&origin) {
        let text = "pages of this origin may not call: name it with --allow-origin\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let mut response = if request.method() == Method::OPTIONS {
        preflight()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    response
}

fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let methods = HeaderValue::from_static("GET, POST, OPTIONS");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    let allowed = HeaderValue::from_static("content-type");
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    let age = HeaderValue::from_static("86400");
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, age);
    response
}

fn host(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let named = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = named.or_else(|| uri.authority().map(|authority| authority.as_str()))?;
    let uri: Uri = format!("http://{authority}/").parse().ok()?;
    uri.host().map(ToOwned::to_owned)
}

impl Access {
    fn knows_host(&self, host: &str) -> bool {
        is_here(host) || is_address(host) || self.hosts.iter().any(|known| known == host)
    }

    fn knows_origin(&self, origin: &HeaderValue) -> bool {
        let Ok(origin) = origin.to_str() else {
            return false;
        };
        let listed = |known: &String| known == "*" || known == origin;
        let uri: Option<Uri> = origin.parse().ok();
        let here = uri.as_ref().and_then(Uri::host).is_some_and(is_here);
        here || self.origins.iter().any(listed)
    }
}

/// Whether a name means this machine.
fn is_here(host: &str) -> bool {
    let address: Option<IpAddr> = address(host);
    host == "localhost" || address.is_some_and(|address| address.is_loopback())
}

/// Bare addresses cannot be pointed elsewhere by a stranger's name server.
fn is_address(host: &str) -> bool {
    address(host).is_some()
}

fn address(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}
