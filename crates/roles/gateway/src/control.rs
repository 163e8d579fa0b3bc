//! The gateway as its operator sees and drives it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use streamflow_admin::{
    Action, AddressView, ControlApi, ControlError, OrchestratorState, OrchestratorView, Role,
    RoleStatus, SegmentCounts, StreamDetail, StreamView, Usage, WorkPath, rfc3339,
};
use streamflow_sessions::{PeerView, Standing};
use streamflow_types::Capability;
use url::Url;

use crate::discovery::{Known, plain};
use crate::node::Node;
use crate::registry::Running;
use crate::session::{OfferError, Session};
use crate::stream::Command;

/// How long an orchestrator may take to answer a probe.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

pub(crate) struct Control {
    pub(crate) node: Arc<Node>,
    pub(crate) addresses: Vec<AddressView>,
    /// Where players reach this gateway.
    pub(crate) playback: Url,
}

#[async_trait]
impl ControlApi for Control {
    async fn status(&self) -> RoleStatus {
        let totals = &self.node.totals;
        RoleStatus {
            role: Role::Gateway,
            addresses: self.addresses.clone(),
            sessions: Usage {
                active: self.node.registry.len() as u64,
                max: Some(self.node.config.max_streams as u64),
            },
            segments: SegmentCounts {
                in_flight: totals.in_flight.load(Ordering::Relaxed),
                succeeded: totals.succeeded.load(Ordering::Relaxed),
                failed: totals.failed.load(Ordering::Relaxed),
            },
            pixels: totals.pixels.load(Ordering::Relaxed).to_string(),
            orchestrators: Some(self.node.directory.known().len() as u64),
            workers: None,
        }
    }

    async fn streams(&self) -> Result<Vec<StreamView>, ControlError> {
        let all = self.node.registry.all();
        Ok(all.iter().map(|running| self.view(running)).collect())
    }

    async fn stream(&self, id: &str) -> Result<StreamDetail, ControlError> {
        let running = self.running(id)?;
        Ok(running.status.detail(self.path(), Some(self.playlist(id))))
    }

    async fn orchestrators(&self) -> Result<Vec<OrchestratorView>, ControlError> {
        // What a webhook names now may be newer than what is known.
        self.node.directory.candidates(self.node.clock.now()).await;
        let known = self.node.directory.known();
        Ok(known.iter().map(|known| self.orchestrator(known)).collect())
    }

    async fn probe_orchestrator(&self, url: &Url) -> Result<OrchestratorView, ControlError> {
        let clock = &self.node.clock;
        self.node.clients.reach().allow(url);
        let began = clock.now();
        let answer = self.node.asker.ask(url, None, PROBE_LIMIT).await;
        let latency = clock.now().saturating_duration_since(began);
        self.node.directory.note(clock.now(), url, latency, &answer);
        match answer {
            Ok(session) => Ok(self.orchestrator(&Known {
                url: url.clone(),
                session: Some(session),
                latency: Some(latency),
                error: None,
                asked: Some(clock.now()),
            })),
            Err(OfferError::Address(problem)) => Err(ControlError::Invalid {
                field: "url",
                problem,
            }),
            Err(error @ (OfferError::Silent(_) | OfferError::Refused(_))) => Err(
                ControlError::Unreachable(format!("{}: {error}", plain(url))),
            ),
            Err(error) => Err(ControlError::Failed(error.to_string())),
        }
    }

    async fn act(&self, action: Action) -> Result<(), ControlError> {
        match action {
            Action::StopStream(id) => self.tell(&id, Command::Stop).await,
            Action::SwapStream(id) => self.tell(&id, Command::Swap).await,
            Action::BlockOrchestrator(url) => {
                self.node.directory.block(&url);
                Ok(())
            }
            Action::UnblockOrchestrator(url) => {
                // Also from an ejection: that is what the operator means.
                let peer = streamflow_sessions::Peer::new(&plain(&url));
                self.node.record().pardon(&peer);
                self.node.directory.unblock(&url);
                Ok(())
            }
            Action::Drain => {
                self.node.pause(true);
                Ok(())
            }
            Action::Resume if self.node.shutdown.is_draining() => {
                Err(ControlError::Refused("this node is leaving".to_owned()))
            }
            Action::Resume => {
                self.node.pause(false);
                Ok(())
            }
            other => Err(ControlError::NotOffered(other.name())),
        }
    }
}

