//! The transcoder of this machine: worker processes, each contained by its sandbox, one segment at
//! a time in each.
//!
//! A job waits in one bounded queue until a worker and a processor token are free. A worker that
//! crashes, hangs, runs out of memory or talks nonsense costs its job one retry on a fresh worker,
//! if the deadline allows, or one typed failure; never more. Dropping the future of a job cancels
//! it: the worker gets a moment to stop, then it is killed.
//!
//! Invariants: every worker belongs to one slot task, every slot task to the pool, and a pool that
//! is dropped leaves no process behind.

mod config;
mod devices;
mod output;
mod pictured;
mod poison;
mod process;
mod queue;
mod slot;
mod spawner;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use streamflow_types::{CapabilitySet, SessionId, TranscodeFailure};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::capabilities::of_node;
use crate::gate;
use crate::transcoder::{Job, Outcome, Transcoder};

pub use config::{PoolConfig, Watchdog};
pub use devices::{
    DeviceState, DeviceStatus, Devices, DevicesConfig, Fleet, Found, ParseDevicesError, find,
};
pub use process::LaunchError;
pub use queue::PoolStatus;

use process::Process;
use queue::{Enqueued, Shared, Task, Verdict};
use slot::Slot;
use spawner::Spawner;

/// What a retry needs at least; with less time left the job fails at once.
const SHORTEST_RETRY: std::time::Duration = std::time::Duration::from_millis(250);

/// Attempts of one job: the first, and one on a fresh worker.
const ATTEMPTS: u32 = 2;

/// The worker processes of this machine.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    capabilities: CapabilitySet,
    hello: crate::protocol::Hello,
    // Declared last, so slots end before the thread their workers would die with.
    _slots: JoinSet<()>,
    _spawner: Arc<Spawner>,
}

impl Pool {
    /// Starts the workers. Fails when the first cannot start, or lacks a layer of its sandbox that
    /// the configuration does not excuse.
    pub async fn start(config: PoolConfig) -> Result<Self, LaunchError> {
        let spawner = Arc::new(Spawner::start()?);
        let first = Process::launch(&spawner, &config).await?;
        let hello = first.hello().clone();
        tracing::info!(
            ffmpeg = hello.ffmpeg,
            workers = config.workers(),
            cores = config.cores.get(),
            layers = %names(&hello.active),
            "media workers started"
        );
        for missing in &hello.missing {
            let (layer, reason) = (missing.layer, &missing.reason);
            tracing::warn!(%layer, reason, "media workers run without a sandbox layer");
        }
        let shared = Arc::new(Shared::new(config));
        let mut slots = JoinSet::new();
        let mut first = Some(first);
        for _ in 0..shared.config.workers() {
            let slot = Slot::new(shared.clone(), spawner.clone(), first.take());
            slots.spawn(slot.run());
        }
        Ok(Self {
            capabilities: of_node(hello.capabilities.iter().copied()),
            hello,
            shared,
            _slots: slots,
            _spawner: spawner,
        })
    }

    /// What the first worker said of itself: versions and layers.
    pub fn hello(&self) -> &crate::protocol::Hello {
        &self.hello
    }

    /// How many sessions to announce from now on.
    pub fn set_capacity(&self, sessions: u32) {
        self.shared.capacity.store(sessions, Ordering::Relaxed);
    }

    /// What the pool is doing.
    pub fn status(&self) -> PoolStatus {
        self.shared.status()
    }

    async fn attempt(&self, task: Task, deadline: Instant) -> Result<Verdict, TranscodeFailure> {
        let (reply, verdict) = oneshot::channel();
        let place: Enqueued = self.shared.enqueue(task, reply)?;
        match timeout_at(deadline, verdict).await {
            Ok(Ok(verdict)) => Ok(verdict),
            // The slot's worker died before it could begin.
            Ok(Err(_)) => Ok(Verdict::Lost),
            Err(_) if place.is_waiting() => Err(TranscodeFailure::Busy),
            Err(_) => Err(TranscodeFailure::Stopped),
        }
    }
}

#[async_trait]
impl Transcoder for Pool {
    async fn transcode(&self, job: Job) -> Result<Outcome, TranscodeFailure> {
        let started = Instant::now();
        gate::check(&job).await?;
        if self.shared.poison.is_poisoned(&job.source).await {
            return Err(TranscodeFailure::InvalidVideo);
        }
        let deadline = job.deadline;
        for attempt in 1..=ATTEMPTS {
            let task = Task {
                job: job.clone(),
                fresh: attempt > 1,
            };
            match self.attempt(task, deadline).await? {
                Verdict::Done(mut outcome) => {
                    outcome.took = started.elapsed();
                    return Ok(outcome);
                }
                Verdict::Failed(failure) => return Err(failure),
                Verdict::Lost => {}
            }
            if self.shared.poison.is_poisoned(&job.source).await {
                return Err(TranscodeFailure::InvalidVideo);
            }
            if Instant::now() + SHORTEST_RETRY > deadline {
                break;
            }
        }
        Err(TranscodeFailure::Stopped)
    }

    async fn end_session(&self, session: &SessionId) {
        self.shared.end_session(session);
    }

    fn capabilities(&self) -> CapabilitySet {
        self.capabilities.clone()
    }

    fn capacity(&self) -> Option<u32> {
        let down = self.shared.down.load(Ordering::Relaxed) as usize;
        (down < self.shared.config.workers()).then(|| self.shared.capacity.load(Ordering::Relaxed))
    }
}

fn names(layers: &[crate::protocol::Layer]) -> String {
    let names: Vec<_> = layers.iter().map(|layer| layer.name()).collect();
    names.join(",")
}

/// A counter of slots without a worker, held up while one has none.
#[derive(Debug)]
struct Down<'a>(&'a AtomicU32);

impl<'a> Down<'a> {
    fn new(counter: &'a AtomicU32) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Down<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
