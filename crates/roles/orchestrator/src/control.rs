//! What the operator of an orchestrator asks and does.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use streamflow_admin::{
    Action, AddressView, ControlApi, ControlError, Role, RoleStatus, SegmentCounts, Usage,
    WorkerState, WorkerView, rfc3339,
};
use streamflow_types::Capability;

use crate::state::State;
use crate::workers::Worker;

/// The control side of an orchestrator. Made before it runs, so that its port can be served from
/// the start; until then it says that nothing runs.
#[derive(Clone, Default)]
pub struct ControlHandle(Arc<OnceLock<State>>);

impl std::fmt::Debug for ControlHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlHandle").finish_non_exhaustive()
    }
}

impl ControlHandle {
    /// Nothing runs yet.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn connect(&self, state: State) {
        // A handle belongs to one run; a second one keeps the first.
        let _ = self.0.set(state);
    }
}

#[async_trait]
impl ControlApi for ControlHandle {
    async fn status(&self) -> RoleStatus {
        let mut status = RoleStatus {
            role: Role::Orchestrator,
            addresses: Vec::new(),
            sessions: Usage::default(),
            segments: SegmentCounts::default(),
            pixels: "0".to_owned(),
            orchestrators: None,
            workers: None,
        };
        let Some(state) = self.0.get() else {
            return status;
        };
        status.addresses = vec![AddressView {
            name: "service".into(),
            url: state.service(),
        }];
        status.sessions = Usage {
            active: state.sessions.active(state.clock.now()) as u64,
            max: Some(u64::from(state.session_limit())),
        };
        let totals = state.meters.totals();
        status.segments = SegmentCounts {
            in_flight: totals.in_flight,
            succeeded: totals.succeeded,
            failed: totals.failed,
        };
        status.pixels = totals.pixels.to_string();
        status.workers = state
            .workshop
            .workers()
            .map(|workers| workers.standing()[0]);
        status
    }

    async fn workers(&self) -> Result<Vec<WorkerView>, ControlError> {
        let state = self.0.get().ok_or(ControlError::NotOffered("workers"))?;
        let workers = state
            .workshop
            .workers()
            .ok_or(ControlError::NotOffered("workers"))?;
        Ok(workers.list().iter().map(view).collect())
    }

    async fn act(&self, action: Action) -> Result<(), ControlError> {
        let state = self
            .0
            .get()
            .ok_or(ControlError::NotOffered(action.name()))?;
        let of_worker = |name: String, is_known: bool| {
            let unknown = ControlError::Unknown {
                kind: "worker",
                id: name,
            };
            if is_known { Ok(()) } else { Err(unknown) }
        };
        let workers = state.workshop.workers();
        match (action, workers) {
            (Action::DrainWorker(name), Some(workers)) => {
                let is_known = workers.drain(&name);
                of_worker(name, is_known)
            }
            (Action::RemoveWorker(name), Some(workers)) => {
                let is_known = workers.remove(&name);
                of_worker(name, is_known)
            }
            (Action::Drain, _) => {
                state.workshop.set_paused(true);
                Ok(())
            }
            (Action::Resume, _) => {
                state.workshop.set_paused(false);
                Ok(())
            }
            (action, _) => Err(ControlError::NotOffered(action.name())),
        }
    }
}

fn view(worker: &Worker) -> WorkerView {
    let names = worker
        .capabilities
        .set
        .iter()
        .filter_map(|n| Capability::try_from(n).ok());
    WorkerView {
        id: worker.name.clone(),
        address: worker.address.to_string(),
        state: if worker.drained {
            WorkerState::Draining
        } else {
            WorkerState::Attached
        },
        attached_at: rfc3339(worker.attached_at),
        sessions: Usage {
            active: worker.load as u64,
            max: Some(u64::from(worker.capacity)),
        },
        segments: SegmentCounts {
            in_flight: 0,
            succeeded: worker.succeeded,
            failed: worker.failed,
        },
        pixels: worker.pixels.to_string(),
        version: Some(worker.capabilities.version.clone()).filter(|version| !version.is_empty()),
        capabilities: names
            .map(|capability| capability.name().to_owned())
            .collect(),
    }
}
