//! Start, serve, leave in good order.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{any, get};
use rand::SeedableRng;
use rand::rngs::StdRng;
use streamflow_rpc::client::with_causes;
use streamflow_rpc::{Clients, one_port, serve};
use streamflow_runtime::{Readiness, Shutdown};
use streamflow_types::Address;
use streamflow_wire::proto::PingPong;
use streamflow_wire::proto::orchestrator_client::OrchestratorClient;
use streamflow_wire::proto::orchestrator_server::OrchestratorServer;
use streamflow_wire::proto::transcoder_server::TranscoderServer;
use streamflow_wire::signature::{keccak, verify};
use streamflow_wire::work::{OFF_CHAIN, RESULTS_PATH};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::service::Routes;
use url::Url;

use crate::config::{Config, Deps, RunError};
use crate::gatekeeper::Gatekeeper;
use crate::info::OrchestratorService;
use crate::meters::Meters;
use crate::renditions::{Renditions, serve_rendition};
use crate::secrets;
use crate::segment::{payment, segment};
use crate::sessions::Sessions;
use crate::state::{BYTES_PER_PERMIT, Inner, State};
use crate::workers::{TranscoderService, Workers, serve_source, take_results};
use crate::workshop::Workshop;

/// Between two looks at sessions that ended by themselves, and at how the node stands.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Calling oneself takes at most this long.
const PING_LIMIT: Duration = Duration::from_secs(8);

/// Tries to call oneself: the port may take a moment.
const PING_TRIES: u32 = 3;

/// After draining, renditions can still be fetched for this long.
const LAST_FETCHES: Duration = Duration::from_secs(2);

/// Serves until told to leave. Leaving means: no new sessions, finish what runs, let the last
/// renditions be fetched.
pub async fn run(config: Config, deps: Deps, shutdown: Shutdown) -> Result<(), RunError> {
    if deps.engine.is_none() && config.secret.is_none() {
        return Err(RunError::NobodyWorks);
    }
    let control = deps.control.clone();
    let (listener, tls, limits) = (deps.listener, deps.tls, deps.limits);
    let clients = Clients::new(&deps.peers)?;
    let gatekeeper = match &config.auth_webhook {
        Some(url) => Some(Gatekeeper::new(
            url.clone(),
            streamflow_rpc::client::webhooks()?,
        )),
        None => None,
    };
    let tokens = secrets::load_or_create(&config.data_dir, &mut StdRng::from_os_rng())?;
    let renditions = Arc::new(Renditions::new(config.rendition_budget_bytes));
    let owner = match deps.identity.address() {
        Address::ZERO => OFF_CHAIN.to_owned(),
        address => address.to_string(),
    };
    let service = config.service.as_str().trim_end_matches('/').to_owned();
    let workers = config
        .secret
        .clone()
        .map(|secret| Arc::new(Workers::new(secret, service.clone(), owner)));
    let workshop = Arc::new(Workshop::new(deps.engine, workers.clone()));
    let state: State = Arc::new(Inner {
        source_budget: Arc::new(Semaphore::new(
            config.source_budget_bytes / BYTES_PER_PERMIT,
        )),
        identity: deps.identity,
        gatekeeper,
        payments: deps.payments,
        tokens,
        sessions: Sessions::default(),
        renditions,
        workshop,
        downloads: clients.downloads().clone(),
        clock: deps.clock,
        meters: Meters::new(&deps.metrics),
        shutdown: shutdown.clone(),
        config,
    });
    control.connect(state.clone());
    tracing::info!(service, address = %state.identity.address(), "orchestrator serves");

    // The port outlives the first phase: what is in flight is still answered and fetched.
    let port = shutdown.stage();
    let serving = serve(listener, tls.as_ref(), routes(&state), limits, port.clone());
    let watching = watch(&state, &deps.readiness, &shutdown, &port);
    let calling = async {
        if state.config.ping_itself {
            call_oneself(&state, &clients).await?;
        }
        std::future::pending::<()>().await;
        Ok::<(), RunError>(())
    };
    tokio::select! {
        ((), ()) = async { tokio::join!(serving, watching) } => Ok(()),
        Err(error) = calling => Err(error),
    }
}

