//! The transcoding engine of this machine: worker processes beside this program.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use streamflow_engine::protocol::{Hello, Layer};
use streamflow_engine::{
    DeviceState, DeviceStatus, Devices, DevicesConfig, Faulty, Fleet, Latency, LaunchError,
    Measurement, Null, Pool, PoolConfig, Transcoder, machine, measure, measure_once,
};
use streamflow_runtime::Metrics;
use streamflow_types::{Profile, SessionId};

use super::ground::Ground;
use crate::config::{EngineTable, Misbehaviour};
use crate::failure::{Exit, Failure};

/// The worker program's name, as it is built beside this one.
const WORKER: &str = "streamflow-worker";

/// How long a null engine takes and how much it claims to carry.
const NULL_MEDIAN: Duration = Duration::from_millis(350);
const NULL_SIGMA: f64 = 0.4;
const NULL_SESSIONS: u32 = 1_000;

/// What capacity is measured with: the outputs a stream has unless told otherwise.
const MEASURED_LADDER: [&str; 2] = ["P240p30fps16x9", "P360p30fps16x9"];

/// Encoder presets, quickest first.
const PRESETS: [&str; 7] = [
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
];

/// Starts the workers, those of the cards that are wanted too.
pub(super) async fn start(table: &EngineTable, ground: &Ground) -> Result<Arc<Fleet>, Failure> {
    let pool = start_pool(table, &ground.metrics).await?;
    let mut config = devices(table, table.device.clone());
    config.readiness = ground.readiness.clone();
    Ok(Arc::new(Fleet::start(pool, config).await))
}

/// How these cards are used.
fn devices(table: &EngineTable, devices: Devices) -> DevicesConfig {
    let mut config = DevicesConfig::new(devices);
    config.reserve_bytes = table.device_reserve.0;
    // Containers put the driver's libraries where this variable says.
    let libraries = std::env::var_os(LIBRARY_PATH).map(|path| (LIBRARY_PATH.into(), path));
    config.environment.extend(libraries);
    config
}

/// Where the loader looks for libraries first.
const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

/// Tries the cards this machine shows, and those that are wanted, as a node would.
pub(crate) async fn try_devices(table: &EngineTable) -> Result<Vec<DeviceStatus>, Failure> {
    let wanted = match &table.device {
        Devices::Auto | Devices::Processor => Devices::Auto,
        wanted => wanted.clone(),
    };
    let config = devices(table, wanted);
    if config.cards().is_empty() {
        return Ok(Vec::new());
    }
    let pool = start_pool(table, &Metrics::new()).await?;
    Ok(Fleet::start(pool, config).await.devices())
}

async fn start_pool(table: &EngineTable, metrics: &Metrics) -> Result<Arc<Pool>, Failure> {
    check_preset(&table.preset)?;
    let mut config = PoolConfig::new(worker(table)?, metrics.clone());
    config.preset.clone_from(&table.preset);
    config.worker_memory_bytes = table.worker_memory.0;
    config.cores = cores(table)?;
    config.allow_missing_layers = layers(&table.allow_missing_sandbox)?;
    let pool = Pool::start(config).await.map_err(|error| {
        let hint = match error {
            LaunchError::MissingLayers { .. } | LaunchError::OldFfmpeg { .. } => {
                "change the system, or accept the risk with --allow-missing-sandbox LAYER"
            }
            _ => "see the log; --help-all lists the options of the engine",
        };
        Failure::new(Exit::Precondition, "no-media-workers", error_chain(&error)).hint(hint)
    })?;
    Ok(Arc::new(pool))
}

/// Starts the workers and, where asked, measures how many sessions they carry. The result is kept
/// in the role's folder: a node measures once for each machine and version.
pub(super) async fn start_measured(
    table: &EngineTable,
    ground: &Ground,
    measured: bool,
) -> Result<Arc<Fleet>, Failure> {
    let fleet = start(table, ground).await?;
    if !measured {
        return Ok(fleet);
    }
    let cores = cores(table)?;
    let cards = cards(&fleet);
    let jobs = u32::try_from(cards.len())
        .unwrap_or(0)
        .saturating_mul(JOBS_ON_A_CARD);
    let parallel = cores.saturating_add(jobs);
    let ladder: Vec<_> = MEASURED_LADDER
        .iter()
        .filter_map(|name| Profile::preset(name).ok())
        .collect();
    let key = format!(
        "{} {} {} cores {}",
        machine(),
        env!("CARGO_PKG_VERSION"),
        cores,
        cards.join(" ")
    );
    let file = ground.place.folder().join("capacity.json");
    let measurement = measure_once(&file, &key, fleet.as_ref(), &ladder, parallel)
        .await
        .map_err(|error| Failure::new(Exit::Precondition, "engine", error_chain(&error)))?;
    for number in 0..parallel.get() {
        // What was measured with leaves its places on the cards.
        let session = SessionId::from_random(number.to_be_bytes());
        fleet.end_session(&session).await;
    }
    if measurement.is_too_slow() {
        tracing::warn!(
            speed = measurement.speed,
            "this machine does not carry one stream in real time"
        );
    }
    tracing::info!(
        sessions = measurement.streams,
        speed = measurement.speed,
        "capacity measured"
    );
    fleet.set_capacity(measurement.streams);
    Ok(fleet)
}

