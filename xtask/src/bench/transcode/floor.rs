//! Decoding and encoding alone, and where the rest goes: the engine's own stage clocks, read by a
//! program that runs it without a worker around it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::Rung;

/// Stages of a segment, in milliseconds of CPU time.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Stages {
    pub(super) open: f64,
    pub(super) decode: f64,
    pub(super) scale: f64,
    /// Of each rendition.
    pub(super) encode: Vec<f64>,
    pub(super) mux: f64,
    /// The whole process, which is more than the sum.
    pub(super) process: f64,
}

/// The same segments twice.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Parts {
    /// As ever.
    pub(super) usual: Stages,
    /// One stage after another.
    pub(super) alone: Stages,
}

impl Parts {
    /// What nobody can do without.
    pub(super) fn floor(&self) -> f64 {
        self.alone.decode + self.alone.encode.iter().sum::<f64>()
    }
}

/// Measures both, with as many threads as a job alone on this machine has.
pub(super) fn measure(
    root: &Path,
    segments: &[PathBuf],
    rungs: &[Rung],
    preset: &str,
) -> anyhow::Result<Parts> {
    let ladder: Vec<String> = rungs
        .iter()
        .map(|(_, width, height, bitrate)| format!("{width}x{height}:{bitrate}"))
        .collect();
    let threads = std::thread::available_parallelism()?.get().to_string();
    let output = Command::new(root.join("target/release/examples/stages"))
        .args([preset, &threads, &ladder.join(",")])
        .args(segments)
        .output()
        .context("the stages example")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the stages example: {errors}");
    serde_json::from_slice(&output.stdout).context("the stages example printed no JSON")
}
