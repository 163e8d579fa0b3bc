//! Transcoders attached over the network: who they are, what each is working on, and getting a
//! segment done by one of them before its deadline.
//!
//! A transcoder that dies costs nothing but time: its jobs go to another at once. One that is
//! silent gets a second one beside it before the deadline, and no new sessions until it speaks.

mod check;
mod register;
mod results;
mod schedule;
mod sources;
mod table;

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use streamflow_engine::Job;
use streamflow_types::{Rendition, SessionId, TranscodeFailure};
use streamflow_wire::capability::Capabilities;
use streamflow_wire::result::SegmentFailure;
use streamflow_wire::segment::SegmentRequest;
use streamflow_wire::work::{Job as RemoteJob, Notice};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

pub(crate) use register::TranscoderService;
pub(crate) use results::take_results;
pub(crate) use sources::serve_source;
pub(crate) use table::{Worker, WorkerId};

use check::{Checked, check};
use schedule::Unavailable;
use sources::{Source, Sources};
use table::Table;

/// A silent transcoder gets another one beside it after this part of the time that is left.
const HEDGE_SHARE: f64 = 0.35;

/// No second transcoder is asked earlier than this.
const SHORTEST_HEDGE: Duration = Duration::from_secs(1);

/// Kept back for the way of the answer to the gateway.
const ANSWER_RESERVE: Duration = Duration::from_millis(200);

/// Transcoders asked for one segment at most.
const MAX_ATTEMPTS: usize = 4;

/// What a transcoder sent for a task.
pub(crate) type TaskResult = Result<Vec<Rendition>, TranscodeFailure>;

/// Why a task ended without a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gone;

struct Task {
    worker: WorkerId,
    reply: oneshot::Sender<Result<TaskResult, Gone>>,
}

/// All attached transcoders.
pub(crate) struct Workers {
    /// What transcoders must know.
    secret: String,
    /// Where they fetch sources.
    service: String,
    /// Who they work for: an address, or `offchain`.
    owner: String,
    sources: Sources,
    table: Mutex<Table>,
    tasks: Mutex<HashMap<i64, Task>>,
    next_task: AtomicI64,
}

impl Workers {
    pub(crate) fn new(secret: String, service: String, owner: String) -> Self {
        Self {
            secret,
            service,
            owner,
            sources: Sources::default(),
            table: Mutex::default(),
            tasks: Mutex::default(),
            next_task: AtomicI64::new(0),
        }
    }

    /// Whether this is the shared secret. Takes the same time for every wrong one.
    pub(crate) fn is_secret(&self, given: &str) -> bool {
        let (ours, given) = (self.secret.as_bytes(), given.as_bytes());
        let differing = ours.iter().zip(given.iter().chain(std::iter::repeat(&0)));
        let difference = differing.fold(ours.len() ^ given.len(), |all, (a, b)| {
            all | usize::from(a ^ b)
        });
        difference == 0
    }

    /// Sessions the attached transcoders carry; `None` while there are none.
    pub(crate) fn capacity(&self) -> Option<u32> {
        let table = self.table();
        let serving = table.workers().filter(|worker| worker.takes_sessions());
        let capacities: Vec<u32> = serving.map(|worker| worker.capacity).collect();
        (!capacities.is_empty()).then(|| {
            capacities
                .iter()
                .fold(0, |sum: u32, capacity| sum.saturating_add(*capacity))
        })
    }

    /// What each attached transcoder can do.
    pub(crate) fn capabilities(&self) -> Vec<Capabilities> {
        self.table()
            .workers()
            .map(|worker| worker.capabilities.clone())
            .collect()
    }

    /// The attached transcoders, for the operator.
    pub(crate) fn list(&self) -> Vec<Worker> {
        self.table().workers().cloned().collect()
    }

    /// Number, capacity and load of the attached transcoders.
    pub(crate) fn standing(&self) -> [u64; 3] {
        let table = self.table();
        table
            .workers()
            .fold([0; 3], |[number, capacity, load], worker| {
                [
                    number + 1,
                    capacity + u64::from(worker.capacity),
                    load + worker.load as u64,
                ]
            })
    }

    /// Gives a transcoder no new session. `false` when there is none of this name.
    pub(crate) fn drain(&self, name: &str) -> bool {
        self.table().with_name(name, |worker| worker.drained = true)
    }

    /// Lets a transcoder go. `false` when there is none of this name.
    pub(crate) fn remove(&self, name: &str) -> bool {
        let id = self
            .table()
            .workers()
            .find(|worker| worker.name == name)
            .map(|worker| worker.id);
        id.inspect(|id| self.detach(*id)).is_some()
    }

    /// Frees what is kept for a session here and at its transcoder.
    pub(crate) fn end_session(&self, session: &SessionId) {
        let bound = self.table().unbind(session);
        if let Some(sender) = bound {
            // A line that is full or gone frees the session by itself.
            let _ = sender.try_send(Notice::EndSession(session.clone()).to_proto());
        }
    }

