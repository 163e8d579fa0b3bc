//! `cargo xtask contracts`: the contracts' suites with ten times the runs of `./test`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

/// Runs what `./test` runs of the contracts, in forge's profile `long`.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let status = Command::new("bash")
        .arg("contracts/test.sh")
        .env("FOUNDRY_PROFILE", "long")
        .current_dir(root)
        .status()
        .context("bash could not be started")?;
    if !status.success() {
        bail!("the contracts break a promise, see above");
    }
    Ok(())
}