fn routes(state: &State) -> Router {
    let http = Router::new()
        // The network's nodes do not look at the method.
        .route("/segment", any(segment))
        .route("/payment", any(payment))
        .route(RESULTS_PATH, any(take_results))
        .route("/stream/{session}/{name}", get(serve_source))
        .route("/stream/{session}/{rendition}/{name}", get(serve_rendition))
        .with_state(state.clone());
    let mut grpc = Routes::new(OrchestratorServer::new(OrchestratorService(state.clone())));
    if let Some(workers) = state.workshop.workers() {
        grpc = grpc.add_service(TranscoderServer::new(TranscoderService {
            workers: workers.clone(),
            clock: state.clock.clone(),
            shutdown: state.shutdown.clone(),
        }));
    }
    one_port(grpc, http)
}

/// Ends idle sessions, keeps readiness and gauges true, and closes the port when all is done.
async fn watch(state: &State, readiness: &Readiness, shutdown: &Shutdown, port: &Shutdown) {
    loop {
        let capacity = state.workshop.capacity();
        readiness.require(
            capacity.is_some(),
            "no-workers",
            "no engine and no transcoder works",
        );
        readiness.require(
            !state.workshop.is_paused(),
            "draining",
            "paused by its operator",
        );
        let now = state.clock.now();
        for session in state.sessions.sweep(now) {
            state.end_session(&session).await;
        }
        let workers = state
            .workshop
            .workers()
            .map_or([0; 3], |workers| workers.standing());
        state
            .meters
            .standing(state.sessions.active(now), state.session_limit(), workers);
        if shutdown
            .unless_draining(state.clock.sleep(SWEEP_EVERY))
            .await
            .is_none()
        {
            break;
        }
    }
    readiness.block("draining", "finishes what it has");
    let finish = async {
        while state.meters.totals().in_flight > 0 {
            state.clock.sleep(Duration::from_millis(50)).await;
        }
        state.clock.sleep(LAST_FETCHES).await;
    };
    let _ = shutdown.unless_stopped(finish).await;
    port.stop();
}

/// Checks that the service address leads to this node.
async fn call_oneself(state: &State, clients: &Clients) -> Result<(), RunError> {
    let service = state.config.service.clone();
    let value = keccak(
        &state
            .identity
            .sign(&keccak(state.unix_seconds().to_string().as_bytes())),
    );
    let mut reason = String::new();
    for attempt in 0..PING_TRIES {
        state
            .clock
            .sleep(Duration::from_millis(200) * (1 + attempt))
            .await;
        match timeout(PING_LIMIT, ping(clients, &service, &value)).await {
            Ok(Ok(signature)) => {
                let address = state.identity.address();
                if address.is_zero() || verify(address, &value, &signature).is_ok() {
                    return Ok(());
                }
                reason = "another node answered".to_owned();
            }
            Ok(Err(error)) => reason = error,
            Err(_) => reason = format!("no answer in {PING_LIMIT:?}"),
        }
    }
    Err(RunError::Unreachable { service, reason })
}

async fn ping(clients: &Clients, service: &Url, value: &[u8; 32]) -> Result<Vec<u8>, String> {
    let channel = clients.grpc(service).map_err(|error| error.to_string())?;
    let mut client = OrchestratorClient::with_origin(channel, origin(service));
    let request = PingPong {
        value: value.to_vec().into(),
    };
    let answer =
        client
            .ping(request)
            .await
            .map_err(|status| match std::error::Error::source(&status) {
                Some(cause) => with_causes(cause),
                None => status.message().to_owned(),
            })?;
    Ok(answer.into_inner().value.to_vec())
}

fn origin(service: &Url) -> http::Uri {
    service.as_str().parse().unwrap_or_default()
}
