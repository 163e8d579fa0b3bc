//! Every setting there is.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use streamflow_engine::Devices;
use streamflow_runtime::telemetry::LogFormat;
use url::Url;

use super::key::{Key, Level};
use super::layers::{ConfigError, Layers};
use super::setting::{
    Bytes, Fallback, Folder, Ladder, MaxSessions, Misbehaviour, OrchestratorUrl, Setting, Switch,
    Toggle,
};

/// Declares a table: a struct of typed values, its keys, and how it is read from the layers.
macro_rules! table {
    (
        $(#[doc = $about:literal])+
        $type:ident $table:literal {
            $( $(#[doc = $help:literal])+ $level:ident $name:ident: $kind:ty $(= $default:literal)?; )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug)]
        pub(crate) struct $type {
            $( $(#[doc = $help])+ pub(crate) $name: $kind, )+
        }

        impl $type {
            /// What is known of its settings.
            pub(crate) const KEYS: &'static [Key] = &[$( Key {
                table: $table,
                name: stringify!($name),
                level: Level::$level,
                kind: <$kind as Setting>::KIND,
                is_list: <$kind as Setting>::IS_LIST,
                is_switch: <$kind as Setting>::IS_SWITCH,
                default: table!(@default $($default)?),
                help: concat!($($help),+),
            } ),+];

            /// Reads it from the layers.
            pub(crate) fn read(layers: &Layers) -> Result<Self, ConfigError> {
                Ok(Self { $( $name: layers.read($table, stringify!($name))?, )+ })
            }
        }
    };
    (@default) => { None };
    (@default $default:literal) => { Some($default) };
}

table! {
    /// What all roles share.
    NodeTable "node" {
        /// Network the node belongs to: offchain or devnet; payments on chain come later.
        Common network: String = "offchain";
        /// Where the node keeps its files. Default: the user's data directory.
        Common data_dir: Option<Folder>;
        /// Bearer token of the control API, in a file only its owner may read.
        More control_token_file: Option<PathBuf>;
        /// Certificate fingerprints (SHA-256, hexadecimal) of the only peers talked to.
        More pin: Vec<String>;
        /// How long a drain may take before the node stops anyway.
        More drain_time: Duration = "30s";
    }
}

table! {
    /// Logs.
    LogTable "log" {
        /// error, warn, info, debug, trace, or a list like info,streamflow_rpc=debug.
        Common level: String = "info";
        /// How a line looks.
        Common format: LogFormat = "text";
    }
}

table! {
    /// Metrics.
    MetricsTable "metrics" {
        /// Label metrics with the stream they belong to.
        More per_stream: Switch = "false";
        /// Label metrics with the address of the client; implies per_stream.
        More client_ip: Switch = "false";
    }
}

table! {
    /// Transcoding on this machine.
    EngineTable "engine" {
        /// The worker program. Default: streamflow-worker beside this program.
        More worker: Option<PathBuf>;
        /// What to work on: cpu, nvidia:0,1, all cards, or auto for the cards the system shows.
        More device: Devices = "auto";
        /// Memory of each card left to others.
        More device_reserve: Bytes = "256 MiB";
        /// Cores to use. Default: all.
        More cores: Option<u32>;
        /// Encoder preset, from ultrafast to slow.
        More preset: String = "veryfast";
        /// Address space of one worker.
        More worker_memory: Bytes = "6 GiB";
        /// Sandbox layers that may be missing on this machine.
        More allow_missing_sandbox: Vec<String>;
    }
}

table! {
    /// The gateway: ingest, select, serve.
    GatewayTable "gateway" {
        /// An orchestrator to use; repeat for more.
        Common orch: Vec<OrchestratorUrl>;
        /// Ask this URL for orchestrators.
        Common discovery_webhook: Option<Url>;
        /// Renditions to make: preset names, a JSON file, or auto.
        Common ladder: Ladder = "P240p30fps16x9,P360p30fps16x9";
        /// RTMP address for publishers.
        Common rtmp_addr: SocketAddr = "127.0.0.1:1935";
        /// HTTP address for push ingest, playback and the player page.
        Common http_addr: SocketAddr = "127.0.0.1:9935";
        /// Control API and metrics.
        Common control_addr: SocketAddr = "127.0.0.1:5935";
        /// Ask this URL whether a stream may start.
        Common auth_webhook: Option<Url>;
        /// Who does the work, in order.
        Common fallback: Vec<Fallback> = "network,local,passthrough";
        /// Take segments pushed over HTTP. Default: unless the HTTP address is public and no
        /// auth webhook is set.
        More http_ingest: Option<Toggle>;
        /// Streams at once.
        More max_sessions: u32 = "1000";
        /// Failed attempts after which a segment is given up. Default: try until its deadline.
        More max_attempts: Option<u32>;
        /// Length of the segments cut from RTMP.
        More segment: Duration = "2s";
        /// Bearer keys /api/stream asks for, one a line, in a file only its owner may read.
        More api_key_file: Option<PathBuf>;
        /// Addresses /api/broadcaster names. Default: this gateway's own.
        More broadcaster: Vec<Url>;
        /// How long to wait for the answers of orchestrators.
        More discovery_timeout: Duration = "500ms";
        /// Orchestrators never used.
        More block: Vec<OrchestratorUrl>;
        /// Oldest version of an orchestrator.
        More min_version: Option<String>;
        /// Address players reach this gateway under.
        More public_url: Option<Url>;
        /// Serve the latest stream as /stream/current.m3u8 too.
        More current_manifest: Switch = "false";
        /// Memory for segments of all streams; more spills to files.
        More memory: Bytes = "128 MiB";
        /// Files for segments that do not fit in memory.
        More disk: Bytes = "1 GiB";
    }
}

table! {
    /// The orchestrator: sell work.
    OrchestratorTable "orchestrator" {
        /// Address others reach it under, as https://host:8935.
        Common service_addr: Option<OrchestratorUrl>;
        /// Address to listen on. Default: all interfaces, port of the service address.
        Common listen: Option<SocketAddr>;
        /// Work on this machine too, without remote transcoders.
        Common transcoder: Switch = "false";
        /// Secret remote transcoders show, in a file only its owner may read.
        Common secret_file: Option<PathBuf>;
        /// Sessions at once: a number, or auto for what the transcoders carry.
        Common max_sessions: MaxSessions = "auto";
        /// Ask this URL whether a gateway gets an offer.
        Common auth_webhook: Option<Url>;
        /// Control API and metrics.
        Common control_addr: SocketAddr = "127.0.0.1:7935";
        /// Check at start that the service address leads here.
        More startup_check: Switch = "true";
        /// Largest segment taken; more than the network's limit is never taken.
        More max_segment: Bytes = "300 MB";
        /// Memory for segments being worked on; more wait at the door.
        More source_memory: Bytes = "256 MiB";
        /// Memory for renditions until they are fetched; beyond it the oldest go first.
        More rendition_memory: Bytes = "128 MiB";
        /// Further addresses of the same operator, told to gateways.
        More node_addr: Vec<String>;
        /// URLs at or below which segments may be fetched. Default: segments come in bodies only.
        More fetch_allow: Vec<Url>;
        /// Cheat, on a devnet.
        Hidden misbehave: Option<Misbehaviour>;
        /// Answer without transcoding, on a devnet.
        Hidden null: Switch = "false";
        /// How long such an answer always takes. Default: as real ones do, now more, now less.
        Hidden null_latency: Option<Duration>;
    }
}

table! {
    /// The transcoder: work for one orchestrator.
    TranscoderTable "transcoder" {
        /// The orchestrator, as host:8935.
        Common orch: Option<String>;
        /// The orchestrator's secret, in a file only its owner may read.
        Common secret_file: Option<PathBuf>;
        /// Sessions at once: a number, or auto for what this machine carries.
        Common capacity: MaxSessions = "auto";
        /// Control API and metrics.
        Common control_addr: SocketAddr = "127.0.0.1:6935";
        /// Answer without transcoding, on a devnet.
        Hidden null: Switch = "false";
        /// How long such an answer always takes. Default: as real ones do, now more, now less.
        Hidden null_latency: Option<Duration>;
    }
}

impl NodeTable {
    /// The folder of this node, or where the user's files go.
    pub(crate) fn folder(&self) -> PathBuf {
        self.data_dir
            .as_ref()
            .map_or_else(super::usual_data_dir, |folder| folder.0.clone())
    }
}

/// All tables, read.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) node: NodeTable,
    pub(crate) log: LogTable,
    pub(crate) metrics: MetricsTable,
    pub(crate) engine: EngineTable,
    pub(crate) gateway: GatewayTable,
    pub(crate) orchestrator: OrchestratorTable,
    pub(crate) transcoder: TranscoderTable,
}

impl Config {
    /// Reads every table from the layers.
    pub(crate) fn read(layers: &Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            node: NodeTable::read(layers)?,
            log: LogTable::read(layers)?,
            metrics: MetricsTable::read(layers)?,
            engine: EngineTable::read(layers)?,
            gateway: GatewayTable::read(layers)?,
            orchestrator: OrchestratorTable::read(layers)?,
            transcoder: TranscoderTable::read(layers)?,
        })
    }
}

/// Every setting of every table.
pub(crate) fn keys() -> impl Iterator<Item = &'static Key> {
    [
        NodeTable::KEYS,
        LogTable::KEYS,
        MetricsTable::KEYS,
        EngineTable::KEYS,
        GatewayTable::KEYS,
        OrchestratorTable::KEYS,
        TranscoderTable::KEYS,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_setting() {
        let config = Config::read(&Layers::default()).unwrap();
        assert_eq!(config.gateway.rtmp_addr.to_string(), "127.0.0.1:1935");
        assert_eq!(config.engine.worker_memory, Bytes(6 << 30));
        assert!(config.orchestrator.startup_check.0);
    }

    #[test]
    fn help_is_one_line_each() {
        for key in keys() {
            assert!(
                key.help.starts_with(' ') && key.help.ends_with('.'),
                "{}",
                key.path()
            );
        }
    }
}
