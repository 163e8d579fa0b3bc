//! One worker process, from its start to its end: launching it, giving it a job, watching it.

mod usage;

use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::config::{PoolConfig, Watchdog};
use super::output::{self, Output, OutputError};
use super::spawner::Spawner;
use crate::protocol::{
    AsyncChannel, ChannelError, FromWorker, Hello, JobSpec, Layer, MessageError, PROTOCOL_VERSION,
    Received, SealedMemory, ToWorker,
};
use crate::transcoder::{Job, Outcome};
use usage::Usage;

/// Wall time of one segment: what others wait for it at most.
const SHORTEST_WALL: Duration = Duration::from_secs(8);
const WALL_RATIO: u32 = 4;

/// Processor time of one segment, all threads together.
const CPU_RATIO: u32 = 10;
const SHORTEST_CPU: Duration = Duration::from_secs(20);

/// Growth of resident memory over a worker's first look after which it is replaced.
const MAX_MEMORY_GROWTH: u64 = 768 << 20;

/// Longest line kept of what a worker prints, and how many of the last bytes an error shows.
const MAX_LINE: u64 = 1024;
const TAIL: usize = 600;

/// Time for a killed process to be gone.
const REAP_LIMIT: Duration = Duration::from_secs(5);

/// Why a worker did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The program could not be run: install it beside the node.
    #[error("worker program {program}: {source}")]
    Program {
        /// Where it was looked for.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused something the pool needs.
    #[error("worker pool: {0}")]
    System(#[from] io::Error),
    /// It started and said nothing sensible.
    #[error("the worker did not come up: {reason}; it printed: {printed}")]
    Silent {
        /// What went wrong.
        reason: String,
        /// The last of its output.
        printed: String,
    },
    /// It is of another build than the node.
    #[error(
        "the worker speaks protocol {theirs}, this node {PROTOCOL_VERSION}; install both from one build"
    )]
    Protocol {
        /// Its number.
        theirs: u32,
    },
    /// Layers of its sandbox are missing.
    #[error(
        "the worker's sandbox lacks {layers}; allow this with allow_missing_layers, or change the system"
    )]
    MissingLayers {
        /// Which, and why.
        layers: String,
    },
    /// Its FFmpeg is too old to be trusted with foreign video.
    #[error(
        "FFmpeg {found} is older than {oldest}; upgrade it, or allow this with allow_missing_layers = [\"ffmpeg-version\"]"
    )]
    OldFfmpeg {
        /// What it has.
        found: String,
        /// What is needed.
        oldest: String,
    },
}

