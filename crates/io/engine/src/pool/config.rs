//! What a pool of workers is told at start.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use streamflow_runtime::Metrics;

use crate::protocol::Layer;
use crate::tokens::QueueLimits;

/// How a pool is set up.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// The worker program.
    pub program: PathBuf,
    /// What it is started with, before the pool's own arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Cores it may use; there are as many tokens.
    pub cores: NonZeroU32,
    /// Encoder preset where a profile gives none.
    pub preset: String,
    /// Address space of one worker.
    pub worker_memory_bytes: u64,
    /// Layers of the sandbox that may be missing.
    pub allow_missing_layers: BTreeSet<Layer>,
    /// The oldest FFmpeg accepted, as major and minor.
    pub oldest_ffmpeg: (u32, u32),
    /// Jobs that may wait.
    pub queue: QueueLimits,
    /// When a worker counts as hung.
    pub watchdog: Watchdog,
    /// Sessions to announce until they are measured; without a number, one for each core.
    pub capacity: Option<u32>,
    /// Where counts go.
    pub metrics: Metrics,
}

/// When a worker counts as hung. Workers answer pings while they transcode.
#[derive(Clone, Copy, Debug)]
pub struct Watchdog {
    /// Between two pings of a worker at work.
    pub busy_interval: Duration,
    /// Between two pings of an idle worker.
    pub idle_interval: Duration,
    /// Without any word for this long it is replaced.
    pub silence: Duration,
    /// From its start to its first word.
    pub start: Duration,
    /// From a cancel frame to the kill.
    pub cancel: Duration,
}

/// Jobs that may wait in all. More would only wait past their deadline: a worker takes at most
/// seconds for each.
const QUEUE_TOTAL: usize = 64;

/// Jobs of one session that may wait, as other nodes of the network have it.
const QUEUE_PER_SESSION: usize = 4;

/// Enough for a 4096×2304 source and ten renditions; a few times what usual ladders need.
const WORKER_MEMORY_BYTES: u64 = 6 << 30;

impl PoolConfig {
    /// For this program, with every core of the machine and defaults for the rest.
    pub fn new(program: PathBuf, metrics: Metrics) -> Self {
        let cores = std::thread::available_parallelism()
            .ok()
            .and_then(|cores| NonZeroU32::try_from(u32::try_from(cores.get()).ok()?).ok())
            .unwrap_or(NonZeroU32::MIN);
        Self {
            program,
            arguments: Vec::new(),
            environment: Vec::new(),
            cores,
            preset: "veryfast".to_owned(),
            worker_memory_bytes: WORKER_MEMORY_BYTES,
            allow_missing_layers: BTreeSet::new(),
            oldest_ffmpeg: (5, 1),
            queue: QueueLimits {
                total: QUEUE_TOTAL,
                per_session: QUEUE_PER_SESSION,
            },
            watchdog: Watchdog::default(),
            capacity: None,
            metrics,
        }
    }

    /// Worker processes: one for each core, and one more so that a worker being replaced leaves
    /// no core idle.
    pub fn workers(&self) -> usize {
        self.cores.get() as usize + 1
    }
}

impl Default for Watchdog {
    fn default() -> Self {
        Self {
            busy_interval: Duration::from_millis(500),
            idle_interval: Duration::from_secs(5),
            silence: Duration::from_secs(3),
            start: Duration::from_secs(15),
            cancel: Duration::from_millis(300),
        }
    }
}
