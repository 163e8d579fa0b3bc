//! The configuration: one TOML file, the environment and the flags, laid over the defaults.
//!
//! Every setting is declared once, in `config/tables.rs`, with its type, default and text. Flags,
//! environment names, `config print` and the reference page are made from that.

mod key;
mod layers;
mod reference;
mod secret;
mod setting;
mod tables;

pub(crate) use key::{Key, Level};
pub(crate) use layers::{ConfigError, Layers, Origin, nearest};
pub(crate) use reference::reference;
pub(crate) use secret::Secret;
pub(crate) use setting::{Fallback, Ladder, MaxSessions, Misbehaviour, OrchestratorUrl, Switch};
pub(crate) use tables::{Config, EngineTable, GatewayTable, keys};

use std::path::PathBuf;

/// Where a configuration file is looked for when none is named, nearest first.
pub(crate) fn usual_files() -> Vec<PathBuf> {
    let user = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
    let user = user.map(|folder| folder.join("streamflow/config.toml"));
    user.into_iter()
        .chain([PathBuf::from("/etc/streamflow/config.toml")])
        .collect()
}

/// Where a node keeps its files when not told.
fn usual_data_dir() -> PathBuf {
    std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")))
        .unwrap_or_else(|| PathBuf::from("/var/lib"))
        .join("streamflow")
}
