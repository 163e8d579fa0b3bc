//! What every role stands on: time, metrics, readiness, the way out, its folder, and the rules
//! for peers and for the control API.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use streamflow_admin::{Access, Role};
use streamflow_rpc::PeerPolicy;
use streamflow_runtime::signals::{Interrupted, Signals};
use streamflow_runtime::{Clock, Metrics, Readiness, Shutdown, SystemClock};

use crate::config::{Config, Secret};
use crate::failure::{Exit, Failure};
use crate::node::Place;

/// How long a role may take to drop everything once it is told to stop.
const STOP_LIMIT: Duration = Duration::from_secs(3);

/// What a role stands on.
pub(super) struct Ground {
    pub(super) clock: Arc<dyn Clock>,
    /// With the labels every series of this role carries.
    pub(super) metrics: Metrics,
    pub(super) readiness: Readiness,
    pub(super) shutdown: Shutdown,
    pub(super) peers: PeerPolicy,
    pub(super) access: Access,
    pub(super) place: Place,
    pub(super) network: String,
    drain_time: Duration,
    signals: Signals,
}

impl Ground {
    /// Prepares it for a role. Signals are caught from here on.
    pub(super) fn lay(config: &Config, role: Role) -> Result<Self, Failure> {
        let node = &config.node;
        if !matches!(node.network.as_str(), "offchain" | "devnet") {
            let message = format!(
                "network {:?}: payments on chain are not offered by this build yet",
                node.network
            );
            return Err(
                Failure::usage("payments-not-offered", message).hint("use --network offchain")
            );
        }
        let unexpected = |error| Failure::new(Exit::Unexpected, "signals", error);
        let signals = Signals::catch().map_err(unexpected)?;
        let access = match &node.control_token_file {
            None => Access::loopback(),
            Some(file) => {
                let token =
                    Secret::read(file).map_err(|error| Failure::usage("secret-file", error))?;
                Access::token(token.expose())
            }
        };
        let data_dir = node.folder();
        Ok(Self {
            clock: Arc::new(SystemClock),
            metrics: metrics(role),
            readiness: Readiness::new(),
            shutdown: Shutdown::new(),
            peers: peers(&node.pin)?,
            access,
            place: Place::take(&data_dir, name(role))?,
            network: node.network.clone(),
            drain_time: node.drain_time,
            signals,
        })
    }

    /// Runs the role: the first signal drains it, the second or the end of the drain time stops
    /// it. A role that was stopped before it had drained is a failure.
    pub(super) async fn run<E>(
        self,
        role: impl Future<Output = Result<(), E>>,
    ) -> anyhow::Result<()>
    where
        E: Into<anyhow::Error>,
    {
        let mut role = pin!(role);
        let shutdown = self.shutdown.clone();
        let interrupted = tokio::select! {
            outcome = role.as_mut() => return outcome.map_err(Into::into),
            interrupted = self.signals.drive(&shutdown, self.drain_time) => interrupted,
        };
        if tokio::time::timeout(STOP_LIMIT, role).await.is_err() {
            tracing::warn!("the role did not stop in time and was dropped");
        }
        let exit = match interrupted {
            Interrupted::Interrupt => Exit::Interrupted,
            Interrupted::Terminate => Exit::Terminated,
        };
        Err(Failure::new(
            exit,
            "drain-cut-short",
            "stopped before the drain had ended",
        )
        .into())
    }
}

fn metrics(role: Role) -> Metrics {
    let metrics = Metrics::new();
    let node_type = match role {
        Role::Gateway => "bctr",
        Role::Orchestrator => "orch",
        Role::Transcoder => "trcr",
    };
    let version = env!("CARGO_PKG_VERSION");
    let labels = [
        ("node_type", node_type),
        ("compiler", "rustc"),
        ("goos", std::env::consts::OS),
        ("goversion", ""),
        ("livepeerversion", version),
    ];
    metrics.gauge("livepeer_versions", &labels).set(1.0);
    let uname = rustix::system::uname();
    let host = uname.nodename().to_string_lossy();
    let metrics = metrics.with_labels(&[("node_id", &host), ("node_type", node_type)]);
    for gauge in GAUGES_OF_ALL {
        metrics.gauge(gauge, &[]).set(0.0);
    }
    for counter in COUNTERS_OF_ALL {
        metrics.counter(counter, &[]).add(0.0);
    }
    metrics
}

/// What boards of the network find on every node from its start, whatever its role.
const GAUGES_OF_ALL: [&str; 8] = [
    "livepeer_current_sessions_total",
    "livepeer_max_sessions_total",
    "livepeer_success_rate",
    "livepeer_transcoders_number",
    "livepeer_transcoders_capacity",
    "livepeer_transcoders_load",
    "livepeer_fast_verification_enabled_current_sessions_total",
    "livepeer_fast_verification_using_current_sessions_total",
];
const COUNTERS_OF_ALL: [&str; 2] = ["livepeer_value_redeemed", "livepeer_winning_tickets_recv"];

/// The name of a role in messages and folders.
pub(super) const fn name(role: Role) -> &'static str {
    match role {
        Role::Gateway => "gateway",
        Role::Orchestrator => "orchestrator",
        Role::Transcoder => "transcoder",
    }
}

fn peers(pins: &[String]) -> Result<PeerPolicy, Failure> {
    if pins.is_empty() {
        return Ok(PeerPolicy::AnyCertificate);
    }
    let read = |pin: &String| {
        let bytes = hex::decode(pin.replace(':', "")).ok();
        bytes
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .ok_or_else(|| {
                Failure::usage(
                    "config",
                    format!("node.pin: {pin:?} is not 64 hexadecimal digits"),
                )
            })
    };
    pins.iter()
        .map(read)
        .collect::<Result<_, _>>()
        .map(PeerPolicy::Pinned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boards_find_their_series_from_the_start_on_every_role() {
        for (role, node_type) in [
            (Role::Gateway, "bctr"),
            (Role::Orchestrator, "orch"),
            (Role::Transcoder, "trcr"),
        ] {
            let text = metrics(role).render();
            let series: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
            let versions: Vec<_> = series
                .iter()
                .filter(|line| line.starts_with("livepeer_versions{"))
                .collect();
            assert_eq!(versions.len(), 1, "{text}");
            for label in ["compiler=", "goos=", "goversion=", "livepeerversion="] {
                assert!(versions[0].contains(label), "{label} in {text}");
            }
            for name in GAUGES_OF_ALL.iter().chain(&COUNTERS_OF_ALL) {
                let found = series
                    .iter()
                    .any(|line| line.starts_with(&format!("{name}{{")) && line.contains(node_type));
                assert!(found, "{name} in {text}");
            }
        }
    }
}
