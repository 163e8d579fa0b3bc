//! The clients a node uses towards other nodes. Each is made once and pools its connections.
//!
//! Certificates are judged by [`PeerPolicy`], except by [`webhooks`], which is for what no node is.

mod channel;
mod reach;
mod webhook;

pub use channel::{Channel, ChannelError};
pub use reach::{Reach, ReachError, is_inside};
pub use webhook::webhooks;

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect;

use crate::PeerPolicy;

/// Dialling a node for segments, TLS included.
pub const SEGMENT_DIAL_LIMIT: Duration = Duration::from_secs(2);

/// Dialling a node for gRPC, TLS included.
pub const GRPC_DIAL_LIMIT: Duration = Duration::from_secs(3);

/// A whole download of a segment or rendition.
pub const DOWNLOAD_LIMIT: Duration = Duration::from_secs(4);

/// How long an unused connection is kept.
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// Probes on silent connections find peers that vanished without a word.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Unused connections kept to one host; HTTP/2 needs one, downloads run a few side by side.
const IDLE_PER_HOST: usize = 16;

/// HTTP/2 as the segment and result clients of the network announce it.
const STREAM_WINDOW: u32 = 4_194_304;
const CONNECTION_WINDOW: u32 = 65_535 + 1_073_741_824;
const FRAME_SIZE: u32 = 16_384;

/// Why the clients could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientsError {
    /// A bug or a system without entropy.
    #[error("no HTTP client could be made")]
    Make(#[from] reqwest::Error),
    /// The system's list of authorities cannot be read.
    #[error("the system's certificates cannot be used")]
    Certificates(#[from] rustls::Error),
}

/// All clients of a node. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Clients {
    segments: reqwest::Client,
    downloads: reqwest::Client,
    results: reqwest::Client,
    grpc: channel::Pool,
    reach: Reach,
}

impl Clients {
    /// Clients that accept peers under this policy, and go wherever an address leads.
    pub fn new(policy: &PeerPolicy) -> Result<Self, ClientsError> {
        Self::within(policy, Reach::anywhere())
    }

    /// Clients that accept peers under this policy, for addresses that peers name too.
    pub fn within(policy: &PeerPolicy, reach: Reach) -> Result<Self, ClientsError> {
        let builder = |policy, alpn| builder(policy, alpn).dns_resolver(Arc::new(reach.clone()));
        let segments = builder(policy, &[b"h2", b"http/1.1"]).connect_timeout(SEGMENT_DIAL_LIMIT);
        let downloads = builder(policy, &[])
            .http1_only()
            .connect_timeout(SEGMENT_DIAL_LIMIT)
            .timeout(DOWNLOAD_LIMIT);
        let results = builder(policy, &[b"h2"])
            .http2_prior_knowledge()
            .connect_timeout(GRPC_DIAL_LIMIT);
        Ok(Self {
            segments: segments.build()?,
            downloads: downloads.build()?,
            results: results.build()?,
            grpc: channel::Pool::new(policy, reach.clone()),
            reach,
        })
    }

    /// Posts segments: HTTP/2 where offered, else HTTP/1.1; one connection per orchestrator on
    /// HTTP/2. The caller bounds the exchange. An answer that comes before the upload is through
    /// is delivered.
    pub const fn segments(&self) -> &reqwest::Client {
        &self.segments
    }

    /// Fetches segments and renditions: HTTP/1.1 without protocol negotiation, 4 s in all.
    pub const fn downloads(&self) -> &reqwest::Client {
        &self.downloads
    }

    /// Posts results of transcoding: HTTP/2 only. The caller bounds the exchange.
    pub const fn results(&self) -> &reqwest::Client {
        &self.results
    }

    /// Where they go.
    pub const fn reach(&self) -> &Reach {
        &self.reach
    }

    /// A channel for generated gRPC clients to the node at this address; dials when first used.
    /// The caller bounds each call.
    pub fn grpc(&self, uri: &url::Url) -> Result<Channel, ChannelError> {
        self.grpc.channel(uri)
    }
}

/// An error with its causes, in at most 300 characters: clients put the interesting part last.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Many errors repeat the one below them.
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text.chars().take(300).collect()
}

fn builder(policy: &PeerPolicy, alpn: &[&[u8]]) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(policy.client_config(alpn))
        .user_agent(concat!("streamflow/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .tcp_nodelay(true)
        .tcp_keepalive(KEEPALIVE)
        .pool_idle_timeout(IDLE_LIMIT)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_frame_size(FRAME_SIZE)
}
