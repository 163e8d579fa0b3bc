//! Real segments: a film, cut at its key frames.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// The first `count` segments of the film of this size and rate, cut into `folder`.
pub(super) fn segments(
    root: &Path,
    name: &str,
    folder: &Path,
    count: usize,
) -> anyhow::Result<Vec<PathBuf>> {
    let output = Command::new(root.join("scripts/film.sh"))
        .arg(name)
        .output()
        .context("scripts/film.sh")?;
    let film = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    ensure!(
        output.status.success() && film.contains(name),
        "the film is not there, and the clip beside the sources is too short: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::create_dir_all(folder)?;
    let status = Command::new("ffmpeg")
        .args([
            "-v", "error", "-y", "-i", &film, "-c", "copy", "-f", "segment",
        ])
        .args(["-segment_time", "2", "-segment_format", "mpegts"])
        .arg(folder.join("source-%02d.ts"))
        .current_dir(root)
        .status()
        .context("the ffmpeg program")?;
    ensure!(status.success(), "the film could not be cut");
    let segments: Vec<_> = (0..count)
        .map(|number| folder.join(format!("source-{number:02}.ts")))
        .collect();
    let last = segments.last().context("no segments were asked for")?;
    ensure!(last.is_file(), "the film has fewer than {count} segments");
    Ok(segments)
}
