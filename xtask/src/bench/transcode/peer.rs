//! The other side: the ffmpeg program, one process a segment, with its own choice of threads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::{Cpu, Rung};

/// Ticks of the kernel's clock for CPU time, a second.
const TICKS: u64 = 100;

/// Transcodes each segment; renditions of the last stay in `folder/peer`.
pub(super) fn round(
    segments: &[PathBuf],
    rungs: &[Rung],
    preset: &str,
    folder: &Path,
) -> anyhow::Result<Cpu> {
    let kept = folder.join("peer");
    fs::create_dir_all(&kept)?;
    let before = of_children()?;
    for segment in segments {
        let status = command(segment, rungs, preset, &kept)
            .status()
            .context("the ffmpeg program")?;
        ensure!(
            status.success(),
            "the ffmpeg program failed on {}",
            segment.display()
        );
    }
    let after = of_children()?;
    Ok(Cpu {
        user: after.user - before.user,
        system: after.system - before.system,
    })
}

fn command(segment: &Path, rungs: &[Rung], preset: &str, folder: &Path) -> Command {
    let outputs: Vec<String> = rungs
        .iter()
        .map(|(name, ..)| format!("[s{name}]"))
        .collect();
    let scales: Vec<String> = rungs
        .iter()
        .map(|(name, width, height, _)| {
            format!("[s{name}]scale={width}:{height}:flags=bicubic[{name}]")
        })
        .collect();
    let graph = format!(
        "[0:v]split={}{};{}",
        rungs.len(),
        outputs.concat(),
        scales.join(";")
    );
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-nostdin", "-y", "-i"])
        .arg(segment);
    command.args(["-filter_complex", &graph]);
    for (name, _, _, bitrate) in rungs {
        let rate = bitrate.to_string();
        command.args(["-map", &format!("[{name}]"), "-map", "0:a", "-c:a", "copy"]);
        command.args([
            "-c:v", "libx264", "-preset", preset, "-bf", "3", "-pix_fmt", "yuv420p",
        ]);
        command.args([
            "-b:v", &rate, "-minrate", &rate, "-maxrate", &rate, "-bufsize", &rate,
        ]);
        command.args([
            "-force_key_frames",
            "expr:gte(t,n_forced*2)",
            "-copyts",
            "-f",
            "mpegts",
        ]);
        command.arg(folder.join(format!("{name}.ts")));
    }
    command
}

/// CPU time of children that have ended.
fn of_children() -> anyhow::Result<Cpu> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat")?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let time = |place: usize| -> anyhow::Result<Duration> {
        let ticks: u64 = fields.get(place).context("/proc/self/stat")?.parse()?;
        Ok(Duration::from_millis(ticks * 1000 / TICKS))
    };
    Ok(Cpu {
        user: time(13)?,
        system: time(14)?,
    })
}
