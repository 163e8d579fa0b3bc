//! What slots and callers share: the queue, the tokens, the idle slots, the counts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use streamflow_runtime::{Counter, Gauge};
use streamflow_types::{SessionId, TranscodeFailure};
use tokio::sync::{broadcast, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::config::PoolConfig;
use super::pictured::Pictured;
use super::poison::Poison;
use crate::tokens::{Ticket, Tokens};
use crate::transcoder::{Job, Outcome};

/// Ended sessions a slot may be behind with. Missing one costs a worker some memory until it is
/// replaced, nothing else.
const ENDED_SESSIONS: usize = 64;

/// Threads a job can use beside one for each profile: the decoder's, and a second for the largest
/// rendition.
const EXTRA_THREADS: usize = 2;

/// A job on its way to a worker.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) job: Job,
    /// Only a worker started for it will do.
    pub(super) fresh: bool,
}

/// What became of a task.
#[derive(Debug)]
pub(super) enum Verdict {
    Done(Outcome),
    Failed(TranscodeFailure),
    /// The worker is gone and nobody knows about the segment.
    Lost,
}

#[derive(Debug)]
struct Pending {
    task: Task,
    reply: oneshot::Sender<Verdict>,
    /// Where it goes when its turn comes; `None` for whichever worker is idle.
    place: Option<oneshot::Sender<Assignment>>,
}

/// A task in the hands of a slot. Its tokens go back when this is dropped.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) task: Task,
    pub(super) reply: oneshot::Sender<Verdict>,
    pub(super) tokens: watch::Receiver<u32>,
    pub(super) lease: Lease,
}

/// The tokens of a running job, given back when dropped.
#[derive(Debug)]
pub(super) struct Lease {
    shared: Arc<Shared>,
    ticket: Ticket,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.tokens.end(self.ticket);
        state.leases.remove(&self.ticket);
        drop(state);
        self.shared.dispatch();
    }
}

/// A place in the queue, left when dropped.
#[derive(Debug)]
pub(super) struct Enqueued {
    shared: Arc<Shared>,
    ticket: Ticket,
}

impl Enqueued {
    /// Whether no worker has begun with it.
    pub(super) fn is_waiting(&self) -> bool {
        self.shared.lock().tokens.is_waiting(self.ticket)
    }
}

impl Drop for Enqueued {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.tokens.withdraw(self.ticket);
        self.shared.publish(&state);
    }
}

#[derive(Debug)]
struct State {
    tokens: Tokens<Pending>,
    idle: Vec<oneshot::Sender<Assignment>>,
    leases: HashMap<Ticket, watch::Sender<u32>>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: PoolConfig,
    pub(super) poison: Poison,
    pub(super) pictured: Pictured,
    pub(super) capacity: AtomicU32,
    /// Slots whose worker does not start.
    pub(super) down: AtomicU32,
    pub(super) counts: Counts,
    pub(super) ended: broadcast::Sender<SessionId>,
    /// What a job took lately.
    mean_micros: AtomicU64,
    state: Mutex<State>,
}

/// What a pool is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// Jobs that wait.
    pub waiting: usize,
    /// Jobs in the hands of a worker.
    pub running: usize,
    /// Workers that wait for a job.
    pub idle: usize,
}

/// The metrics of a pool.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    pub(super) starts: Counter,
    pub(super) deaths: Counter,
    waiting: Gauge,
    running: Gauge,
    refused: Counter,
}

impl Shared {
    pub(super) fn new(config: PoolConfig) -> Self {
        let metrics = &config.metrics;
        let counts = Counts {
            starts: metrics.counter("streamflow_worker_starts_total", &[]),
            deaths: metrics.counter("streamflow_worker_deaths_total", &[]),
            waiting: metrics.gauge("streamflow_worker_queue_length", &[]),
            running: metrics.gauge("streamflow_worker_jobs_running", &[]),
            refused: metrics.counter("streamflow_worker_jobs_refused_total", &[]),
        };
        let capacity = metrics.gauge("streamflow_worker_queue_capacity", &[]);
        capacity.set(config.queue.total as f64);
        Self {
            state: Mutex::new(State {
                tokens: Tokens::new(config.cores.get(), config.queue),
                idle: Vec::new(),
                leases: HashMap::new(),
            }),
            poison: Poison::default(),
            pictured: Pictured::default(),
            capacity: AtomicU32::new(config.capacity.unwrap_or(config.cores.get())),
            down: AtomicU32::new(0),
            ended: broadcast::Sender::new(ENDED_SESSIONS),
            mean_micros: AtomicU64::new(0),
            counts,
            config,
        }
    }

    /// Puts a task in the queue, or answers Busy.
    pub(super) fn enqueue(
        self: &Arc<Self>,
        task: Task,
        reply: oneshot::Sender<Verdict>,
    ) -> Result<Enqueued, TranscodeFailure> {
        self.enqueue_for(task, reply, None)
    }

