//! The layers of a worker's sandbox, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One means by which a worker is contained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// Nothing it starts could gain rights.
    NoNewPrivileges,
    /// It dies with the node.
    ParentDeathSignal,
    /// Nobody reads its memory; it leaves no core file.
    NotDumpable,
    /// Descriptors it was not meant to have are closed.
    ClosedDescriptors,
    /// Rights of the node's user do not reach it.
    UserNamespace,
    /// It has no network.
    NetworkNamespace,
    /// It shares no memory or queues by name.
    IpcNamespace,
    /// It holds no capabilities.
    NoCapabilities,
    /// It opens no files.
    Landlock,
    /// The system calls it does not need are refused.
    Seccomp,
    /// Memory, files, descriptors and threads are bounded.
    ResourceLimits,
    /// FFmpeg is at least of the version this build trusts.
    FfmpegVersion,
}

impl Layer {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::NoNewPrivileges,
        Self::ParentDeathSignal,
        Self::NotDumpable,
        Self::ClosedDescriptors,
        Self::UserNamespace,
        Self::NetworkNamespace,
        Self::IpcNamespace,
        Self::NoCapabilities,
        Self::Landlock,
        Self::Seccomp,
        Self::ResourceLimits,
        Self::FfmpegVersion,
    ];

    /// Its name in configuration and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoNewPrivileges => "no-new-privileges",
            Self::ParentDeathSignal => "parent-death-signal",
            Self::NotDumpable => "not-dumpable",
            Self::ClosedDescriptors => "closed-descriptors",
            Self::UserNamespace => "user-namespace",
            Self::NetworkNamespace => "network-namespace",
            Self::IpcNamespace => "ipc-namespace",
            Self::NoCapabilities => "no-capabilities",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::ResourceLimits => "resource-limits",
            Self::FfmpegVersion => "ffmpeg-version",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No layer has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no sandbox layer is called {0:?}; the names are those printed at start, such as landlock")]
pub struct ParseLayerError(pub String);

impl FromStr for Layer {
    type Err = ParseLayerError;

    fn from_str(text: &str) -> Result<Self, ParseLayerError> {
        Self::ALL
            .into_iter()
            .find(|layer| layer.name() == text)
            .ok_or_else(|| ParseLayerError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_found_by_name() {
        for layer in Layer::ALL {
            assert_eq!(layer.name().parse(), Ok(layer));
        }
        assert!("moat".parse::<Layer>().is_err());
    }
}
