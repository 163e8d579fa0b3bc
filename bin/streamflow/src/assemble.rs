//! Builds the real things a role uses and runs it: sockets, stores, clients, worker processes,
//! logs, signals. The only place that does.

mod control_port;
mod engine;
mod gateway;
mod ground;
mod ladder;
mod orchestrator;
mod store;
mod transcoder;
mod up;

use std::path::Path;

pub(crate) use engine::{hello as engine_hello, speed, try_devices};

use streamflow_runtime::telemetry::{self, Logs};

use crate::cli::Verb;
use crate::config::{Config, Layers, Secret};
use crate::failure::Failure;
use crate::output::Output;

/// What a role is started with.
#[derive(Clone)]
pub(crate) struct Start {
    pub(crate) config: Config,
    pub(crate) layers: Layers,
    pub(crate) output: Output,
    pub(crate) warnings: Vec<String>,
    /// The secret where it came as text.
    pub(crate) secret: Option<Secret>,
}

impl Start {
    /// The shared secret, from its file or as it came.
    fn secret(&self, file: Option<&Path>) -> Result<Option<Secret>, Failure> {
        match (&self.secret, file) {
            (Some(secret), _) => Ok(Some(secret.clone())),
            (None, Some(file)) => Secret::read(file)
                .map(Some)
                .map_err(|error| Failure::usage("secret-file", error)),
            (None, None) => Ok(None),
        }
    }
}

/// Runs a role until it has drained or failed.
pub(crate) async fn run(role: Verb, start: Start) -> anyhow::Result<()> {
    let _logs = logs(&start.config)?;
    for warning in &start.warnings {
        tracing::warn!("{warning}");
    }
    engine::check_preset(&start.config.engine.preset)?;
    match role {
        Verb::Up(options) => up::run(start, &options).await,
        Verb::Gateway => gateway::run(start).await,
        Verb::Orchestrator => orchestrator::run(start).await,
        Verb::Transcoder => transcoder::run(start).await,
        other => unreachable!("{other:?} runs no role"),
    }
}

/// Starts the logs.
pub(crate) fn logs(config: &Config) -> Result<Logs, Failure> {
    telemetry::init(&config.log.level, config.log.format)
        .map_err(|error| Failure::usage("log", error))
}

/// Whether the files the settings name can be used.
pub(crate) fn check_files(config: &Config) -> Result<(), Failure> {
    let secrets = [
        ("node.control_token_file", &config.node.control_token_file),
        ("orchestrator.secret_file", &config.orchestrator.secret_file),
        ("transcoder.secret_file", &config.transcoder.secret_file),
    ];
    for (key, file) in secrets {
        if let Some(file) = file {
            Secret::read(file)
                .map_err(|error| Failure::usage("secret-file", format!("{key}: {error}")))?;
        }
    }
    engine::check_preset(&config.engine.preset)?;
    ladder::read(&config.gateway.ladder).map(|_| ())
}
