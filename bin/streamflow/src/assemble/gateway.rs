//! A gateway, alone or as the heart of `up`.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde_json::json;
use streamflow_admin::Role;
use streamflow_engine::Transcoder;
use streamflow_gateway::{ApiKey, Config, Deps, Fallback, Listeners, OffChain};

use super::ground::Ground;
use super::{Start, control_port, engine, ladder, store};
use crate::cli::Up;
use crate::config::{self, Secret};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::ports::{WhenTaken, listen};

/// Runs a gateway on exactly the addresses it was given.
pub(super) async fn run(start: Start) -> anyhow::Result<()> {
    serve(start, WhenTaken::Fail, None).await
}

/// Runs a gateway, alone or as the heart of `up`, which has its addresses printed.
pub(super) async fn serve(
    start: Start,
    when_taken: WhenTaken,
    up: Option<&Up>,
) -> anyhow::Result<()> {
    let (table, output) = (&start.config.gateway, start.output);
    let ground = Ground::lay(&start.config, Role::Gateway)?;
    let config = translate(&start, &ground)?;
    let listeners = open_doors(&start, &ground, when_taken).await?;
    let local: Option<Arc<dyn Transcoder>> = if config.fallback.contains(&Fallback::Local) {
        Some(engine::start(&start.config.engine, &ground).await?)
    } else {
        None
    };
    let deps = Deps {
        local,
        store: store::open(&ground, table.memory.0, table.disk.0).await?,
        payer: Arc::new(OffChain),
        peers: ground.peers.clone(),
        clock: ground.clock.clone(),
        metrics: ground.metrics.clone(),
        readiness: ground.readiness.clone(),
    };
    if let Some(options) = up {
        let page = announce(&listeners, output);
        if options.open {
            open_page(&page, output);
        }
    }
    let role = streamflow_gateway::run(config, deps, listeners, ground.shutdown.clone());
    ground
        .run(async { role.await.map_err(|error| failed(&error)) })
        .await
}

fn failed(error: &streamflow_gateway::RunError) -> Failure {
    let exit = match error {
        streamflow_gateway::RunError::Nobody | streamflow_gateway::RunError::Ladder(_) => {
            Exit::Usage
        }
        _ => Exit::Unexpected,
    };
    Failure::new(exit, "gateway", engine::error_chain(error))
}

fn translate(start: &Start, ground: &Ground) -> Result<Config, Failure> {
    let (table, metrics) = (&start.config.gateway, &start.config.metrics);
    let fallback = |place: &config::Fallback| match place {
        config::Fallback::Network => Fallback::Network,
        config::Fallback::Local => Fallback::Local,
        config::Fallback::Passthrough => Fallback::Passthrough,
    };
    let urls = |list: &[config::OrchestratorUrl]| list.iter().map(|url| url.0.clone()).collect();
    Ok(Config {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        network: ground.network.clone(),
        orchestrators: urls(&table.orch),
        discovery_webhook: table.discovery_webhook.clone(),
        discovery_timeout: table.discovery_timeout,
        blocked: urls(&table.block),
        min_version: table.min_version.clone(),
        auth_webhook: table.auth_webhook.clone(),
        ladder: ladder::read(&table.ladder)?,
        fallback: table.fallback.iter().map(fallback).collect(),
        max_attempts: table.max_attempts,
        max_streams: table.max_sessions as usize,
        segment: table.segment,
        push_enabled: push_enabled(table),
        broadcasters: table.broadcaster.clone(),
        api_keys: api_keys(table)?,
        public_url: table.public_url.clone(),
        current_manifest: table.current_manifest.0,
        state_folder: Some(ground.place.folder().to_owned()),
        per_stream_metrics: metrics.per_stream.0 || metrics.client_ip.0,
        client_ip_metrics: metrics.client_ip.0,
        ..Config::new(ground.access.clone())
    })
}

/// Off when strangers could reach it and nobody asks who they are.
fn push_enabled(table: &config::GatewayTable) -> bool {
    let exposed = !table.http_addr.ip().is_loopback() && table.auth_webhook.is_none();
    match table.http_ingest {
        Some(given) => given.0,
        None if exposed => {
            tracing::warn!(
                "HTTP push is off: the address is public and no auth webhook is set; \
                 --http-ingest true turns it on"
            );
            false
        }
        None => true,
    }
}

fn api_keys(table: &config::GatewayTable) -> Result<Vec<ApiKey>, Failure> {
    let Some(file) = &table.api_key_file else {
        return Ok(Vec::new());
    };
    let text = Secret::read(file).map_err(|error| Failure::usage("secret-file", error))?;
    let keys = text
        .expose()
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    Ok(keys.map(ApiKey::new).collect())
}

async fn open_doors(
    start: &Start,
    ground: &Ground,
    when_taken: WhenTaken,
) -> Result<Listeners, Failure> {
    let (table, layers, output) = (&start.config.gateway, &start.layers, start.output);
    let origin = |key| layers.origin("gateway", key);
    let control = control_port::open(
        ground,
        table.control_addr,
        layers,
        "gateway",
        when_taken,
        output,
    )
    .await?;
    let rtmp = listen(
        "RTMP",
        table.rtmp_addr,
        &origin("rtmp_addr"),
        when_taken,
        output,
    )
    .await?;
    let http = listen(
        "HTTP",
        table.http_addr,
        &origin("http_addr"),
        when_taken,
        output,
    )
    .await?;
    Ok(Listeners {
        rtmp: Some(rtmp),
        http,
        control: Some(control),
    })
}

/// Tells people where to publish and where to watch, and gives the address of the player page.
fn announce(listeners: &Listeners, output: Output) -> String {
    let place = |listener: &tokio::net::TcpListener| {
        let address = listener.local_addr().ok()?;
        // Nobody can open 0.0.0.0.
        let ip = if address.ip().is_unspecified() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            address.ip()
        };
        Some(SocketAddr::new(ip, address.port()).to_string())
    };
    let rtmp = listeners.rtmp.as_ref().and_then(place).unwrap_or_default();
    let control = listeners
        .control
        .as_ref()
        .and_then(place)
        .unwrap_or_default();
    let http = place(&listeners.http).unwrap_or_default();
    let data = json!({
        "publish": format!("rtmp://{rtmp}/live/NAME"),
        "push": format!("http://{http}/live/NAME/0.ts"),
        "play": format!("http://{http}/play/NAME"),
        "playlist": format!("http://{http}/stream/NAME.m3u8"),
        "control": format!("http://{control}"),
    });
    output.data(&data, || {
        format!(
            "publish to   rtmp://{rtmp}/live/NAME   (OBS: server rtmp://{rtmp}/live, stream key NAME)\n\
             watch at     http://{http}/play/NAME   (players: http://{http}/stream/NAME.m3u8)\n\
             status       streamflow status\n\
             stop         Ctrl-C"
        )
    });
    format!("http://{http}/")
}

/// Shows a page in the person's browser, as far as the system knows one.
fn open_page(page: &str, output: Output) {
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let silent = std::process::Stdio::null;
    let started = tokio::process::Command::new(opener)
        .arg(page)
        .stdin(silent())
        .stdout(silent())
        .stderr(silent())
        .spawn();
    if let Err(error) = started {
        output.note(&format!(
            "no browser was opened ({opener}: {error}); go to {page}"
        ));
    }
}
