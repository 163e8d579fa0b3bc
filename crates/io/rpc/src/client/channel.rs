//! Pooled HTTP/2 connections for generated gRPC clients: TLS towards `https`, prior knowledge
//! towards `http`.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::{BoxError, Service};

use super::{GRPC_DIAL_LIMIT, IDLE_LIMIT, KEEPALIVE, Reach};
use crate::PeerPolicy;

/// Unacknowledged bytes may wait this long before the connection counts as broken.
const UNACKNOWLEDGED_LIMIT: Duration = Duration::from_secs(20);

/// Why there is no channel to an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// Skip the node.
    #[error("{0:?} is no http or https address of a node")]
    Address(String),
}

/// The connections behind all channels, one for each host and port.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    client: Client<Dial, tonic::body::Body>,
}

impl Pool {
    pub(super) fn new(policy: &PeerPolicy, reach: Reach) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(reach);
        tcp.enforce_http(false);
        // Without it every call waits for the peer's delayed acknowledgement, 40 ms and more.
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED_LIMIT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(policy.client_config(&[]))
            .https_or_http()
            .enable_http2()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .http2_only(true)
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_LIMIT)
            .build(Dial(connector));
        Self { client }
    }

    pub(super) fn channel(&self, uri: &url::Url) -> Result<Channel, ChannelError> {
        let refuse = || ChannelError::Address(uri.to_string());
        let scheme = Scheme::try_from(uri.scheme()).map_err(|_| refuse())?;
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(refuse());
        }
        let host = uri.host_str().ok_or_else(refuse)?;
        let port = uri.port_or_known_default().ok_or_else(refuse)?;
        let authority = Authority::try_from(format!("{host}:{port}")).map_err(|_| refuse())?;
        Ok(Channel {
            client: self.client.clone(),
            scheme,
            authority,
        })
    }
}

/// A way to one node, to be handed to a generated gRPC client. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Channel {
    client: Client<Dial, tonic::body::Body>,
    scheme: Scheme,
    authority: Authority,
}

impl Service<Request<tonic::body::Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<tonic::body::Body>) -> Self::Future {
        let path = request.uri().path_and_query().cloned();
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build();
        let client = self.client.clone();
        Box::pin(async move {
            *request.uri_mut() = uri?;
            client.request(request).await.map_err(|error| {
                if error.is_connect() {
                    // This type is what makes the status UNAVAILABLE instead of UNKNOWN.
                    tonic::ConnectError(error.into()).into()
                } else {
                    error.into()
                }
            })
        })
    }
}

/// Dials within the limit, TLS handshake included.
#[derive(Clone, Debug)]
struct Dial(HttpsConnector<HttpConnector<Reach>>);

impl Service<Uri> for Dial {
    type Response = <HttpsConnector<HttpConnector<Reach>> as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialling = self.0.call(uri);
        Box::pin(async move { tokio::time::timeout(GRPC_DIAL_LIMIT, dialling).await? })
    }
}
