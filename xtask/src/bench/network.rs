//! The measurements of a whole network from outside: built as it ships, run by `streamflow-load`.

use std::process::Command;

use anyhow::{Context, bail};
use clap::Args;

use super::transcode;

/// What goes to the program that measures.
#[derive(Args)]
pub(super) struct Arguments {
    /// Its options, after `--`; `-- --help` shows them.
    #[arg(last = true)]
    options: Vec<String>,
}

pub(super) fn run(bench: &str, arguments: &Arguments, must_reach: bool) -> anyhow::Result<()> {
    let root = crate::root();
    let packages = ["streamflow", "streamflow-worker", "streamflow-load"];
    let selection: Vec<_> = packages
        .iter()
        .flat_map(|name| ["--package", name])
        .collect();
    transcode::build(&selection)?;
    let mut command = Command::new(root.join("target/release/streamflow-load"));
    command.arg(bench).args(&arguments.options);
    if must_reach {
        command.arg("--goal");
    }
    let status = command.status().context("streamflow-load")?;
    if !status.success() {
        bail!("bench {bench} ended with {status}");
    }
    Ok(())
}
