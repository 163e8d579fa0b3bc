//! A transcoder: an engine attached to one orchestrator.

use std::sync::Arc;

use async_trait::async_trait;
use streamflow_admin::{AddressView, ControlApi, Role, RoleStatus, SegmentCounts, Usage};
use streamflow_engine::Transcoder;
use streamflow_runtime::{Counter, Gauge, Metrics};
use streamflow_transcoder::{Capacity, Config, Deps, OrchestratorAddress, RunError};

use super::ground::Ground;
use super::{Start, control_port, engine};
use crate::config::MaxSessions;
use crate::failure::{Exit, Failure};
use crate::ports::WhenTaken;

/// Runs it until it has drained or was sent away.
pub(super) async fn run(start: Start) -> anyhow::Result<()> {
    let table = &start.config.transcoder;
    let ground = Ground::lay(&start.config, Role::Transcoder)?;
    let config = translate(&start)?;
    let listener = control_port::open(
        &ground,
        table.control_addr,
        &start.layers,
        "transcoder",
        WhenTaken::Fail,
        start.output,
    )
    .await?;
    ground
        .readiness
        .block("starting", "the media workers are being started");
    let control = Arc::new(Control::new(&config.orchestrator, &ground.metrics));
    let control = control_port::start(&ground, listener, control);
    let transcoder: Arc<dyn Transcoder> = if table.null.0 {
        engine::null(table.null_latency)
    } else {
        let auto = table.capacity == MaxSessions::Auto;
        engine::start_measured(&start.config.engine, &ground, auto).await?
    };
    ground.readiness.clear("starting");
    let deps = Deps {
        transcoder,
        peers: ground.peers.clone(),
        metrics: ground.metrics.clone(),
        readiness: ground.readiness.clone(),
    };
    let role = streamflow_transcoder::run(config, deps, ground.shutdown.clone());
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
        RunError::InvalidSecret(_) => (Exit::Refused, "secret-refused"),
        RunError::ZeroCapacity => (Exit::Usage, "capacity"),
        RunError::Dismissed(_) => (Exit::Refused, "dismissed"),
        _ => (Exit::Unexpected, "transcoder"),
    };
    Failure::new(exit, code, engine::error_chain(error))
}

fn translate(start: &Start) -> Result<Config, Failure> {
    let table = &start.config.transcoder;
    let orchestrator = table.orch.as_deref().ok_or_else(|| {
        Failure::usage("config", "a transcoder needs an orchestrator").hint("add --orch host:8935")
    })?;
    let orchestrator = OrchestratorAddress::parse(orchestrator)
        .map_err(|error| Failure::usage("config", error))?;
    let secret = start.secret(table.secret_file.as_deref())?.ok_or_else(|| {
        Failure::usage("config", "a transcoder needs the orchestrator's secret")
            .hint("add --secret-file FILE")
    })?;
    let secret = streamflow_transcoder::Secret::new(secret.expose())
        .map_err(|error| Failure::usage("secret-file", error))?;
    let capacity = match table.capacity {
        MaxSessions::Auto => Capacity::Auto,
        MaxSessions::Fixed(sessions) => Capacity::Sessions(sessions),
    };
    Ok(Config {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        orchestrator,
        secret,
        capacity,
    })
}

/// What a transcoder shows its operator, read from its counts.
struct Control {
    orchestrator: String,
    running: Gauge,
    capacity: Gauge,
    done: Counter,
    lost: [Counter; 3],
    encoded: Counter,
}

impl Control {
    fn new(orchestrator: &OrchestratorAddress, metrics: &Metrics) -> Self {
        let jobs =
            |outcome| metrics.counter("streamflow_transcoder_jobs_total", &[("outcome", outcome)]);
        Self {
            orchestrator: orchestrator.url().to_string(),
            running: metrics.gauge("streamflow_transcoder_jobs_running", &[]),
            capacity: metrics.gauge("livepeer_max_sessions_total", &[]),
            done: jobs("done"),
            lost: [jobs("failed"), jobs("unposted"), jobs("dropped")],
            encoded: metrics.counter("streamflow_transcoder_pixels_total", &[("side", "encoded")]),
        }
    }
}

#[async_trait]
impl ControlApi for Control {
    async fn status(&self) -> RoleStatus {
        let running = self.running.value() as u64;
        RoleStatus {
            role: Role::Transcoder,
            addresses: vec![AddressView {
                name: "works for".to_owned(),
                url: self.orchestrator.clone(),
            }],
            sessions: Usage {
                active: running,
                max: Some(self.capacity.value() as u64),
            },
            segments: SegmentCounts {
                in_flight: running,
                succeeded: self.done.value() as u64,
                failed: self.lost.iter().map(|count| count.value() as u64).sum(),
            },
            pixels: format!("{:.0}", self.encoded.value()),
            orchestrators: None,
            workers: None,
        }
    }
}
