//! An orchestrator: one port for gateways and transcoders, its own engine where it has one.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use streamflow_admin::Role;
use streamflow_engine::Transcoder;
use streamflow_orchestrator::{
    Config, ControlHandle, Deps, Identity, OffChain, RunError, SessionLimit,
};
use streamflow_rpc::ServerLimits;
use tokio::net::TcpListener;
use url::Url;

use super::ground::Ground;
use super::{Start, control_port, engine};
use crate::config::MaxSessions;
use crate::failure::{Exit, Failure};
use crate::ports::{WhenTaken, listen};

/// Port of an orchestrator when its address names none.
const DEFAULT_PORT: u16 = 8935;

/// Runs it until it has drained.
pub(super) async fn run(start: Start) -> anyhow::Result<()> {
    serve(start, None, WhenTaken::Fail).await
}

/// Runs it, on this port where it has been opened already.
pub(super) async fn serve(
    start: Start,
    opened: Option<TcpListener>,
    when_taken: WhenTaken,
) -> anyhow::Result<()> {
    let table = &start.config.orchestrator;
    let ground = Ground::lay(&start.config, Role::Orchestrator)?;
    let config = translate(&start, &ground)?;
    let listener = match opened {
        Some(listener) => listener,
        None => open_service(&start, &config.service).await?,
    };
    let control_listener = control_port::open(
        &ground,
        table.control_addr,
        &start.layers,
        "orchestrator",
        when_taken,
        start.output,
    )
    .await?;
    let tls = certificate(&ground, &config.service)?;
    ground
        .readiness
        .block("starting", "the node is being started");
    let handle = ControlHandle::new();
    let control = control_port::start(&ground, control_listener, Arc::new(handle.clone()));
    let engine = engine(&start, &ground).await?;
    ground.readiness.clear("starting");
    let deps = Deps {
        listener,
        tls,
        limits: ServerLimits::of_this_machine(),
        identity: Identity::OffChain,
        payments: Arc::new(OffChain),
        engine,
        peers: ground.peers.clone(),
        clock: ground.clock.clone(),
        metrics: ground.metrics.clone(),
        readiness: ground.readiness.clone(),
        control: handle,
    };
    let role = streamflow_orchestrator::run(config, deps, ground.shutdown.clone());
    ground
        .run(async {
            let outcome = role.await.map_err(|error| failed(&error));
            control.close().await;
            outcome
        })
        .await
}

fn failed(error: &RunError) -> Failure {
    let (exit, code) = match error {
        RunError::NobodyWorks => (Exit::Usage, "config"),
        RunError::Secrets(_) => (Exit::Precondition, "data-dir"),
        RunError::Unreachable { .. } => (Exit::Precondition, "service-unreachable"),
        _ => (Exit::Unexpected, "orchestrator"),
    };
    Failure::new(exit, code, engine::error_chain(error))
}

fn translate(start: &Start, ground: &Ground) -> Result<Config, Failure> {
    let table = &start.config.orchestrator;
    let service = table.service_addr.clone().ok_or_else(|| {
        Failure::usage(
            "config",
            "an orchestrator needs the address others reach it under",
        )
        .hint("add --service-addr https://host:8935")
    })?;
    let secret = start.secret(table.secret_file.as_deref())?;
    let works_itself = table.transcoder.0 || table.null.0;
    if secret.is_none() && !works_itself {
        return Err(Failure::usage("config", RunError::NobodyWorks)
            .hint("add --transcoder, or --secret-file FILE for remote transcoders"));
    }
    let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    Ok(Config {
        service: service.0,
        data_dir: ground.place.folder().to_owned(),
        secret: secret.map(|secret| secret.expose().to_owned()),
        sessions: match table.max_sessions {
            MaxSessions::Auto => SessionLimit::Auto,
            MaxSessions::Fixed(sessions) => SessionLimit::Fixed(sessions),
        },
        nodes: table.node_addr.clone(),
        max_segment_bytes: bytes(table.max_segment.0).min(streamflow_types::MAX_SEGMENT_BYTES),
        source_budget_bytes: bytes(table.source_memory.0),
        rendition_budget_bytes: bytes(table.rendition_memory.0),
        fetch_allowed: table.fetch_allow.clone(),
        auth_webhook: table.auth_webhook.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ping_itself: table.startup_check.0,
    })
}

async fn open_service(start: &Start, service: &Url) -> Result<TcpListener, Failure> {
    let table = &start.config.orchestrator;
    let port = service.port_or_known_default().unwrap_or(DEFAULT_PORT);
    let everywhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
    let address = table.listen.unwrap_or(everywhere);
    let origin = start.layers.origin("orchestrator", "listen");
    listen(
        "the orchestrator",
        address,
        &origin,
        WhenTaken::Fail,
        start.output,
    )
    .await
}

/// The node's certificate; none where its address is plaintext.
fn certificate(
    ground: &Ground,
    service: &Url,
) -> Result<Option<streamflow_rpc::Identity>, Failure> {
    if service.scheme() == "http" {
        return Ok(None);
    }
    let host = service.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    streamflow_rpc::Identity::load_or_create(ground.place.folder(), host)
        .map(Some)
        .map_err(|error| {
            Failure::new(
                Exit::Precondition,
                "certificate",
                engine::error_chain(&error),
            )
        })
}

async fn engine(start: &Start, ground: &Ground) -> Result<Option<Arc<dyn Transcoder>>, Failure> {
    let table = &start.config.orchestrator;
    let honest: Arc<dyn Transcoder> = if table.null.0 {
        engine::null(table.null_latency)
    } else if table.transcoder.0 {
        let auto = table.max_sessions == MaxSessions::Auto;
        engine::start_measured(&start.config.engine, ground, auto).await?
    } else {
        return Ok(None);
    };
    Ok(Some(match table.misbehave {
        Some(how) => engine::misbehaving(honest, how),
        None => honest,
    }))
}
