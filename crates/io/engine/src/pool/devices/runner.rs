//! The task that owns the worker of one card: starts it, feeds it, replaces it, and says in what
//! state the card is.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use streamflow_runtime::Backoff;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::counts::Counts;
use super::ledger::Ledger;
use super::system::Found;
use super::{DevicesConfig, Health};
use crate::pool::config::PoolConfig;
use crate::pool::process::{LaunchError, Leave, Limits, Process, Request};
use crate::pool::spawner::Spawner;
use crate::protocol::{DeviceFacts, DeviceRefusal, DeviceReport};

/// Jobs on a card at once. More only wait for each other there.
pub(super) const MAX_JOBS: usize = 32;

/// Jobs on their way to a worker that is just being replaced.
const QUEUE: usize = MAX_JOBS;

/// Jobs after which a worker is replaced. Waking a card takes seconds, so later than elsewhere.
const MAX_SERVED: u32 = 5_000;

/// From the start of a worker to its first word: the driver starts, compiles its kernels, and the
/// clip is transcoded twice.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Delays between attempts to start a worker whose card cannot be used.
const FIRST_DELAY: Duration = Duration::from_millis(500);
const DELAY_FACTOR: f64 = 2.0;
const LONGEST_DELAY: Duration = Duration::from_secs(300);

/// A worker that lived so long is no sign that the next will die too.
const LONG_LIFE: Duration = Duration::from_secs(60);

/// In what state a card is. The number counts workers started on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// It is being tried.
    Starting,
    /// Its worker takes jobs.
    Up(u64, DeviceFacts),
    /// It cannot be used, for this reason.
    Down(DeviceRefusal),
}

/// One card, shared by its task and those who want to use it.
#[derive(Debug)]
pub(super) struct Device {
    /// How it is called: `nvidia:0`.
    pub(super) name: String,
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) state: watch::Receiver<DeviceState>,
    pub(super) counts: Counts,
    ledger: Arc<Mutex<Option<Ledger>>>,
}

impl Device {
    /// The card's books; none while it was never usable.
    pub(super) fn ledger(&self) -> MutexGuard<'_, Option<Ledger>> {
        lock(&self.ledger)
    }

    /// What it is, while it takes jobs.
    pub(super) fn facts(&self) -> Option<(u64, DeviceFacts)> {
        match &*self.state.borrow() {
            DeviceState::Up(generation, facts) => Some((*generation, facts.clone())),
            DeviceState::Starting | DeviceState::Down(_) => None,
        }
    }
}

/// The task.
pub(super) struct Runner {
    config: PoolConfig,
    spawner: Arc<Spawner>,
    name: String,
    requests: mpsc::Receiver<Request>,
    state: watch::Sender<DeviceState>,
    ledger: Arc<Mutex<Option<Ledger>>>,
    reserve_bytes: u64,
    counts: Counts,
    health: Health,
}

/// The two halves of a card.
pub(super) fn device(
    found: &Found,
    pool: &PoolConfig,
    devices: &DevicesConfig,
    spawner: &Arc<Spawner>,
    health: &Health,
) -> (Device, Runner) {
    let name = format!("nvidia:{}", found.index);
    let mut config = pool.clone();
    config.watchdog.start = START_LIMIT;
    config.arguments.push("--card".into());
    if let Some(node) = &found.node {
        config.arguments.push("--card-node".into());
        config.arguments.push(node.into());
    }
    // The worker sees one card, which is its first.
    let shown = found.uuid.clone().unwrap_or(found.index.to_string());
    let own = [
        ("CUDA_DEVICE_ORDER", "PCI_BUS_ID".to_owned()),
        ("CUDA_VISIBLE_DEVICES", shown),
        // The sandbox has no place for compiled kernels.
        ("CUDA_CACHE_DISABLE", "1".to_owned()),
    ];
    let own = own.map(|(key, value)| (key.into(), value.into()));
    config
        .environment
        .extend(devices.environment.iter().cloned());
    config.environment.extend(own);
    let (sender, requests) = mpsc::channel(QUEUE);
    let (state, watched) = watch::channel(DeviceState::Starting);
    let ledger = Arc::new(Mutex::new(None));
    let counts = Counts::new(&pool.metrics, &name);
    let device = Device {
        name: name.clone(),
        requests: sender,
        state: watched,
        counts: counts.clone(),
        ledger: Arc::clone(&ledger),
    };
    let runner = Runner {
        config,
        spawner: Arc::clone(spawner),
        name,
        requests,
        state,
        ledger,
        reserve_bytes: devices.reserve_bytes,
        counts,
        health: health.clone(),
    };
    (device, runner)
}

