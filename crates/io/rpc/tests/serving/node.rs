//! A node with the echo service and a few HTTP routes, on a port of its own.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::{any, get, post};
use http::StatusCode;
use streamflow_rpc::{Clients, Identity, PeerPolicy, ServerLimits, body, one_port, serve};
use streamflow_runtime::Shutdown;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::service::Routes;

use crate::echo::Echo;

pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) identity: Identity,
    pub(crate) shutdown: Shutdown,
    pub(crate) server: JoinHandle<()>,
    tls: bool,
}

impl Node {
    pub(crate) async fn tls() -> Self {
        Self::start(true, ServerLimits::default()).await
    }

    pub(crate) async fn plain() -> Self {
        Self::start(false, ServerLimits::default()).await
    }

    pub(crate) async fn start(tls: bool, limits: ServerLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let identity = Identity::ephemeral("127.0.0.1").unwrap();
        let shutdown = Shutdown::new();
        let (served, stopper) = (identity.clone(), shutdown.clone());
        let server = tokio::spawn(async move {
            serve(listener, tls.then_some(&served), routes(), limits, stopper).await;
        });
        Self {
            address,
            identity,
            shutdown,
            server,
            tls,
        }
    }

    pub(crate) fn url(&self, path: &str) -> url::Url {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
            .parse()
            .unwrap()
    }
}

pub(crate) fn clients() -> Clients {
    Clients::new(&PeerPolicy::AnyCertificate).unwrap()
}

fn routes() -> Router {
    let http = Router::new()
        .route(
            "/version",
            get(|request: http::Request<Body>| async move { format!("{:?}", request.version()) }),
        )
        .route(
            "/whoami",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }),
        )
        .route(
            "/refuse",
            any(|| async { (StatusCode::FORBIDDEN, "OrchestratorCapped\n") }),
        )
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(Duration::from_millis(400)).await;
                "done"
            }),
        )
        .route(
            "/panic",
            get(|| async {
                if true {
                    panic!("on purpose")
                }
            }),
        )
        .route("/large", get(|| async { vec![7u8; 64 << 20] }))
        .route("/upload", post(upload));
    one_port(Routes::new(Echo), http)
}

async fn upload(body: Body) -> String {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let hashed = body::read_hashed(body, 64 << 20, body::MIN_RATE, deadline)
        .await
        .unwrap();
    format!(
        "{} {}",
        hashed.bytes.len(),
        hex::encode(&hashed.keccak[..4])
    )
}
