//! One worker process, from its start to its end: launching it, giving it a job, watching it.

mod death;
mod launch;
mod printed;
mod several;
mod usage;
mod watch;

use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::watch::Receiver;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::config::{PoolConfig, Watchdog};
use super::output::{self, Output};
use super::spawner::Spawner;
use crate::protocol::{
    AsyncChannel, ChannelError, FromWorker, Hello, JobSpec, PROTOCOL_VERSION, Received,
    SealedMemory, ToWorker,
};
use crate::transcoder::{Job, Outcome};
use launch::judge;
use printed::{Tail, forward};
use usage::Usage;
use watch::Watch;

pub(super) use death::Death;
pub use launch::LaunchError;
pub(super) use several::{Answer, Leave, Limits, Request};

/// Wall time of one segment: what others wait for it at most.
const SHORTEST_WALL: Duration = Duration::from_secs(8);
const WALL_RATIO: u32 = 4;

/// Processor time of one segment, all threads together.
const CPU_RATIO: u32 = 10;
const SHORTEST_CPU: Duration = Duration::from_secs(20);

/// Growth of resident memory over a worker's first look after which it is replaced.
const MAX_MEMORY_GROWTH: u64 = 768 << 20;

/// Time for a killed process to be gone.
const REAP_LIMIT: Duration = Duration::from_secs(5);

/// How a job ended.
#[derive(Debug)]
pub(super) enum Ending {
    Done(Box<Outcome>),
    Failed(streamflow_types::TranscodeFailure),
    /// Nobody waits for it any more, and the worker has stopped working on it.
    Cancelled,
}

/// A running worker.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    channel: AsyncChannel,
    hello: Hello,
    watchdog: Watchdog,
    usage: Usage,
    served: u32,
    next_job: u32,
    tail: Tail,
    printing: JoinHandle<()>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // The child itself is killed on drop.
        self.printing.abort();
    }
}

impl Process {
    /// Starts a worker and hears its first word.
    pub(super) async fn launch(
        spawner: &Spawner,
        config: &PoolConfig,
    ) -> Result<Self, LaunchError> {
        let (channel, stdin) = AsyncChannel::pair()?;
        let mut command = Command::new(&config.program);
        command
            .args(&config.arguments)
            .arg("--memory-bytes")
            .arg(config.worker_memory_bytes.to_string())
            .env_clear()
            .envs(config.environment.iter().cloned())
            .current_dir("/")
            .stdin(Stdio::from(stdin))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = spawner
            .spawn(command)
            .await
            .map_err(|source| LaunchError::Program {
                program: config.program.display().to_string(),
                source,
            })?;
        let tail = Tail::default();
        let printing = tokio::spawn(forward(child.stderr.take(), tail.clone()));
        let usage = Usage::of(child.id());
        let mut process = Self {
            child,
            channel,
            hello: Hello {
                protocol: PROTOCOL_VERSION,
                version: String::new(),
                ffmpeg: String::new(),
                active: Vec::new(),
                missing: Vec::new(),
                capabilities: Vec::new(),
                device: None,
            },
            watchdog: config.watchdog,
            usage,
            served: 0,
            next_job: 1,
            tail,
            printing,
        };
        process.hello = process.first_word().await?;
        judge(&process.hello, config)?;
        process.usage.settle();
        Ok(process)
    }

    /// What it said first.
    pub(super) fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Jobs it was given.
    pub(super) fn served(&self) -> u32 {
        self.served
    }

    /// Whether it holds far more memory than in the beginning.
    pub(super) fn has_grown(&self) -> bool {
        self.usage.growth_bytes() > MAX_MEMORY_GROWTH
    }

    /// Tells it that a session is over.
    pub(super) async fn end_session(&self, session: &str) -> Result<(), Death> {
        let frame = ToWorker::SessionEnd(session.to_owned()).encode(0)?;
        Ok(self.channel.send(&frame, None).await?)
    }

    /// Watches an idle worker; returns when it is of no use any more.
    pub(super) async fn idle(&mut self) -> Death {
        let mut watch = Watch::new(self.watchdog.idle_interval, self.watchdog.silence);
        loop {
            let step = tokio::select! {
                received = self.channel.receive() => match decode(received) {
                    Ok((_, FromWorker::Pong(_), None)) => { watch.heard(); Ok(()) }
                    Ok(_) => Err(Death::Unexpected("frame from an idle worker")),
                    Err(death) => Err(death),
                },
                () = watch.due() => self.ping(&mut watch).await,
            };
            if let Err(death) = step {
                return death;
            }
        }
    }

    /// Gives it a job on these terms and collects the result. `cancelled` resolves when nobody waits any more.
    pub(super) async fn run(
        &mut self,
        job: &Job,
        terms: Terms,
        mut tokens: Receiver<u32>,
        cancelled: impl Future<Output = ()>,
    ) -> Result<Ending, Death> {
        let number = self.next_job;
        self.next_job = self.next_job.wrapping_add(1).max(1);
        self.served = self.served.saturating_add(1);
        let threads = *tokens.borrow_and_update();
        let mut output = Some(Output::new(job, terms.had_pictures));
        self.hand_over(number, job, terms, threads).await?;

        let wall = wall_limit(job.duration);
        let cpu = SHORTEST_CPU.max(job.duration.saturating_mul(CPU_RATIO));
        let cpu_before = self.usage.cpu();
        let started = Instant::now();
        let mut watch = Watch::new(self.watchdog.busy_interval, self.watchdog.silence);
        tokio::pin!(cancelled);
        loop {
            tokio::select! {
                received = self.channel.receive() => {
                    let (from, message, memory) = decode(received)?;
                    watch.heard();
                    if let Some(ending) = take(number, from, message, memory, &mut output).await? {
                        return Ok(ending);
                    }
                }
                () = &mut cancelled => return self.cancel(number, started).await,
                Ok(()) = tokens.changed() => {
                    let count = *tokens.borrow_and_update();
                    let frame = ToWorker::Tokens(count).encode(number)?;
                    self.channel.send(&frame, None).await?;
                }
                () = watch.due() => {
                    let used = self.usage.cpu().saturating_sub(cpu_before);
                    if used > cpu {
                        return Err(Death::CpuLimit(used));
                    }
                    self.ping(&mut watch).await?;
                }
                () = tokio::time::sleep_until(started + wall) => {
                    return Err(Death::WallLimit(wall));
                }
            }
        }
    }

