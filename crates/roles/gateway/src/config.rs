//! What a gateway is told, what it uses, and why it cannot start.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use streamflow_admin::Access;
use streamflow_engine::Transcoder;
use streamflow_rpc::PeerPolicy;
use streamflow_runtime::{Clock, Metrics, Readiness};
use streamflow_storage::SegmentStore;
use streamflow_types::Profile;
use tokio::net::TcpListener;
use url::Url;

use crate::pay::{OffChain, Payer};

/// What a gateway is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Version of the program, as status and metrics show it.
    pub version: String,
    /// Network it belongs to, as status shows it.
    pub network: String,
    /// Orchestrators to use; see [`orchestrator_url`](crate::orchestrator_url).
    pub orchestrators: Vec<Url>,
    /// Asked for orchestrators instead of the list.
    pub discovery_webhook: Option<Url>,
    /// While no orchestrator answered for this long, the next one in the fallback chain works.
    pub discovery_timeout: Duration,
    /// Orchestrators never used.
    pub blocked: Vec<Url>,
    /// Further nodes of an orchestrator's operator that are asked too.
    pub extra_nodes: usize,
    /// Oldest version of an orchestrator.
    pub min_version: Option<String>,
    /// Asked whether a stream may start.
    pub auth_webhook: Option<Url>,
    /// Renditions to make where nobody asks for others.
    pub ladder: Ladder,
    /// Who does the work, in order of preference.
    pub fallback: Vec<Fallback>,
    /// Failed attempts after which a segment is given up; `None` tries until its deadline, 0 keeps
    /// segments off the network.
    pub max_attempts: Option<u32>,
    /// Streams at once.
    pub max_streams: usize,
    /// Source bytes in hand at once, over all streams.
    pub bytes_in_flight: usize,
    /// Length of segments cut from RTMP.
    pub segment: Duration,
    /// A pushed stream without requests ends after this.
    pub push_idle: Duration,
    /// Take segments pushed over HTTP.
    pub push_enabled: bool,
    /// Addresses `/api/broadcaster` names; empty for this gateway's own.
    pub broadcasters: Vec<Url>,
    /// Bearer keys `/api/stream` asks for; empty for none.
    pub api_keys: Vec<ApiKey>,
    /// Address players and media servers reach this gateway under.
    pub public_url: Option<Url>,
    /// Serve the newest stream as `/stream/current.m3u8` too.
    pub current_manifest: bool,
    /// Serve the player page.
    pub player: bool,
    /// Where places in playlists are kept over a restart.
    pub state_folder: Option<PathBuf>,
    /// Label metrics with the stream they belong to.
    pub per_stream_metrics: bool,
    /// Label metrics with the address of the client.
    pub client_ip_metrics: bool,
    /// Who may use the control API.
    pub control_access: Access,
}

impl Config {
    /// A gateway without orchestrators and with defaults for the rest.
    pub fn new(control_access: Access) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            network: "offchain".to_owned(),
            orchestrators: Vec::new(),
            discovery_webhook: None,
            discovery_timeout: Duration::from_millis(500),
            blocked: Vec::new(),
            extra_nodes: 0,
            min_version: None,
            auth_webhook: None,
            ladder: Ladder::default(),
            fallback: vec![Fallback::Network, Fallback::Local, Fallback::Passthrough],
            max_attempts: None,
            max_streams: 1_000,
            bytes_in_flight: 256 << 20,
            segment: Duration::from_secs(2),
            push_idle: Duration::from_secs(60),
            push_enabled: true,
            broadcasters: Vec::new(),
            api_keys: Vec::new(),
            public_url: None,
            current_manifest: false,
            player: true,
            state_folder: None,
            per_stream_metrics: false,
            client_ip_metrics: false,
            control_access,
        }
    }
}

/// Which renditions are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ladder {
    /// Derived from each source: never above its size or frame rate.
    Auto,
    /// These. Empty for none: only the source is served.
    Profiles(Vec<Profile>),
}

impl Default for Ladder {
    /// The two outputs every node of the network makes unless told otherwise.
    fn default() -> Self {
        let names = ["P240p30fps16x9", "P360p30fps16x9"];
        let presets = names
            .into_iter()
            .filter_map(|name| Profile::preset(name).ok());
        Self::Profiles(presets.collect())
    }
}

/// Who may do the work of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// Orchestrators.
    Network,
    /// This machine's own engine.
    Local,
    /// Nobody: the source alone is served.
    Passthrough,
}

/// A key that does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// From the text of its file, without the line end.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// Whether this is what was shown. Takes as long for a near miss as for a far one.
    pub(crate) fn matches(&self, shown: &str) -> bool {
        let (ours, theirs) = (self.0.as_bytes(), shown.as_bytes());
        let differences = ours
            .iter()
            .zip(theirs)
            .fold(0u8, |sum, (a, b)| sum | (a ^ b));
        ours.len() == theirs.len() && differences == 0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Bound ports.
#[derive(Debug)]
pub struct Listeners {
    /// For RTMP publishers; `None` for no such door.
    pub rtmp: Option<TcpListener>,
    /// For pushed segments, playback, the player page and `/api`.
    pub http: TcpListener,
    /// For health, metrics and the control API; `None` for no such door.
    pub control: Option<TcpListener>,
}

/// What a gateway uses.
#[derive(Clone)]
pub struct Deps {
    /// This machine's own engine.
    pub local: Option<Arc<dyn Transcoder>>,
    /// Where segments are kept while they are served.
    pub store: SegmentStore,
    /// Who pays orchestrators.
    pub payer: Arc<dyn Payer>,
    /// Which certificates are accepted of orchestrators.
    pub peers: PeerPolicy,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where counts go.
    pub metrics: Metrics,
    /// Where it says whether it can work: `no-orchestrators`, `draining`.
    pub readiness: Readiness,
}

impl Deps {
    /// A gateway that pays nobody and has no engine.
    pub fn off_chain(store: SegmentStore, clock: Arc<dyn Clock>, metrics: Metrics) -> Self {
        Self {
            local: None,
            store,
            payer: Arc::new(OffChain),
            peers: PeerPolicy::AnyCertificate,
            clock,
            metrics,
            readiness: Readiness::new(),
        }
    }
}

impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deps").finish_non_exhaustive()
    }
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Nobody could ever transcode: name an orchestrator, give it an engine, or choose
    /// `passthrough` alone.
    #[error(
        "nobody can transcode: name orchestrators (orch, discovery_webhook), allow the local \
         engine, or set fallback to passthrough"
    )]
    Nobody,
    /// An address of its own port is not to be had.
    #[error("the address of the {0} port cannot be read")]
    Address(&'static str, #[source] std::io::Error),
    /// A ladder with more renditions, or a name twice.
    #[error("ladder: {0}")]
    Ladder(String),
    /// The HTTP clients could not be made.
    #[error(transparent)]
    Clients(#[from] streamflow_rpc::client::ClientsError),
}