impl Control {
    fn running(&self, id: &str) -> Result<Arc<Running>, ControlError> {
        let unknown = || ControlError::Unknown {
            kind: "stream",
            id: id.to_owned(),
        };
        self.node.registry.find(id).ok_or_else(unknown)
    }

    async fn tell(&self, id: &str, command: Command) -> Result<(), ControlError> {
        // A stream that ended this very moment is stopped, and swapped, well enough.
        self.running(id)?.command(command).await;
        Ok(())
    }

    fn view(&self, running: &Running) -> StreamView {
        let status = &running.status;
        status.view(self.path(), Some(self.playlist(status.id())))
    }

    /// The way a stream without segments would go.
    fn path(&self) -> WorkPath {
        if self.node.uses_network() {
            WorkPath::Network
        } else if self.node.local.is_some() {
            WorkPath::Local
        } else {
            WorkPath::Passthrough
        }
    }

    fn playlist(&self, id: &str) -> String {
        let mut url = self.playback.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty()
                .extend(["stream", &format!("{id}.m3u8")]);
        }
        url.to_string()
    }

    fn orchestrator(&self, known: &Known) -> OrchestratorView {
        let now = self.node.clock.now();
        let session = known.session.as_ref();
        let record = session.and_then(|session| self.node.record().view(now, &session.peer));
        let until = match record.as_ref().map(|record| record.standing) {
            Some(Standing::Ejected { until, .. }) => Some(until),
            _ => None,
        };
        let suspended_until = until
            .map(|until| rfc3339(self.node.clock.unix() + until.saturating_duration_since(now)));
        OrchestratorView {
            url: plain(&known.url),
            address: address(session),
            state: self.state(known, record.as_ref()),
            latency_ms: known.latency.map(|latency| latency.as_secs_f64() * 1_000.0),
            score: record.as_ref().and_then(|record| record.score),
            price: price(session),
            version: version(session),
            capabilities: capabilities(session),
            suspended_until,
            error: known.error.as_ref().map(ToString::to_string),
        }
    }

    fn state(&self, known: &Known, record: Option<&PeerView>) -> OrchestratorState {
        let directory = &self.node.directory;
        let blocked = directory.is_blocked(&known.url)
            || known
                .session
                .as_ref()
                .is_some_and(|s| directory.is_blocked(&s.service));
        let standing = record.map(|record| record.standing);
        let serves = known.session.as_ref().is_some_and(|session| {
            let all = self.node.registry.all();
            all.iter()
                .any(|running| running.status.is_with(session.peer.as_str()))
        });
        match () {
            () if blocked => OrchestratorState::Blocked,
            () if matches!(
                standing,
                Some(Standing::Ejected { .. } | Standing::Probation)
            ) =>
            {
                OrchestratorState::Suspended
            }
            () if known.error.is_some() => OrchestratorState::Unreachable,
            () if serves => OrchestratorState::InUse,
            () if known.asked.is_none() => OrchestratorState::Unknown,
            () => OrchestratorState::Available,
        }
    }
}

fn address(session: Option<&Session>) -> Option<String> {
    let address = session?.info.address;
    (!address.is_zero()).then(|| address.to_string())
}

fn price(session: Option<&Session>) -> Option<String> {
    let price = session?.info.price?;
    Some(format!("{}/{}", price.wei(), price.pixels()))
}

fn version(session: Option<&Session>) -> Option<String> {
    let version = &session?.info.capabilities.as_ref()?.version;
    (!version.is_empty()).then(|| version.clone())
}

fn capabilities(session: Option<&Session>) -> Vec<String> {
    let capabilities = session.and_then(|session| session.info.capabilities.as_ref());
    let numbers = capabilities
        .into_iter()
        .flat_map(|capabilities| capabilities.set.iter());
    let known = numbers.filter_map(|number| Capability::try_from(number).ok());
    known
        .map(|capability| capability.name().to_owned())
        .collect()
}
