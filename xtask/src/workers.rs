//! `cargo xtask workers`: what befalls worker processes, at full length.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use clap::Args;

/// How much of the campaign.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Only the segments of many streams, no faults.
    #[arg(long)]
    segments: bool,
}

/// Runs the campaign of the worker's tests, optimised.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let part = if arguments.segments {
        "segments"
    } else {
        "full"
    };
    let status = Command::new(env!("CARGO"))
        .args([
            "test",
            "--locked",
            "--release",
            "--package",
            "streamflow-worker",
        ])
        .args(["--test", "campaign", "--", "--nocapture"])
        .env("STREAMFLOW_CAMPAIGN", part)
        .current_dir(root)
        .status()
        .context("cargo could not be started")?;
    if !status.success() {
        bail!("a segment was lost or something grew, see above");
    }
    Ok(())
}