impl Runner {
    /// Works until the pool drops it.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new(FIRST_DELAY, DELAY_FACTOR, LONGEST_DELAY);
        let mut rng = StdRng::from_os_rng();
        let mut generation = 0u64;
        let limits = Limits {
            jobs: MAX_JOBS,
            served: MAX_SERVED,
            resident_bytes: self.config.worker_memory_bytes,
        };
        loop {
            match self.start().await {
                Ok((process, facts)) => {
                    generation = generation.wrapping_add(1);
                    self.up(generation, facts);
                    let started = Instant::now();
                    let leave = process.serve_several(&mut self.requests, limits).await;
                    if started.elapsed() > LONG_LIFE {
                        backoff.reset();
                    }
                    match leave {
                        Leave::Ending => return,
                        Leave::Served(_) | Leave::Grown(_) => backoff.reset(),
                        Leave::CardFailed | Leave::Died(_) => self.counts.deaths.increment(),
                    }
                    tracing::warn!(device = self.name, %leave, "a card's worker is replaced");
                    self.counts.up.set(0.0);
                    self.state.send_replace(DeviceState::Starting);
                }
                Err(refusal) => self.down(refusal),
            }
            tokio::time::sleep(backoff.next_delay(&mut rng)).await;
        }
    }

    async fn start(&self) -> Result<(Process, DeviceFacts), DeviceRefusal> {
        let launched = Process::launch(&self.spawner, &self.config).await;
        let process = launched.map_err(|error| refused(&error))?;
        match process.hello().device.clone() {
            Some(DeviceReport::Usable(facts)) => Ok((process, facts)),
            Some(DeviceReport::Unusable(refusal)) => {
                process.end().await;
                Err(refusal)
            }
            None => {
                process.end().await;
                Err(DeviceRefusal {
                    code: "worker".to_owned(),
                    reason: "the worker says nothing of the card".to_owned(),
                })
            }
        }
    }

    fn up(&self, generation: u64, facts: DeviceFacts) {
        tracing::info!(
            device = self.name,
            card = facts.name,
            cuda = facts.cuda,
            memory_bytes = facts.memory_bytes,
            free_bytes = facts.free_bytes,
            encoders = facts.encoders.join(","),
            encoder_sessions = facts.encoder_limit,
            "card in use"
        );
        if let Some(refusal) = &facts.no_encoder {
            let reason = &refusal.reason;
            tracing::info!(
                device = self.name,
                reason,
                "this card decodes and scales; the processor encodes"
            );
        }
        let mut ledger = lock(&self.ledger);
        // Sessions keep their places when a worker is replaced.
        match &mut *ledger {
            Some(known) => known.restarted(&facts),
            empty => *empty = Some(Ledger::new(&facts, self.reserve_bytes)),
        }
        self.counts.show(ledger.as_ref(), &facts);
        drop(ledger);
        self.counts.up.set(1.0);
        self.health.up(&self.name, &facts);
        self.state.send_replace(DeviceState::Up(generation, facts));
    }

    fn down(&self, refusal: DeviceRefusal) {
        self.counts.up.set(0.0);
        self.health.down(&self.name, &refusal.reason);
        let new = DeviceState::Down(refusal);
        let changed = *self.state.borrow() != new;
        if let DeviceState::Down(refusal) = &new
            && changed
        {
            let (code, reason) = (&refusal.code, &refusal.reason);
            tracing::warn!(
                device = self.name,
                code,
                reason,
                "card not usable; its work goes elsewhere"
            );
        }
        self.state.send_replace(new);
    }
}

fn refused(error: &LaunchError) -> DeviceRefusal {
    DeviceRefusal {
        code: "worker".to_owned(),
        reason: error.to_string(),
    }
}

fn lock(ledger: &Mutex<Option<Ledger>>) -> MutexGuard<'_, Option<Ledger>> {
    // Each change leaves the books whole.
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}
