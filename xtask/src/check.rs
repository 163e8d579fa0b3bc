//! `cargo xtask check`: everything that must hold for a commit, short of the tests.

use std::path::Path;

use anyhow::{Context, bail};

use crate::tidy;

/// Runs each check and names the first that fails.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    cargo("format", &["fmt", "--all", "--check"])?;
    cargo(
        "lints",
        &[
            "clippy",
            "--locked",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--features",
            "streamflow-e2e/network",
            "--",
            "-D",
            "warnings",
        ],
    )?;
    tidy::run(root)
}

fn cargo(what: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let status = crate::cargo()
        .args(arguments)
        .status()
        .with_context(|| format!("{what}: cargo could not be started"))?;
    if !status.success() {
        bail!(
            "{what}: `cargo {}` found something, see above",
            arguments.join(" ")
        );
    }
    Ok(())
}