    /// Waits for the tokens of a job whose worker is known. They go back when the lease is dropped.
    pub(super) async fn tokens_for(
        self: &Arc<Self>,
        job: &Job,
    ) -> Result<(watch::Receiver<u32>, Lease), TranscodeFailure> {
        let task = Task {
            job: job.clone(),
            fresh: false,
        };
        let (reply, _nobody_listens) = oneshot::channel();
        let (place, assignment) = oneshot::channel();
        let _waiting = self.enqueue_for(task, reply, Some(place))?;
        match timeout_at(job.deadline, assignment).await {
            Ok(Ok(Assignment { tokens, lease, .. })) => Ok((tokens, lease)),
            // Its session ended while it waited.
            Ok(Err(_)) => Err(TranscodeFailure::Stopped),
            Err(_) => Err(TranscodeFailure::Busy),
        }
    }

    fn enqueue_for(
        self: &Arc<Self>,
        task: Task,
        reply: oneshot::Sender<Verdict>,
        place: Option<oneshot::Sender<Assignment>>,
    ) -> Result<Enqueued, TranscodeFailure> {
        let mut state = self.lock();
        let (session, deadline) = (task.job.session.clone(), task.job.deadline);
        if Instant::now() + self.expected_wait(&state) >= deadline {
            self.counts.refused.increment();
            return Err(TranscodeFailure::Busy);
        }
        let useful = task.job.work.profiles.len().saturating_add(EXTRA_THREADS);
        let useful = u32::try_from(useful).unwrap_or(u32::MAX);
        let pending = Pending { task, reply, place };
        let ticket = state
            .tokens
            .offer(&session, deadline, useful, pending)
            .map_err(|full| {
                self.counts.refused.increment();
                tracing::debug!(orchSessionID = %session, %full, "queue full");
                TranscodeFailure::Busy
            })?;
        drop(state);
        self.dispatch();
        Ok(Enqueued {
            shared: self.clone(),
            ticket,
        })
    }

    /// Notes how long a job ran.
    pub(super) fn ran(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mean = self.mean_micros.load(Ordering::Relaxed);
        // Each job counts an eighth. Two slots at once may lose one of their samples.
        let next = mean - mean / 8 + micros / 8;
        self.mean_micros.store(next, Ordering::Relaxed);
    }

    /// When a job that came now would begin, by what jobs took lately.
    fn expected_wait(&self, state: &State) -> Duration {
        let ahead = state.tokens.waiting() as u64;
        let mean = self.mean_micros.load(Ordering::Relaxed);
        let cores = u64::from(self.config.cores.get());
        Duration::from_micros(ahead.saturating_mul(mean) / cores)
    }

    /// Offers an idle worker. Dropping the receiver takes the offer back.
    pub(super) fn offer_worker(self: &Arc<Self>) -> oneshot::Receiver<Assignment> {
        let (slot, assignment) = oneshot::channel();
        let mut state = self.lock();
        state.idle.retain(|slot| !slot.is_closed());
        state.idle.push(slot);
        drop(state);
        self.dispatch();
        assignment
    }

    /// Answers what still waits for a session and tells the workers.
    pub(super) fn end_session(&self, session: &SessionId) {
        let waiting = self.lock().tokens.withdraw_session(session);
        for pending in waiting {
            // Whoever asked may have left.
            let _ = pending
                .reply
                .send(Verdict::Failed(TranscodeFailure::Stopped));
        }
        self.pictured.remove(session);
        // No slot listening is possible only while the pool ends.
        let _ = self.ended.send(session.clone());
    }

    pub(super) fn status(&self) -> PoolStatus {
        let mut state = self.lock();
        state.idle.retain(|slot| !slot.is_closed());
        PoolStatus {
            waiting: state.tokens.waiting(),
            running: state.tokens.running(),
            idle: state.idle.len(),
        }
    }

    /// Hands waiting jobs to idle workers, then spreads the tokens that are left.
    fn dispatch(self: &Arc<Self>) {
        let mut state = self.lock();
        let mut unsent = Vec::new();
        state.idle.retain(|slot| !slot.is_closed());
        while let Some(next) = state.tokens.next_to_start() {
            if next.place.is_none() && state.idle.is_empty() {
                break;
            }
            let Some(start) = state.tokens.start() else {
                break;
            };
            let Some(slot) = start.job.place.or_else(|| state.idle.pop()) else {
                break;
            };
            let (grant, tokens) = watch::channel(1);
            state.leases.insert(start.ticket, grant);
            let assignment = Assignment {
                task: start.job.task,
                reply: start.job.reply,
                tokens,
                lease: Lease {
                    shared: self.clone(),
                    ticket: start.ticket,
                },
            };
            // The slot may have given up in this very moment.
            unsent.extend(slot.send(assignment).err());
        }
        state.tokens.spread();
        let State { tokens, leases, .. } = &*state;
        for (ticket, held) in tokens.leases() {
            if let Some(grant) = leases.get(&ticket) {
                grant.send_if_modified(|granted| std::mem::replace(granted, held) != held);
            }
        }
        self.publish(&state);
        // Leases lock again when dropped, so not before the lock is free.
        drop(state);
        drop(unsent);
    }

    fn publish(&self, state: &State) {
        self.counts.waiting.set(state.tokens.waiting() as f64);
        self.counts.running.set(state.tokens.running() as f64);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock in the middle of a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
