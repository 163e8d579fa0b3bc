//! Starts the processes of the network, starts them again when they die, stops them in order.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::plan::Process;
use super::state::{Member, State};

/// A process that died is started again after this.
const RESTART_AFTER: Duration = Duration::from_secs(2);

/// How long a process may take to drain before it is killed.
const DRAIN: Duration = Duration::from_secs(35);

/// Log files are started anew beyond this, so that a network left running does not fill the disk.
const MAX_LOG_BYTES: u64 = 64 << 20;

/// A running process and how to start it again.
struct Running {
    process: Process,
    child: Option<Child>,
    restart_at: Option<Instant>,
}

/// All processes of the network.
pub(super) struct Supervisor {
    program: PathBuf,
    folder: PathBuf,
    running: Vec<Running>,
    state: State,
}

impl Supervisor {
    /// Starts every process of the plan; `program` is this executable.
    pub(super) fn start(
        program: PathBuf,
        folder: &Path,
        processes: Vec<Process>,
        state: State,
    ) -> anyhow::Result<Self> {
        let mut supervisor = Self {
            program,
            folder: folder.to_owned(),
            running: Vec::new(),
            state,
        };
        for process in processes {
            let child = supervisor.spawn(&process)?;
            supervisor.running.push(Running {
                process,
                child: Some(child),
                restart_at: None,
            });
        }
        supervisor.record()?;
        Ok(supervisor)
    }

    /// The network as it is now.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Waits until every member says that it is ready.
    pub(super) async fn wait_until_ready(&mut self, patience: Duration) -> anyhow::Result<()> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(2))
            .build()?;
        let until = Instant::now() + patience;
        for index in 0..self.running.len() {
            loop {
                let member = &self.running[index].process.member;
                let url = format!("{}/readyz", member.control);
                if client
                    .get(url)
                    .send()
                    .await
                    .is_ok_and(|answer| answer.status().is_success())
                {
                    break;
                }
                if Instant::now() > until {
                    bail!(
                        "{} is not ready after {patience:?}; {}",
                        member.name,
                        self.log_tail(member)
                    );
                }
                self.tend()?;
                sleep(Duration::from_millis(100)).await;
            }
        }
        self.state.ready = true;
        self.record()
    }

    /// Notices who died and starts again whose time has come. Call it often.
    pub(super) fn tend(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        let mut changed = false;
        for index in 0..self.running.len() {
            let running = &mut self.running[index];
            if let Some(child) = &mut running.child
                && let Some(status) = child.try_wait()?
            {
                tracing::warn!(member = running.process.member.name, %status, "died; starting it again");
                running.child = None;
                running.restart_at = Some(now + RESTART_AFTER);
                changed = true;
            }
            if self.running[index].restart_at.is_some_and(|at| at <= now) {
                let child = self.spawn(&self.running[index].process)?;
                let running = &mut self.running[index];
                running.child = Some(child);
                running.restart_at = None;
                running.process.member.restarts += 1;
                changed = true;
            }
        }
        if changed { self.record() } else { Ok(()) }
    }

    /// Drains the network from its front to its back: gateway, orchestrators, transcoders.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let mut failed = Vec::new();
        for mut running in self.running.drain(..).rev().collect::<Vec<_>>() {
            let Some(child) = &mut running.child else {
                continue;
            };
            signal(child, Signal::TERM);
            let name = &running.process.member.name;
            match timeout(DRAIN, child.wait()).await {
                Ok(Ok(status)) if status.success() => {}
                Ok(Ok(status)) => failed.push(format!("{name} ended with {status}")),
                Ok(Err(error)) => failed.push(format!("{name}: {error}")),
                Err(_) => {
                    failed.push(format!("{name} did not drain in {DRAIN:?} and was killed"));
                    let _ = child.kill().await;
                }
            }
        }
        State::remove(&self.folder);
        if !failed.is_empty() {
            bail!("{}", failed.join("; "));
        }
        Ok(())
    }

    fn spawn(&self, process: &Process) -> anyhow::Result<Child> {
        let name = &process.member.name;
        let log = self.open_log(name)?;
        Command::new(&self.program)
            .args(&process.arguments)
            .env(super::MEMBER, "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A Ctrl-C at the terminal is for the supervisor, which stops the others in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{name} could not be started"))
    }

    fn open_log(&self, name: &str) -> anyhow::Result<File> {
        let path = self.folder.join(format!("{name}.log"));
        let too_long = std::fs::metadata(&path).is_ok_and(|facts| facts.len() > MAX_LOG_BYTES);
        OpenOptions::new()
            .create(true)
            .append(!too_long)
            .write(true)
            .truncate(too_long)
            .open(&path)
            .with_context(|| format!("{} cannot be written", path.display()))
    }

    fn log_tail(&self, member: &Member) -> String {
        let path = self.folder.join(format!("{}.log", member.name));
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let last: Vec<&str> = text.lines().rev().take(5).collect();
        format!(
            "its log {} ends:\n{}",
            path.display(),
            last.into_iter().rev().collect::<Vec<_>>().join("\n")
        )
    }

    fn record(&mut self) -> anyhow::Result<()> {
        self.state.members = self
            .running
            .iter()
            .map(|running| {
                let pid = running.child.as_ref().and_then(Child::id);
                Member {
                    pid,
                    ..running.process.member.clone()
                }
            })
            .collect();
        self.state.write(&self.folder)
    }
}

/// Sends a signal, if the process is still there.
pub(super) fn signal(child: &Child, signal: Signal) {
    if let Some(pid) = child
        .id()
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(Pid::from_raw)
    {
        let _ = kill_process(pid, signal);
    }
}