    /// Has a segment transcoded before its deadline.
    pub(crate) async fn transcode(
        &self,
        request: &SegmentRequest,
        job: &Job,
    ) -> Result<Vec<Rendition>, SegmentFailure> {
        let source = self.sources.keep(job);
        let until = job
            .deadline
            .checked_sub(ANSWER_RESERVE)
            .unwrap_or(job.deadline);
        let mut asked: Vec<WorkerId> = Vec::new();
        let mut running = FuturesUnordered::new();
        let mut failure = None;
        loop {
            let next = self.dispatch(request, job, &source, &asked);
            let asked_new = next.is_ok();
            match next {
                Ok(attempt) => {
                    asked.push(attempt.worker);
                    running.push(attempt.outcome());
                }
                // Nobody left to ask, and nobody at work.
                Err(none) if running.is_empty() => return Err(failure.unwrap_or(none.into())),
                Err(_) => {}
            }
            let look_again = if asked_new {
                until.min(hedge_at(until, job.duration))
            } else {
                until
            };
            let settled = match timeout_at(look_again, running.next()).await {
                Ok(Some((worker, outcome))) => {
                    let outcome = looked_at(outcome, job).await;
                    self.settle(worker, job, outcome)
                }
                Ok(None) => Settled::Silent,
                Err(_) if Instant::now() < until => Settled::Silent,
                Err(_) => {
                    self.table().suspect(&asked);
                    return Err(failure.unwrap_or(SegmentFailure::TookTooLong));
                }
            };
            match settled {
                Settled::Done(renditions) => return Ok(renditions),
                Settled::Refused(refusal) => return Err(refusal),
                Settled::Again(reason) => failure = Some(reason),
                Settled::Silent => {}
            }
        }
    }

    /// Gives the job to the next transcoder that has not been asked.
    fn dispatch(
        &self,
        request: &SegmentRequest,
        job: &Job,
        source: &Source<'_>,
        asked: &[WorkerId],
    ) -> Result<Attempt<'_>, Unavailable> {
        if asked.len() >= MAX_ATTEMPTS {
            return Err(Unavailable::NoneFree);
        }
        let mut table = self.table();
        loop {
            let id = table.pick(&job.session, &request.capabilities, asked)?;
            let task = self.next_task.fetch_add(1, Ordering::Relaxed);
            let notice = Notice::Job(Box::new(RemoteJob {
                task,
                url: format!("{}{}", self.service, source.path),
                orchestrator: self.owner.clone(),
                request: request.for_transcoder(),
            }));
            let (reply, answer) = oneshot::channel();
            self.tasks().insert(task, Task { worker: id, reply });
            let attempt = Attempt {
                workers: self,
                worker: id,
                task,
                answer,
            };
            let is_sent = table
                .worker(id)
                .is_some_and(|w| w.line.try_send(notice.to_proto()).is_ok());
            if is_sent {
                return Ok(attempt);
            }
            // Its line is gone or stuck: it is no transcoder any more.
            table.detach(id);
        }
    }

    fn settle(&self, worker: WorkerId, job: &Job, outcome: Result<Checked, Refused>) -> Settled {
        let mut table = self.table();
        let failure = match outcome {
            Ok(checked) => {
                table.done(worker, &job.session, checked.pixels);
                return Settled::Done(checked.renditions);
            }
            Err(Refused::Segment(failure)) => {
                table.failed(worker, &job.session);
                return Settled::Refused(failure);
            }
            Err(Refused::Transcoder(failure)) => failure,
        };
        table.failed(worker, &job.session);
        tracing::warn!(
            worker = table.name_of(worker),
            manifestID = %job.manifest,
            seqNo = %job.number,
            %failure,
            "a transcoder failed a segment; asking another"
        );
        Settled::Again(failure)
    }

    /// A transcoder is gone: its jobs end, and whoever waits for one asks another.
    fn detach(&self, id: WorkerId) {
        if let Some(name) = self.table().detach(id) {
            tracing::info!(worker = name, "transcoder detached");
        }
        self.tasks().retain(|_, task| task.worker != id);
    }

    /// Hands a result to whoever waits for it; late ones are dropped.
    fn deliver(&self, task: i64, result: TaskResult) {
        let waiting = self.tasks().remove(&task);
        if let Some(waiting) = waiting {
            self.table().spoke(waiting.worker);
            let _ = waiting.reply.send(Ok(result));
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, HashMap<i64, Task>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an attempt came to.
enum Settled {
    Done(Vec<Rendition>),
    /// The segment itself is at fault: nobody else is asked.
    Refused(SegmentFailure),
    Again(SegmentFailure),
    /// Nothing yet: another transcoder is asked beside.
    Silent,
}

/// Why what a transcoder sent is no use.
enum Refused {
    /// The segment itself is at fault.
    Segment(SegmentFailure),
    /// The transcoder is: another one may do better.
    Transcoder(SegmentFailure),
}

async fn looked_at(outcome: Result<TaskResult, Gone>, job: &Job) -> Result<Checked, Refused> {
    match outcome {
        Ok(Ok(renditions)) => check(renditions, job).await.map_err(Refused::Transcoder),
        Ok(Err(failure)) if !failure.is_retryable() => {
            Err(Refused::Segment(SegmentFailure::Transcode(failure)))
        }
        Ok(Err(failure)) => Err(Refused::Transcoder(SegmentFailure::Transcode(failure))),
        Err(Gone) => Err(Refused::Transcoder(SegmentFailure::NoTranscoders)),
    }
}

/// One job at one transcoder. Dropping it forgets the task.
struct Attempt<'a> {
    workers: &'a Workers,
    worker: WorkerId,
    task: i64,
    answer: oneshot::Receiver<Result<TaskResult, Gone>>,
}

impl Attempt<'_> {
    async fn outcome(mut self) -> (WorkerId, Result<TaskResult, Gone>) {
        // A task that was forgotten belongs to a transcoder that is gone.
        let outcome = (&mut self.answer).await.unwrap_or(Err(Gone));
        (self.worker, outcome)
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.workers.tasks().remove(&self.task);
    }
}

/// When a silent transcoder gets another one beside it.
fn hedge_at(until: Instant, duration: Duration) -> Instant {
    let now = Instant::now();
    let share = until.saturating_duration_since(now).mul_f64(HEDGE_SHARE);
    now + share.min(duration.max(SHORTEST_HEDGE))
}
