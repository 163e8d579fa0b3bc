//! `cargo xtask fuzz`: the fuzz targets for a long time, built with optimisation and with checks.

use std::path::Path;

use anyhow::{Context, bail};

/// Runs the campaign; what is given goes to it as it is.
pub(crate) fn run(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    // Checks of arithmetic are part of what is looked for.
    let status = crate::cargo()
        .args([
            "run",
            "--locked",
            "--quiet",
            "--release",
            "--package",
            "streamflow-fuzz",
            "--",
        ])
        .args(arguments)
        .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true")
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
        .env("CARGO_TARGET_DIR", root.join("target/fuzz"))
        .status()
        .context("cargo could not be started")?;
    if !status.success() {
        bail!("inputs were found that break a target, see above");
    }
    Ok(())
}
