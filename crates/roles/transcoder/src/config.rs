//! What a transcoder is told, what it uses, and why it ends.

use std::fmt;
use std::sync::Arc;

use streamflow_engine::Transcoder;
use streamflow_rpc::PeerPolicy;
use streamflow_runtime::{Metrics, Readiness};
use url::Url;

/// What a transcoder is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The orchestrator it works for.
    pub orchestrator: OrchestratorAddress,
    /// The secret it shares with it.
    pub secret: Secret,
    /// How many sessions it takes.
    pub capacity: Capacity,
    /// The version it announces; peers compare it with the oldest a job may be given to.
    pub version: String,
}

/// What a transcoder uses.
#[derive(Clone)]
pub struct Deps {
    /// What does the work.
    pub transcoder: Arc<dyn Transcoder>,
    /// Which certificates are accepted of orchestrators.
    pub peers: PeerPolicy,
    /// Where counts go.
    pub metrics: Metrics,
    /// Where it says whether it can work: `not-attached`, `no-media-workers`, `draining`.
    pub readiness: Readiness,
}

impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deps").finish_non_exhaustive()
    }
}

/// How many sessions a transcoder takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// What its engine measured.
    Auto,
    /// This many.
    Sessions(u32),
}

/// A secret that does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a text cannot be the shared secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the transcoder secret is empty or holds characters a header cannot carry; use printable ASCII"
)]
pub struct SecretError;

impl Secret {
    /// From the text of its file, without the line end.
    pub fn new(text: &str) -> Result<Self, SecretError> {
        let text = text.trim_end_matches(['\r', '\n']);
        // It travels as a header.
        if text.is_empty() || !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(SecretError);
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// `host:port` of an orchestrator. A scheme in front is dropped: the attachment is always TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrchestratorAddress(Url);

/// Why a text is no address of an orchestrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("orchestrator {0:?}: write host:port, such as 203.0.113.7:8935")]
pub struct AddressError(String);

impl OrchestratorAddress {
    /// From `host:port` or a URL.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let refuse = || AddressError(text.to_owned());
        let place = text.split_once("://").map_or(text, |(_, place)| place);
        let url = Url::parse(&format!("https://{}", place.trim())).map_err(|_| refuse())?;
        let port_given = place.rsplit_once(':').is_some_and(|(_, port)| {
            let digits = port.split('/').next().unwrap_or_default();
            digits.parse::<u16>().is_ok_and(|port| port > 0)
        });
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        if url.host_str().is_none() || !port_given || !plain {
            return Err(refuse());
        }
        Ok(Self(url))
    }

    /// `https://host:port/`.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for OrchestratorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.host_str().unwrap_or_default();
        write!(
            f,
            "{host}:{}",
            self.0.port_or_known_default().unwrap_or_default()
        )
    }
}

/// Why a transcoder stopped for good.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The orchestrator has another secret. Compare the secret files of both.
    #[error("orchestrator {0} does not accept this secret; compare the secret files of both nodes")]
    InvalidSecret(String),
    /// The orchestrator takes no transcoder without capacity.
    #[error("a transcoder needs a capacity of at least 1; set capacity")]
    ZeroCapacity,
    /// The orchestrator sent it away.
    #[error("orchestrator {0} ended the attachment for good")]
    Dismissed(String),
    /// The HTTP clients could not be made.
    #[error(transparent)]
    Clients(#[from] streamflow_rpc::client::ClientsError),
    /// The address cannot be dialled.
    #[error(transparent)]
    Channel(#[from] streamflow_rpc::client::ChannelError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port_whatever_stands_before() {
        for text in [
            "node.example:8935",
            "https://node.example:8935",
            "http://node.example:8935/",
        ] {
            let address = OrchestratorAddress::parse(text).unwrap();
            assert_eq!(address.to_string(), "node.example:8935");
            assert_eq!(address.url().scheme(), "https");
        }
        let loopback = OrchestratorAddress::parse("[::1]:443").unwrap();
        assert_eq!(loopback.to_string(), "[::1]:443");
        for text in [
            "",
            "node",
            "node:0",
            "node:x",
            "me@node:1",
            "node:1/path",
            "node:99999",
        ] {
            assert!(OrchestratorAddress::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::new("swordfish\r\n").unwrap();
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret.expose(), "swordfish");
        assert_eq!(Secret::new("\n"), Err(SecretError));
        assert_eq!(Secret::new("two\nlines"), Err(SecretError));
    }
}
