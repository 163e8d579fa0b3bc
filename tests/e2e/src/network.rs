//! A devnet of real processes, started and stopped by a test.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;
use tokio::process::{Child, Command};

/// How long a network may take until every member is ready.
const START_PATIENCE: Duration = Duration::from_secs(90);

/// How long a network may take to drain.
const STOP_PATIENCE: Duration = Duration::from_secs(90);

/// The program under test, built beside this test.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test
        .parent()
        .and_then(Path::parent)
        .context("target folder of this test")?;
    let path = folder.join(name);
    if !path.is_file() {
        bail!(
            "{} is not built; run `cargo build --workspace` first",
            path.display()
        );
    }
    Ok(path)
}

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The real clip that comes with the sources.
pub fn clip() -> PathBuf {
    root().join("tests/media/bunny-720p30.ts")
}

/// The clip as a file that loops without a seam, which a transport stream does not.
pub fn looping_clip(folder: &Path) -> anyhow::Result<PathBuf> {
    let film = folder.join("film.mp4");
    let status = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-i"])
        .arg(clip())
        .args(["-c", "copy"])
        .arg(&film)
        .status()?;
    anyhow::ensure!(status.success(), "ffmpeg could not rewrite the clip");
    Ok(film)
}

/// What `devnet status --json` says.
#[derive(Clone, Debug, Deserialize)]
pub struct Description {
    /// Where to publish over RTMP.
    pub publish: String,
    /// The player page of the film.
    pub player: String,
    /// The master playlist of the film.
    pub playlist: String,
    /// Names of the renditions.
    pub ladder: Vec<String>,
    /// The processes.
    pub members: Vec<Member>,
}

/// One process of the network.
#[derive(Clone, Debug, Deserialize)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its process, while it runs.
    pub pid: Option<u32>,
    /// How often it was started again.
    pub restarts: u32,
    /// Its control API.
    pub control: String,
    /// Where others reach it.
    pub address: String,
}

/// A running network. Dropping it kills the supervisor.
pub struct Network {
    program: PathBuf,
    data: PathBuf,
    child: Child,
    /// As it was when it got ready.
    pub description: Description,
}

impl Network {
    /// Starts a network in `data`; publishes `film` in a loop where given.
    pub async fn start(data: &Path, film: Option<&Path>) -> anyhow::Result<Self> {
        Self::start_with(data, film, &[]).await
    }

    /// The same, with more options of `devnet up`.
    pub async fn start_with(
        data: &Path,
        film: Option<&Path>,
        options: &[&str],
    ) -> anyhow::Result<Self> {
        let program = program("streamflow")?;
        let log = std::fs::File::create(data.join("network.log"))?;
        let mut command = Command::new(&program);
        command
            .args([
                "--log-level",
                "warn",
                "devnet",
                "up",
                "--keep",
                "--data-dir",
            ])
            .arg(data)
            .args(options);
        if let Some(film) = film {
            command.arg("--video").arg(film);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        let wait = format!("{}s", START_PATIENCE.as_secs());
        let description = describe(&program, data, &["--wait", &wait]).await?;
        Ok(Self {
            program,
            data: data.to_owned(),
            child,
            description,
        })
    }

    /// The network as it is now.
    pub async fn describe(&self) -> anyhow::Result<Description> {
        describe(&self.program, &self.data, &[]).await
    }

    /// Kills a member at once; the supervisor starts it again.
    pub async fn kill(&self, member: &str) -> anyhow::Result<()> {
        self.devnet(&["kill", member]).await
    }

    /// Freezes a member for a while.
    pub async fn freeze(&self, member: &str, time: Duration) -> anyhow::Result<()> {
        self.devnet(&["kill", member, "--freeze", &format!("{}s", time.as_secs())])
            .await
    }

    /// Drains the network; an exit code other than 0 is an error.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self
            .child
            .id()
            .context("the network ended before its time")?;
        let status = Command::new("kill")
            .args(["-INT", &pid.to_string()])
            .status()
            .await?;
        anyhow::ensure!(status.success(), "the network could not be signalled");
        let status = tokio::time::timeout(STOP_PATIENCE, self.child.wait())
            .await
            .with_context(|| format!("the network did not drain in {STOP_PATIENCE:?}"))??;
        let log = std::fs::read_to_string(self.data.join("network.log")).unwrap_or_default();
        anyhow::ensure!(status.success(), "the network ended with {status}:\n{log}");
        Ok(())
    }

    async fn devnet(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let output = Command::new(&self.program)
            .arg("devnet")
            .args(arguments)
            .arg("--data-dir")
            .arg(&self.data)
            .output()
            .await?;
        let errors = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "devnet {arguments:?}: {errors}");
        Ok(())
    }
}

async fn describe(program: &Path, data: &Path, more: &[&str]) -> anyhow::Result<Description> {
    #[derive(Deserialize)]
    struct Envelope {
        data: Description,
    }
    let output = Command::new(program)
        .args(["devnet", "status", "--json", "--data-dir"])
        .arg(data)
        .args(more)
        .output()
        .await?;
    let log = std::fs::read_to_string(data.join("network.log")).unwrap_or_default();
    let text = String::from_utf8_lossy(&output.stdout);
    anyhow::ensure!(
        output.status.success(),
        "devnet status: {text}\nthe network's log:\n{log}"
    );
    let envelope: Envelope =
        serde_json::from_str(&text).with_context(|| format!("devnet status printed: {text}"))?;
    Ok(envelope.data)
}