/// Why a worker is no more, or must not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum Death {
    #[error("{0}")]
    Channel(#[from] ChannelError),
    #[error("{0}")]
    Output(#[from] OutputError),
    #[error("an unexpected {0}")]
    Unexpected(&'static str),
    #[error("silent for {0:?}")]
    Silent(Duration),
    #[error("silent for {0:?}, since before it had the job")]
    NeverHeard(Duration),
    #[error("no end after {0:?}")]
    WallLimit(Duration),
    #[error("{0:?} of processor time")]
    CpuLimit(Duration),
    #[error("did not stop when told to, after {0:?}")]
    Unstoppable(Duration),
}

impl From<MessageError> for Death {
    fn from(error: MessageError) -> Self {
        Self::Channel(error.into())
    }
}

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

    /// Gives it a job and collects the result. `cancelled` resolves when nobody waits any more.
    pub(super) async fn run(
        &mut self,
        job: &Job,
        preset: &str,
        mut tokens: watch::Receiver<u32>,
        cancelled: impl Future<Output = ()>,
    ) -> Result<Ending, Death> {
        let number = self.next_job;
        self.next_job = self.next_job.wrapping_add(1).max(1);
        self.served = self.served.saturating_add(1);
        let threads = *tokens.borrow_and_update();
        self.hand_over(number, job, preset, threads).await?;

        let wall = SHORTEST_WALL.max(job.duration.saturating_mul(WALL_RATIO));
        let cpu = SHORTEST_CPU.max(job.duration.saturating_mul(CPU_RATIO));
        let cpu_before = self.usage.cpu();
        let started = Instant::now();
        let mut output = Some(Output::new(job));
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
        preset: &str,
        threads: u32,
    ) -> Result<(), Death> {
        let spec = JobSpec {
            session: job.session.as_str().to_owned(),
            duration: job.duration,
            work: job.work.clone(),
            threads,
            preset: preset.to_owned(),
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

impl Death {
    /// Whether the segment may be to blame: not when the worker was silent from the start, nor
    /// when it was told to stop early on.
    pub(super) fn blames_input(&self, job: &Job) -> bool {
        let wall = SHORTEST_WALL.max(job.duration.saturating_mul(WALL_RATIO));
        match self {
            Self::Unstoppable(ran) => *ran >= wall / 2,
            Self::NeverHeard(_) => false,
            Self::Channel(_)
            | Self::Output(_)
            | Self::Unexpected(_)
            | Self::Silent(_)
            | Self::WallLimit(_)
            | Self::CpuLimit(_) => true,
        }
    }
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

/// Whether a worker of this kind may be used.
fn judge(hello: &Hello, config: &PoolConfig) -> Result<(), LaunchError> {
    if hello.protocol != PROTOCOL_VERSION {
        return Err(LaunchError::Protocol {
            theirs: hello.protocol,
        });
    }
    // What it does not name at all is missing too.
    let missing: Vec<String> = Layer::ALL
        .into_iter()
        .filter(|layer| *layer != Layer::FfmpegVersion && !hello.active.contains(layer))
        .filter(|layer| !config.allow_missing_layers.contains(layer))
        .map(|layer| {
            let known = hello.missing.iter().find(|missing| missing.layer == layer);
            let reason = known.map_or("not reported", |missing| missing.reason.as_str());
            format!("{layer} ({reason})")
        })
        .collect();
    if !missing.is_empty() {
        return Err(LaunchError::MissingLayers {
            layers: missing.join(", "),
        });
    }
    let old = version(&hello.ffmpeg).is_none_or(|found| found < config.oldest_ffmpeg);
    if old && !config.allow_missing_layers.contains(&Layer::FfmpegVersion) {
        let (major, minor) = config.oldest_ffmpeg;
        return Err(LaunchError::OldFfmpeg {
            found: hello.ffmpeg.clone(),
            oldest: format!("{major}.{minor}"),
        });
    }
    Ok(())
}

/// Major and minor of texts such as `5.1.9-0+deb12u1`, `n7.0` or `6.1`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text
        .trim_start_matches(|c: char| !c.is_ascii_digit())
        .split(|c: char| !c.is_ascii_digit());
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    Some((major, minor))
}

/// When the next ping is due, and whether the last was answered.
#[derive(Debug)]
struct Watch {
    interval: Duration,
    silence: Duration,
    next: Instant,
    heard: Instant,
    ever_heard: bool,
    unanswered: bool,
    nonce: u64,
}

impl Watch {
    fn new(interval: Duration, silence: Duration) -> Self {
        let now = Instant::now();
        Self {
            interval,
            silence,
            next: now + interval,
            heard: now,
            ever_heard: false,
            unanswered: false,
            nonce: 0,
        }
    }

    async fn due(&self) {
        tokio::time::sleep_until(self.next).await;
    }

    fn heard(&mut self) {
        self.heard = Instant::now();
        self.ever_heard = true;
        self.unanswered = false;
    }

    /// The number for the next ping, unless an older one was not answered for too long.
    fn pinged(&mut self) -> Result<u64, Death> {
        let now = Instant::now();
        if !self.unanswered {
            self.heard = now;
        } else if now.duration_since(self.heard) >= self.silence {
            let silence = now.duration_since(self.heard);
            return Err(match self.ever_heard {
                true => Death::Silent(silence),
                false => Death::NeverHeard(silence),
            });
        }
        self.unanswered = true;
        self.next = now + self.interval.min(self.silence / 2);
        self.nonce = self.nonce.wrapping_add(1);
        Ok(self.nonce)
    }
}

/// The last of what a worker printed.
#[derive(Clone, Debug, Default)]
struct Tail(Arc<Mutex<String>>);

impl Tail {
    fn push(&self, line: &str) {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.push_str(line);
        text.push('\n');
        if text.len() > TAIL {
            let kept: String = text.chars().rev().take(TAIL / 2).collect();
            *text = kept.chars().rev().collect();
        }
    }

    fn text(&self) -> String {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if text.trim().is_empty() {
            "nothing".to_owned()
        } else {
            text.trim().to_owned()
        }
    }
}

/// Logs what a worker prints, line by line and each of bounded length, until it ends.
async fn forward(output: Option<impl AsyncRead + Unpin>, tail: Tail) {
    let Some(output) = output else { return };
    let mut lines = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut lines)
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .await
        {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end();
                tracing::debug!(target: "streamflow_worker", "{text}");
                tail.push(text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use streamflow_runtime::Metrics;

    use super::*;
    use crate::protocol::MissingLayer;

    #[test]
    fn versions_are_read_from_the_forms_distributions_use() {
        assert_eq!(version("5.1.9-0+deb12u1"), Some((5, 1)));
        assert_eq!(version("n7.0"), Some((7, 0)));
        assert_eq!(version("6"), Some((6, 0)));
        assert_eq!(version("git"), None);
    }

    #[test]
    fn a_missing_layer_or_an_old_library_needs_the_operators_word() {
        let mut config = PoolConfig::new("worker".into(), Metrics::new());
        let mut hello = Hello {
            protocol: PROTOCOL_VERSION,
            version: "0".to_owned(),
            ffmpeg: "5.1".to_owned(),
            active: Layer::ALL.to_vec(),
            missing: Vec::new(),
            capabilities: Vec::new(),
        };
        assert!(judge(&hello, &config).is_ok());
        hello.active.retain(|layer| *layer != Layer::UserNamespace);
        hello.missing = vec![MissingLayer {
            layer: Layer::UserNamespace,
            reason: "Operation not permitted".to_owned(),
        }];
        let error = judge(&hello, &config).unwrap_err().to_string();
        assert!(
            error.contains("user-namespace (Operation not permitted)"),
            "{error}"
        );
        config.allow_missing_layers.insert(Layer::UserNamespace);
        assert!(judge(&hello, &config).is_ok());
        hello.ffmpeg = "4.4.2".to_owned();
        assert!(matches!(
            judge(&hello, &config),
            Err(LaunchError::OldFfmpeg { .. })
        ));
        hello.protocol = 2;
        assert!(matches!(
            judge(&hello, &config),
            Err(LaunchError::Protocol { theirs: 2 })
        ));
    }

    #[tokio::test]
    async fn printed_lines_are_bounded() {
        let tail = Tail::default();
        let long = vec![b'x'; 100_000];
        forward(Some(&long[..]), tail.clone()).await;
        assert!(tail.text().len() <= TAIL);
    }
}
