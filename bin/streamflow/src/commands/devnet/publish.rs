//! A real publisher: the `ffmpeg` program sends a film over RTMP, in a loop, at its own pace.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context;
use rustix::process::Signal;
use tokio::process::{Child, Command};

use super::supervise::signal;

/// An `ffmpeg` that publishes until told to stop.
pub(super) struct Publisher {
    child: Child,
}

/// A copy of the film that loops without a seam, in `folder`. Transport streams do not: their
/// first key frame and their sound are lost at the second round.
pub(super) async fn loopable(film: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let copy = folder.join("film.mp4");
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-i"])
        .arg(film)
        .args(["-map", "0:v:0", "-map", "0:a:0?", "-c", "copy"])
        .arg(&copy)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("ffmpeg could not be started; install it, or leave out --video")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(
        output.status.success(),
        "{} cannot be published: {errors}",
        film.display()
    );
    Ok(copy)
}

impl Publisher {
    /// Publishes `film` to `url`. Nothing is encoded: the film's own packets are sent.
    pub(super) fn start(film: &Path, url: &str) -> anyhow::Result<Self> {
        let child = Command::new("ffmpeg")
            .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-re", "-stream_loop", "-1", "-i"])
            .arg(film)
            .args(["-c", "copy", "-f", "flv", url])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("ffmpeg could not be started; install it, or leave out --video and publish yourself")?;
        Ok(Self { child })
    }

    /// Whether it is gone; then it is started again by its owner.
    pub(super) fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))
    }

    /// Lets it say goodbye to the gateway.
    pub(super) async fn stop(mut self) {
        signal(&self.child, Signal::INT);
        let goodbye = tokio::time::timeout(std::time::Duration::from_secs(5), self.child.wait());
        if goodbye.await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}
