//! `cargo xtask workers`: what befalls worker processes, at full length.

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
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let part = if arguments.segments {
        "segments"
    } else {
        "full"
    };
    let status = crate::cargo()
        .args([
            "test",
            "--locked",
            "--release",
            "--package",
            "streamflow-worker",
        ])
        .args(["--test", "campaign", "--", "--nocapture"])
        .env("STREAMFLOW_CAMPAIGN", part)
        .status()
        .context("cargo could not be started")?;
    if !status.success() {
        bail!("a segment was lost or something grew, see above");
    }
    Ok(())
}