/// The cards in use, by their own numbers: another card carries another number of streams.
fn cards(fleet: &Fleet) -> Vec<String> {
    let statuses = fleet.devices().into_iter();
    statuses
        .filter_map(|status| match status.state {
            DeviceState::Up(_, facts) => Some(facts.uuid),
            DeviceState::Starting | DeviceState::Down(_) => None,
        })
        .collect()
}

/// Segments given to each card at once when it is measured.
const JOBS_ON_A_CARD: u32 = 4;

/// What a worker says of itself when it is started as a node would start it.
pub(crate) async fn hello(table: &EngineTable, metrics: &Metrics) -> Result<Hello, Failure> {
    Ok(start_pool(table, metrics).await?.hello().clone())
}

/// How fast this machine makes a ladder, with the engine's own settings.
pub(crate) async fn speed(table: &EngineTable, ladder: &[Profile]) -> Result<Measurement, Failure> {
    let pool = start_pool(table, &Metrics::new()).await?;
    measure(pool.as_ref(), ladder, cores(table)?)
        .await
        .map_err(|error| Failure::new(Exit::Precondition, "engine", error_chain(&error)))
}

/// An engine that answers without transcoding, for networks without money; always after `exactly`
/// so long where that is said.
pub(super) fn null(exactly: Option<Duration>) -> Arc<dyn Transcoder> {
    let latency = Latency {
        median: exactly.unwrap_or(NULL_MEDIAN),
        sigma: if exactly.is_some() { 0.0 } else { NULL_SIGMA },
    };
    Arc::new(Null::new(latency, rand::random(), NULL_SESSIONS))
}

/// An engine that misbehaves as told, for networks without money.
pub(super) fn misbehaving(inner: Arc<dyn Transcoder>, how: Misbehaviour) -> Arc<dyn Transcoder> {
    tracing::warn!(fault = %how.fault, every = how.every.get(), "this node misbehaves, as it was told");
    // A crash is one: no drain, no goodbye.
    let crash = || std::process::abort();
    Arc::new(
        Faulty::new(inner, how.fault)
            .every(how.every)
            .on_crash(crash),
    )
}

fn cores(table: &EngineTable) -> Result<NonZeroU32, Failure> {
    match table.cores {
        Some(cores) => NonZeroU32::new(cores)
            .ok_or_else(|| Failure::usage("config", "engine.cores: at least one core is needed")),
        None => {
            let cores = std::thread::available_parallelism().ok();
            let cores = cores.and_then(|cores| NonZeroU32::try_from(cores).ok());
            Ok(cores.unwrap_or(NonZeroU32::MIN))
        }
    }
}

/// An unknown one would fail every segment instead of the start.
pub(super) fn check_preset(preset: &str) -> Result<(), Failure> {
    if PRESETS.contains(&preset) {
        return Ok(());
    }
    let message = format!("engine.preset: there is no encoder preset {preset:?}");
    Err(Failure::usage("preset", message).hint(format!("presets are {}", PRESETS.join(", "))))
}

fn worker(table: &EngineTable) -> Result<PathBuf, Failure> {
    let program = match &table.worker {
        Some(program) => program.clone(),
        None => {
            let me = std::env::current_exe()
                .map_err(|error| Failure::new(Exit::Unexpected, "executable", error))?;
            me.with_file_name(WORKER)
        }
    };
    if program.is_file() {
        return Ok(program);
    }
    let message = format!("the worker program {} is not there", program.display());
    Err(
        Failure::new(Exit::Precondition, "no-worker-program", message)
            .hint("build it with cargo build -p streamflow-worker, or name it with --worker FILE"),
    )
}

fn layers(names: &[String]) -> Result<BTreeSet<Layer>, Failure> {
    let read = |name: &String| {
        let layer = Layer::ALL.into_iter().find(|layer| layer.name() == name);
        layer.ok_or_else(|| {
            let known: Vec<_> = Layer::ALL.iter().map(|layer| layer.name()).collect();
            let message = format!("engine.allow_missing_sandbox: there is no layer {name:?}");
            Failure::usage("config", message).hint(format!("there are {}", known.join(", ")))
        })
    };
    names.iter().map(read).collect()
}

/// An error with all its causes on one line.
pub(super) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
