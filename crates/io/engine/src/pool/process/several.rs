//! Several jobs at once in one worker: that of a graphics card, which they share.

use std::collections::HashMap;
use std::time::Duration;

use streamflow_types::TranscodeFailure;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Death, Process, Terms, Watch, decode, wall_limit};
use crate::pool::output::{self, Output};
use crate::protocol::{DeviceUse, FromWorker, SealedMemory, ToWorker};
use crate::transcoder::{Job, Outcome};

/// Between two looks at who left, whose time is up and who may use more threads.
const LOOK: Duration = Duration::from_millis(50);

/// From a cancel frame to the end of the worker: neighbours suffer with it, so later than where
/// it works alone.
const CANCEL_LIMIT: Duration = Duration::from_secs(2);

/// A job for such a worker.
pub(in crate::pool) struct Request {
    pub(in crate::pool) job: Job,
    pub(in crate::pool) terms: Terms,
    pub(in crate::pool) tokens: watch::Receiver<u32>,
    pub(in crate::pool) reply: oneshot::Sender<Answer>,
}

/// What became of a job. No answer at all means that the worker is gone.
#[derive(Debug)]
pub(in crate::pool) enum Answer {
    Done(Box<Outcome>, Option<DeviceUse>),
    Failed(TranscodeFailure),
}

/// Why a worker is not used any longer.
#[derive(Debug, thiserror::Error)]
pub(in crate::pool) enum Leave {
    #[error("the pool is ending")]
    Ending,
    #[error("a job failed on the card")]
    CardFailed,
    #[error("it served {0} jobs")]
    Served(u32),
    #[error("it holds {0} bytes")]
    Grown(u64),
    #[error("{0}")]
    Died(#[from] Death),
}

/// When a worker is replaced in good order.
#[derive(Clone, Copy, Debug)]
pub(in crate::pool) struct Limits {
    pub(in crate::pool) jobs: usize,
    pub(in crate::pool) served: u32,
    pub(in crate::pool) resident_bytes: u64,
}

struct InHand {
    output: Option<Output>,
    reply: Option<oneshot::Sender<Answer>>,
    tokens: watch::Receiver<u32>,
    started: Instant,
    wall: Duration,
    cancelled: Option<Instant>,
}

/// A worker at work on several jobs.
struct Several {
    process: Process,
    jobs: HashMap<u32, InHand>,
    /// Results being judged.
    judging: JoinSet<()>,
    /// Set once nothing new is taken.
    leaving: Option<Leave>,
    limits: Limits,
}

impl Process {
    /// Works on what is requested until the worker has to be replaced; it is gone then. Jobs it
    /// had in hand when it died get no answer.
    pub(in crate::pool) async fn serve_several(
        self,
        requests: &mut mpsc::Receiver<Request>,
        limits: Limits,
    ) -> Leave {
        let mut several = Several {
            process: self,
            jobs: HashMap::new(),
            judging: JoinSet::new(),
            leaving: None,
            limits,
        };
        let leave = match several.work(requests).await {
            Ok(leave) => leave,
            Err(death) => Leave::Died(death),
        };
        several.jobs.clear();
        while several.judging.join_next().await.is_some() {}
        several.process.end().await;
        leave
    }
}

impl Several {
    async fn work(&mut self, requests: &mut mpsc::Receiver<Request>) -> Result<Leave, Death> {
        let watchdog = self.process.watchdog;
        let mut watch = Watch::new(watchdog.busy_interval, watchdog.silence);
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.jobs.is_empty()
                && let Some(leave) = self.leaving.take()
            {
                return Ok(leave);
            }
            let takes = self.leaving.is_none() && self.jobs.len() < self.limits.jobs;
            tokio::select! {
                received = self.process.channel.receive() => {
                    let (number, message, memory) = decode(received)?;
                    watch.heard();
                    self.hear(number, message, memory).await?;
                }
                request = requests.recv(), if takes => match request {
                    Some(request) => self.start(request).await?,
                    None => self.leaving = Some(Leave::Ending),
                },
                _ = look.tick(), if !self.jobs.is_empty() => self.look().await?,
                Some(_) = self.judging.join_next() => {}
                () = watch.due() => {
                    self.process.ping(&mut watch).await?;
                    let resident = self.process.usage.growth_bytes();
                    if resident > self.limits.resident_bytes {
                        self.leaving.get_or_insert(Leave::Grown(resident));
                    }
                }
            }
        }
    }

