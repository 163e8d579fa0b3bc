//! What the running network wrote down about itself, for `devnet status`, `kill` and `down`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::chain::Facts;

/// The file in the network's folder.
const FILE: &str = "devnet.json";

/// What a member of the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Role {
    Chain,
    Gateway,
    Orchestrator,
    Transcoder,
}

/// One process of the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    /// Unique in the network.
    pub(super) name: String,
    pub(super) role: Role,
    /// One line for people.
    pub(super) about: String,
    /// Its control API.
    pub(super) control: String,
    /// Where others reach it; empty for transcoders.
    pub(super) address: String,
    /// While it runs.
    pub(super) pid: Option<u32>,
    /// How often it was started again.
    pub(super) restarts: u32,
}

/// The network as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// The process that started and watches the others.
    pub(super) supervisor: u32,
    /// Where to publish.
    pub(super) publish: String,
    /// The page to watch.
    pub(super) player: String,
    /// The master playlist of the film.
    pub(super) playlist: String,
    /// Names of the renditions.
    pub(super) ladder: Vec<String>,
    /// The chain, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) chain: Option<Facts>,
    /// Whether every member answered that it is ready, once.
    pub(super) ready: bool,
    pub(super) members: Vec<Member>,
}

/// The folder of the network inside a data folder.
pub(super) fn folder(data: &Path) -> PathBuf {
    data.join("devnet")
}

impl State {
    /// Reads what a running network wrote, or `None` where there is none.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Option<Self>> {
        let path = folder.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        };
        let state: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} was not written by this version", path.display()))?;
        Ok(state.is_running().then_some(state))
    }

    /// Replaces the file in one step, so that a reader never sees half of it.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let temporary = folder.join(format!("{FILE}.new"));
        let mut file = fs::File::create(&temporary)
            .with_context(|| format!("{} cannot be written", temporary.display()))?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        fs::rename(&temporary, folder.join(FILE))?;
        Ok(())
    }

    /// Takes the file away; the network is down.
    pub(super) fn remove(folder: &Path) {
        let _ = fs::remove_file(folder.join(FILE));
    }

    fn is_running(&self) -> bool {
        i32::try_from(self.supervisor)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
    }
}
