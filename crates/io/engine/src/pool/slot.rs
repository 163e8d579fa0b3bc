//! The task that owns one worker at a time: starts it, offers it, feeds it, replaces it.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use streamflow_runtime::Backoff;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use super::Down;
use super::process::{Death, Ending, Process, Terms};
use super::queue::{Assignment, Shared, Verdict};
use super::spawner::Spawner;

/// Segments after which a worker is replaced, so that what its libraries leak stays small.
const MAX_SERVED: u32 = 500;

/// Delays between attempts to start a worker.
const FIRST_DELAY: Duration = Duration::from_millis(100);
const DELAY_FACTOR: f64 = 2.0;
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// One place for a worker.
pub(super) struct Slot {
    shared: Arc<Shared>,
    spawner: Arc<Spawner>,
    process: Option<Process>,
    backoff: Backoff,
    rng: StdRng,
}

impl Slot {
    pub(super) fn new(
        shared: Arc<Shared>,
        spawner: Arc<Spawner>,
        process: Option<Process>,
    ) -> Self {
        Self {
            shared,
            spawner,
            process,
            backoff: Backoff::new(FIRST_DELAY, DELAY_FACTOR, LONGEST_DELAY),
            rng: StdRng::from_os_rng(),
        }
    }

    /// Works until the pool drops it.
    pub(super) async fn run(mut self) {
        loop {
            let process = match self.process.take() {
                Some(process) => process,
                None => self.start().await,
            };
            self.serve(process).await;
        }
    }

    /// Starts a worker, however often it takes.
    async fn start(&mut self) -> Process {
        let mut down = None;
        loop {
            match Process::launch(&self.spawner, &self.shared.config).await {
                Ok(process) => {
                    self.shared.counts.starts.increment();
                    return process;
                }
                Err(error) => {
                    let delay = self.backoff.next_delay(&mut self.rng);
                    tracing::error!(%error, retry_ms = delay.as_millis(), "worker did not start");
                    down.get_or_insert_with(|| Down::new(&self.shared.down));
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }

    /// Uses a worker until it has to be replaced. It is gone when this returns.
    async fn serve(&mut self, mut process: Process) {
        let mut ended = self.shared.ended.subscribe();
        loop {
            let offer = self.shared.offer_worker();
            tokio::pin!(offer);
            let assignment = loop {
                tokio::select! {
                    biased;
                    assignment = &mut offer => break assignment.ok(),
                    death = process.idle() => {
                        tracing::warn!(%death, "an idle worker is gone");
                        self.shared.counts.deaths.increment();
                        break None;
                    }
                    session = ended.recv() => match session {
                        Ok(session) if process.end_session(session.as_str()).await.is_err() => {
                            break None;
                        }
                        Ok(_) | Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => break None,
                    },
                }
            };
            let Some(assignment) = assignment else { break };
            if assignment.task.fresh {
                // Whatever ended the last worker may have reached this one too.
                process.end().await;
                process = self.start().await;
            }
            let keep = self.work(&mut process, assignment).await;
            if !keep || process.served() >= MAX_SERVED || process.has_grown() {
                break;
            }
        }
        process.end().await;
    }

    /// Runs one job and answers it. Whether the worker may go on.
    async fn work(&mut self, process: &mut Process, assignment: Assignment) -> bool {
        let Assignment {
            task,
            mut reply,
            tokens,
            lease,
        } = assignment;
        let job = &task.job;
        let terms = Terms {
            preset: self.shared.config.preset.clone(),
            had_pictures: self.shared.pictured.contains(&job.session),
        };
        let started = Instant::now();
        let ending = process.run(job, terms, tokens, reply.closed()).await;
        self.shared.ran(started.elapsed());
        // The next job may start while this one is being answered.
        drop(lease);
        let (verdict, keep) = match ending {
            Ok(Ending::Done(outcome)) => {
                self.backoff.reset();
                if outcome.decoded_frames > 0 {
                    self.shared.pictured.insert(&job.session);
                }
                (Some(Verdict::Done(*outcome)), true)
            }
            // The library's state after an error is nobody's guess.
            Ok(Ending::Failed(failure)) => (Some(Verdict::Failed(failure)), false),
            Ok(Ending::Cancelled) => (None, true),
            Err(death) => {
                self.died(&task.job, &death).await;
                (Some(Verdict::Lost), false)
            }
        };
        if let Some(verdict) = verdict {
            // Whoever asked may have left.
            let _ = reply.send(verdict);
        }
        keep
    }

    async fn died(&self, job: &crate::transcoder::Job, death: &Death) {
        self.shared.counts.deaths.increment();
        let (manifest, number, session) = (&job.manifest, job.number, &job.session);
        let kills = match death.blames_input(job) {
            true => self.shared.poison.record(&job.source).await,
            false => 0,
        };
        tracing::warn!(
            manifestID = %manifest, seqNo = %number, orchSessionID = %session, %death, kills,
            "a worker died at work"
        );
    }
}