    async fn start(&mut self, request: Request) -> Result<(), Death> {
        let Request {
            job,
            terms,
            mut tokens,
            reply,
        } = request;
        let number = self.process.next_job;
        self.process.next_job = number.wrapping_add(1).max(1);
        self.process.served = self.process.served.saturating_add(1);
        if self.process.served >= self.limits.served {
            let served = self.process.served;
            self.leaving.get_or_insert(Leave::Served(served));
        }
        let threads = *tokens.borrow_and_update();
        let in_hand = InHand {
            output: Some(Output::new(&job, terms.had_pictures)),
            reply: Some(reply),
            tokens,
            started: Instant::now(),
            wall: wall_limit(job.duration),
            cancelled: None,
        };
        self.jobs.insert(number, in_hand);
        self.process.hand_over(number, &job, terms, threads).await
    }

    /// What one message means for its job.
    async fn hear(
        &mut self,
        number: u32,
        message: FromWorker,
        memory: Option<SealedMemory>,
    ) -> Result<(), Death> {
        if matches!(message, FromWorker::Pong(_)) {
            return Ok(());
        }
        let Some(in_hand) = self.jobs.get_mut(&number) else {
            return Err(Death::Unexpected("frame of another job"));
        };
        let taking = in_hand.output.as_mut();
        let taking = taking.ok_or(Death::Unexpected("frame after the end"))?;
        let bytes = match memory {
            Some(memory) => Some(output::read(memory, taking.memory_limit(&message)).await?),
            None => None,
        };
        match (message, bytes) {
            (FromWorker::Decoded { frames, pixels }, None) => taking.decoded(frames, pixels)?,
            (FromWorker::Rendition { index, pixels }, Some(bytes)) => {
                taking.rendition(index, pixels, bytes)?;
            }
            (FromWorker::Signature { index }, Some(bytes)) => taking.signature(index, bytes)?,
            (FromWorker::Done(times), _) => self.judge(number, times.device),
            (FromWorker::Failed(failure), _) => {
                if failure == TranscodeFailure::InvalidHardware {
                    self.leaving.get_or_insert(Leave::CardFailed);
                }
                self.answer(number, Answer::Failed(failure));
            }
            _ => return Err(Death::Unexpected("frame")),
        }
        Ok(())
    }

    /// Looks at a whole result beside the others' work.
    fn judge(&mut self, number: u32, used: Option<DeviceUse>) {
        let Some(in_hand) = self.jobs.remove(&number) else {
            return;
        };
        let (Some(whole), Some(reply)) = (in_hand.output, in_hand.reply) else {
            return;
        };
        self.judging.spawn(async move {
            let answer = match whole.finish().await {
                Ok(outcome) => Answer::Done(Box::new(outcome), used),
                Err(error) => {
                    tracing::warn!(%error, "a card's worker gave a result that cannot be");
                    Answer::Failed(TranscodeFailure::InvalidHardware)
                }
            };
            // Whoever asked may have left.
            let _ = reply.send(answer);
        });
    }

    fn answer(&mut self, number: u32, answer: Answer) {
        if let Some(reply) = self.jobs.remove(&number).and_then(|job| job.reply) {
            // Whoever asked may have left.
            let _ = reply.send(answer);
        }
    }

    /// Cancels jobs nobody waits for, ends the worker over one that does not stop, and passes on
    /// changed budgets.
    async fn look(&mut self) -> Result<(), Death> {
        let mut frames = Vec::new();
        for (number, in_hand) in &mut self.jobs {
            if let Some(since) = in_hand.cancelled {
                if since.elapsed() > CANCEL_LIMIT {
                    return Err(Death::Unstoppable(in_hand.started.elapsed()));
                }
                continue;
            }
            if in_hand.started.elapsed() > in_hand.wall {
                return Err(Death::WallLimit(in_hand.wall));
            }
            if in_hand
                .reply
                .as_ref()
                .is_some_and(oneshot::Sender::is_closed)
            {
                in_hand.cancelled = Some(Instant::now());
                frames.push(ToWorker::Cancel.encode(*number)?);
            } else if in_hand.tokens.has_changed().unwrap_or(false) {
                let count = *in_hand.tokens.borrow_and_update();
                frames.push(ToWorker::Tokens(count).encode(*number)?);
            }
        }
        for frame in frames {
            self.process.channel.send(&frame, None).await?;
        }
        Ok(())
    }
}
