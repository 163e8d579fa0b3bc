//! Which way dependencies point: `pure` knows only `pure`, `io` knows `pure` and `io`, roles do not
//! know each other, and only `bin` and tests know roles.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Finding;

/// Where a package stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tier {
    Pure,
    Io,
    Role,
    /// Programs, tests and tasks: they may use anything.
    Top,
}

impl Tier {
    fn of(manifest: &Path) -> Option<Self> {
        let path = manifest.to_str()?;
        Some(match () {
            () if path.starts_with("crates/pure/") => Self::Pure,
            () if path.starts_with("crates/io/") => Self::Io,
            () if path.starts_with("crates/roles/") => Self::Role,
            () if path.ends_with("/Cargo.toml") => Self::Top,
            () => return None,
        })
    }

    fn may_use(self, other: Self) -> bool {
        match self {
            Self::Pure => other == Self::Pure,
            Self::Io | Self::Role => matches!(other, Self::Pure | Self::Io),
            Self::Top => true,
        }
    }
}

/// Packages `pure` must not use: everything that can wait.
const WAITING: [&str; 5] = ["tokio", "hyper", "axum", "reqwest", "async-trait"];

pub(super) fn check(
    root: &Path,
    files: &[PathBuf],
    findings: &mut Vec<Finding>,
) -> anyhow::Result<()> {
    let mut packages = BTreeMap::new();
    for file in files.iter().filter(|file| file.ends_with("Cargo.toml")) {
        let Some(tier) = Tier::of(file) else { continue };
        let text = std::fs::read_to_string(root.join(file))?;
        let manifest: toml::Table = text
            .parse()
            .with_context(|| format!("{} is no TOML", file.display()))?;
        let Some(name) = manifest
            .get("package")
            .and_then(|p| p.get("name")?.as_str())
        else {
            continue;
        };
        packages.insert(name.to_owned(), (tier, file.clone(), manifest));
    }
    for (tier, file, manifest) in packages.values() {
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        for name in dependencies.into_iter().flat_map(toml::Table::keys) {
            if let Some((used, ..)) = packages.get(name)
                && !tier.may_use(*used)
            {
                findings.push(Finding::new(
                    file,
                    1,
                    format!("{tier:?} may not use {name}, which is {used:?}"),
                ));
            }
            if *tier == Tier::Pure && WAITING.contains(&name.as_str()) {
                findings.push(Finding::new(
                    file,
                    1,
                    format!("pure code cannot wait, so not {name}"),
                ));
            }
        }
    }
    Ok(())
}
