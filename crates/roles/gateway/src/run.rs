//! A gateway from its first listening port to its last answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use streamflow_admin::{AddressView, Node as AdminNode};
use streamflow_ingest::{push, rtmp};
use streamflow_playback::RouterOptions;
use streamflow_rpc::{ServerLimits, serve};
use streamflow_runtime::{Shutdown, supervise};
use streamflow_types::MAX_SEGMENT_BYTES;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::Url;

use crate::api::{self, Api};
use crate::config::{Config, Deps, Listeners, RunError};
use crate::control::Control;
use crate::discovery;
use crate::gate::Gate;
use crate::node::Node;

/// After the last segment players still fetch what was published last.
const LAST_FETCH: Duration = Duration::from_millis(500);

/// Runs a gateway until `shutdown` drains and its streams have ended, or until it stops.
pub async fn run(
    config: Config,
    deps: Deps,
    listeners: Listeners,
    shutdown: Shutdown,
) -> Result<(), RunError> {
    let addresses = Addresses::of(&config, &listeners)?;
    let (clock, metrics) = (deps.clock.clone(), deps.metrics.clone());
    let node = Arc::new(Node::new(config, deps, shutdown.clone())?);
    let gate = Gate::new(node.clone());
    // Doors for viewers and operators stay open until the streams are over.
    let late = shutdown.stage();
    let mut tasks = JoinSet::new();
    tasks.spawn(watch(node.clone(), shutdown.clone()));
    // The library has nothing to finish: it runs until it is told to stop.
    let library_over = late.child();
    let (library, its_end) = (node.library.clone(), library_over.clone());
    tasks.spawn(async move { library.run(its_end).await });
    let limits = push::Limits {
        // Less could never take in the largest segment.
        bytes_in_flight: node.config.bytes_in_flight.max(MAX_SEGMENT_BYTES),
        ..push::Limits::default()
    };
    let door = push::Door::new(Arc::new(gate.clone()), limits);
    let router = http_router(&node, &gate, &door, &addresses);
    tasks.spawn(serve_on(listeners.http, router, late.clone()));
    if let Some(listener) = listeners.control {
        let control = Control {
            node: node.clone(),
            addresses: addresses.views(),
            playback: addresses.public.clone(),
        };
        let admin = AdminNode {
            version: node.config.version.clone(),
            network: node.config.network.clone(),
            clock: clock.clone(),
            metrics,
            readiness: node.readiness.clone(),
            control: Arc::new(control),
        };
        let router = streamflow_admin::router(admin, node.config.control_access.clone());
        tasks.spawn(serve_on(listener, router, late.clone()));
    }
    let publishers = async {
        if let Some(listener) = listeners.rtmp {
            let limits = rtmp::Limits {
                connections: node.config.max_streams.saturating_mul(2).max(16),
                segment: node.config.segment,
                ..rtmp::Limits::default()
            };
            rtmp::serve(
                listener,
                Arc::new(gate.clone()),
                limits,
                clock.clone(),
                shutdown.clone(),
            )
            .await;
        }
        shutdown.draining().await;
        let message = "this node is leaving; use another";
        node.readiness.block("draining", message);
        node.registry.finished().await;
        door.finished().await;
    };
    let is_orderly = shutdown.unless_stopped(publishers).await.is_some();
    if is_orderly {
        clock.sleep(LAST_FETCH).await;
    }
    // Orderly: answer what is being asked, then close. Otherwise everything is dropped already.
    late.drain();
    library_over.stop();
    while tasks.join_next().await.is_some() {}
    Ok(())
}

async fn watch(node: Arc<Node>, shutdown: Shutdown) {
    if !node.uses_network() {
        return;
    }
    supervise("discovery", &shutdown.clone(), move || {
        let (node, shutdown) = (node.clone(), shutdown.clone());
        async move {
            discovery::watch(&node, &shutdown).await;
            Ok::<(), std::convert::Infallible>(())
        }
    })
    .await;
}

async fn serve_on(listener: TcpListener, router: Router, shutdown: Shutdown) {
    let limits = ServerLimits {
        serve_after_close: true,
        ..ServerLimits::of_this_machine()
    };
    serve(listener, None, router, limits, shutdown).await;
}

fn http_router(node: &Arc<Node>, gate: &Gate, door: &push::Door, addresses: &Addresses) -> Router {
    let config = &node.config;
    let options = RouterOptions {
        current: config.current_manifest,
        player: config.player,
    };
    let playback = streamflow_playback::router(node.library.clone(), &options)
        .route("/healthz", axum::routing::get(|| async {}));
    if !config.push_enabled {
        return playback;
    }
    let broadcasters = match config.broadcasters.is_empty() {
        true => vec![addresses.public.clone()],
        false => config.broadcasters.clone(),
    };
    let api = api::router(Api {
        gate: gate.clone(),
        broadcasters,
        keys: config.api_keys.clone(),
        ladder: config.ladder.clone(),
    });
    playback.merge(door.router()).merge(api)
}

/// Where the node can be reached.
struct Addresses {
    rtmp: Option<SocketAddr>,
    public: Url,
    takes_pushes: bool,
    player: bool,
}

impl Addresses {
    fn of(config: &Config, listeners: &Listeners) -> Result<Self, RunError> {
        let http = listeners.http.local_addr();
        let http = http.map_err(|error| RunError::Address("http", error))?;
        let rtmp = listeners
            .rtmp
            .as_ref()
            .map(TcpListener::local_addr)
            .transpose();
        let own = Url::parse(&format!("http://{http}")).expect("a socket address is a host");
        Ok(Self {
            rtmp: rtmp.map_err(|error| RunError::Address("rtmp", error))?,
            public: config.public_url.clone().unwrap_or(own),
            takes_pushes: config.push_enabled,
            player: config.player,
        })
    }

    fn views(&self) -> Vec<AddressView> {
        let view = |name: &str, url: String| AddressView {
            name: name.to_owned(),
            url,
        };
        let base = self.public.as_str().trim_end_matches('/');
        let rtmp = self
            .rtmp
            .map(|rtmp| view("rtmp", format!("rtmp://{rtmp}/live")));
        let push = self
            .takes_pushes
            .then(|| view("push", format!("{base}/live")));
        let hls = Some(view("hls", format!("{base}/stream")));
        let player = self.player.then(|| view("player", format!("{base}/")));
        [rtmp, push, hls, player].into_iter().flatten().collect()
    }
}