    /// Kills it and waits until it is gone.
    pub(super) async fn end(mut self) {
        if timeout(REAP_LIMIT, self.child.kill()).await.is_err() {
            tracing::error!(pid = self.child.id(), "a killed worker is still there");
        }
    }

    async fn hand_over(
        &mut self,
        number: u32,
        job: &Job,
        terms: Terms,
        threads: u32,
    ) -> Result<(), Death> {
        let spec = JobSpec {
            session: job.session.as_str().to_owned(),
            duration: job.duration,
            work: job.work.clone(),
            threads,
            preset: terms.preset,
            had_pictures: terms.had_pictures,
        };
        let frame = ToWorker::Job(Box::new(spec)).encode(number)?;
        let source = job.source.clone();
        let sealing = tokio::task::spawn_blocking(move || SealedMemory::seal(&source));
        let memory = match sealing.await {
            Ok(sealed) => sealed.map_err(ChannelError::from)?,
            Err(_) => return Err(Death::Unexpected("end of the runtime")),
        };
        Ok(self.channel.send(&frame, Some(&memory)).await?)
    }

    /// Tells the worker to stop and gives it a moment to do so.
    async fn cancel(&mut self, number: u32, started: Instant) -> Result<Ending, Death> {
        let frame = ToWorker::Cancel.encode(number)?;
        self.channel.send(&frame, None).await?;
        let stopped = async {
            loop {
                match decode(self.channel.receive().await)? {
                    (from, FromWorker::Failed(_) | FromWorker::Done(_), _) if from == number => {
                        return Ok(Ending::Cancelled);
                    }
                    _ => {}
                }
            }
        };
        match timeout(self.watchdog.cancel, stopped).await {
            Ok(ending) => ending,
            Err(_) => Err(Death::Unstoppable(started.elapsed())),
        }
    }

    async fn ping(&mut self, watch: &mut Watch) -> Result<(), Death> {
        let nonce = watch.pinged()?;
        self.usage.refresh();
        let frame = ToWorker::Ping(nonce).encode(0)?;
        Ok(self.channel.send(&frame, None).await?)
    }

    async fn first_word(&mut self) -> Result<Hello, LaunchError> {
        let reason = match timeout(self.watchdog.start, self.channel.receive()).await {
            Ok(received) => match decode(received) {
                Ok((_, FromWorker::Hello(hello), _)) => return Ok(*hello),
                Ok(_) => "its first word is no greeting".to_owned(),
                Err(death) => death.to_string(),
            },
            Err(_) => format!("no word within {:?}", self.watchdog.start),
        };
        // It may have died: its last words are still in the pipe for a moment.
        let _ = timeout(Duration::from_millis(200), &mut self.printing).await;
        Err(LaunchError::Silent {
            reason,
            printed: self.tail.text(),
        })
    }
}

/// What a job is done with beside what it says itself.
#[derive(Debug)]
pub(super) struct Terms {
    /// Encoder preset where a profile gives none.
    pub(super) preset: String,
    /// Earlier segments of the session had pictures.
    pub(super) had_pictures: bool,
}

/// What one message means for the job; its ending when it was the last.
async fn take(
    number: u32,
    from: u32,
    message: FromWorker,
    memory: Option<SealedMemory>,
    output: &mut Option<Output>,
) -> Result<Option<Ending>, Death> {
    if matches!(message, FromWorker::Pong(_)) {
        return Ok(None);
    }
    let Some(taking) = output.as_mut().filter(|_| from == number) else {
        return Err(Death::Unexpected("frame of another job"));
    };
    let bytes = match memory {
        Some(memory) => {
            let limit = taking.memory_limit(&message);
            Some(output::read(memory, limit).await?)
        }
        None => None,
    };
    match (message, bytes) {
        (FromWorker::Decoded { frames, pixels }, None) => taking.decoded(frames, pixels)?,
        (FromWorker::Rendition { index, pixels }, Some(bytes)) => {
            taking.rendition(index, pixels, bytes)?;
        }
        (FromWorker::Signature { index }, Some(bytes)) => taking.signature(index, bytes)?,
        (FromWorker::Done(times), _) => {
            tracing::trace!(cpu_ms = times.cpu.as_millis(), "segment transcoded");
            let whole = output.take().ok_or(Death::Unexpected("second end"))?;
            return Ok(Some(Ending::Done(Box::new(whole.finish().await?))));
        }
        (FromWorker::Failed(failure), _) => return Ok(Some(Ending::Failed(failure))),
        _ => return Err(Death::Unexpected("frame")),
    }
    Ok(None)
}

fn decode(
    received: Result<Received, ChannelError>,
) -> Result<(u32, FromWorker, Option<SealedMemory>), Death> {
    let received = received?;
    let message = FromWorker::decode(received.header.kind, &received.body)?;
    Ok((received.header.job, message, received.memory))
}

/// Wall time of a segment that plays this long.
fn wall_limit(duration: Duration) -> Duration {
    SHORTEST_WALL.max(duration.saturating_mul(WALL_RATIO))
}
