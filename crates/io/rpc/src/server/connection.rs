//! One connection from its handshake to its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use futures_util::FutureExt;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use streamflow_runtime::Shutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::ServerLimits;
use super::guard::{Guarded, InFlight};
use super::limits::Ticket;
use super::stream::{Lingering, Observed, Pulse, Verdict};

/// HTTP/2 as the network's nodes announce it.
const CONCURRENT_STREAMS: u32 = 250;
const STREAM_WINDOW: u32 = 1_048_576;
const CONNECTION_WINDOW: u32 = 65_535 + 983_041;
const FRAME_SIZE: u32 = 1_048_576;
const HEADER_LIST_SIZE: u32 = 1_048_896;

/// How often a connection's pulse is felt.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How long a closing connection may take to close.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Probes on silent connections find clients that vanished without a word.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Unacknowledged bytes may wait this long before the client counts as gone.
const UNACKNOWLEDGED_LIMIT_MS: u32 = 60_000;

/// What a connection needs to be served.
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) router: Router,
    pub(super) limits: ServerLimits,
    pub(super) ticket: Ticket,
}

impl Connection {
    /// Serves it until it ends by itself, does nothing for too long, or `shutdown` drains.
    pub(super) async fn run(self, stream: TcpStream, shutdown: Shutdown) {
        let Self {
            peer,
            tls,
            router,
            limits,
            ticket,
        } = self;
        // Held until the connection is closed.
        let _ticket = ticket;
        if let Err(error) = prepare(&stream) {
            tracing::debug!(clientIP = %peer.ip(), %error, "connection could not be prepared");
            return;
        }
        let stream = Lingering::new(stream);
        match tls {
            None => serve_requests(stream, peer, router, limits, shutdown).await,
            Some(tls) => {
                let handshake = tokio::time::timeout(limits.header_timeout, tls.accept(stream));
                // Nobody who has not finished a handshake has a request in flight.
                let Some(outcome) = shutdown.unless_draining(handshake).await else {
                    return;
                };
                match outcome {
                    Ok(Ok(stream)) => serve_requests(stream, peer, router, limits, shutdown).await,
                    Ok(Err(error)) => {
                        tracing::debug!(clientIP = %peer.ip(), %error, "TLS handshake failed");
                    }
                    Err(_) => tracing::debug!(clientIP = %peer.ip(), "TLS handshake too slow"),
                }
            }
        }
    }
}

fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    use rustix::net::sockopt;
    // Small answers would otherwise wait for the client's delayed acknowledgement.
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEPALIVE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE)?;
    // Keep-alive does not look at connections with unacknowledged bytes; this does.
    sockopt::set_tcp_user_timeout(stream, UNACKNOWLEDGED_LIMIT_MS)?;
    Ok(())
}

async fn serve_requests<S>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    limits: ServerLimits,
    shutdown: Shutdown,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let pulse = Pulse::new();
    let io = TokioIo::new(Observed {
        stream,
        pulse: pulse.clone(),
    });
    let answering = pulse.clone();
    let service =
        service_fn(move |request| answer(request, peer, router.clone(), answering.clone()));
    let builder = builder(&limits);
    let mut connection = std::pin::pin!(builder.serve_connection(io, service));
    let mut checks = tokio::time::interval(CHECK_INTERVAL);
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = shutdown.draining() => break,
            _ = checks.tick() => match pulse.judge(&limits) {
                Verdict::Fine => {}
                Verdict::Idle => {
                    connection.as_mut().graceful_shutdown();
                    // Errors while closing concern nobody.
                    let _ = tokio::time::timeout(CLOSE_LIMIT, connection).await;
                    return;
                }
                Verdict::Stalled => return,
            },
        }
    }
    connection.as_mut().graceful_shutdown();
    let limits = ServerLimits {
        header_timeout: CHECK_INTERVAL,
        idle_timeout: CLOSE_LIMIT,
        ..limits
    };
    // Requests in flight end by their own deadlines or when the whole server stops; a client that
    // never got as far as a request is not waited for.
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = checks.tick() => {
                if pulse.judge(&limits) != Verdict::Fine {
                    return;
                }
            }
        }
    }
}

fn builder(limits: &ServerLimits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // The pulse knows waiting for a request from waiting for the rest of one; this does not.
        .header_read_timeout(None)
        .half_close(limits.serve_after_close)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(CONCURRENT_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME_SIZE)
        .max_header_list_size(HEADER_LIST_SIZE);
    builder
}

async fn answer(
    request: Request<Incoming>,
    peer: SocketAddr,
    router: Router,
    pulse: Arc<Pulse>,
) -> Result<Response<Guarded>, Infallible> {
    let in_flight = InFlight::new(&pulse);
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    let path = request.uri().path().to_owned();
    let response = match AssertUnwindSafe(router.oneshot(request))
        .catch_unwind()
        .await
    {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => {
            tracing::error!(path, clientIP = %peer.ip(), "a handler panicked");
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    };
    Ok(response.map(|body| Guarded {
        body,
        _in_flight: in_flight,
    }))
}
