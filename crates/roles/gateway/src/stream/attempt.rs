//! An attempt begins, ends, or is called off.

use streamflow_admin::AttemptView;
use streamflow_sessions::Failure;
use streamflow_sessions::suspend::Suspensions;

use super::search::WANTED;
use super::{
    AbortHandle, AttemptEnd, AttemptId, Checked, Done, Input, Instant, Peer, Purpose, Report,
    SegmentKey, Stream,
};
use crate::local::{self, LOCAL};
use crate::submit::{AttemptError, submit};

/// An attempt that runs.
pub(super) struct Running {
    pub(super) segment: SegmentKey,
    pub(super) peer: Peer,
    pub(super) started: Instant,
    task: AbortHandle,
}

impl Stream {
    /// Sends a segment to a peer.
    pub(super) fn submit(
        &mut self,
        attempt: AttemptId,
        segment: SegmentKey,
        peer: Peer,
        purpose: Purpose,
    ) {
        // The pool only submits what it was given and has not settled.
        let Some(in_hand) = self.in_hand.get_mut(&segment) else {
            return;
        };
        in_hand.begun += 1;
        match purpose {
            Purpose::First => {}
            Purpose::Retry => self.metrics.retried(in_hand.begun),
            Purpose::Hedge | Purpose::Probe => self.metrics.hedged(),
        }
        let (order, patience) = (in_hand.order.clone(), in_hand.patience);
        let local = self.node.local.clone().filter(|_| peer.as_str() == LOCAL);
        let session = self.session_for(&peer, &order.capabilities);
        let local_session = self.local_session.clone();
        let means = self.node.means(&self.metrics);
        tracing::debug!(
            manifestID = %order.manifest, seqNo = order.number.0, orchestrator = %peer, ?purpose,
            orchSessionID = session.as_ref().map(|s| s.info.token.session.as_str()), "attempt"
        );
        let task = self.tasks.spawn(async move {
            let report = match (local, session) {
                (Some(engine), _) => {
                    local::transcode(&engine, &local_session, &order, patience).await
                }
                (None, Some(session)) => submit(&means, &order, session).await,
                (None, None) => Report {
                    session: None,
                    result: Err(AttemptError::NoSession),
                },
            };
            Done::Attempt(attempt, Box::new(report))
        });
        self.by_task.insert(task.id(), attempt);
        let started = self.node.clock.now();
        self.running.insert(
            attempt,
            Running {
                segment,
                peer,
                started,
                task,
            },
        );
    }

    /// The session with a peer, unless it was shut out or cannot do this.
    fn session_for(
        &self,
        peer: &Peer,
        job: &streamflow_wire::capability::Capabilities,
    ) -> Option<crate::session::Session> {
        let session = self.sessions.get(peer)?;
        let directory = &self.node.directory;
        let blocked =
            directory.is_blocked(&session.asked_at) || directory.is_blocked(&session.service);
        (!blocked && session.info.can_do(job)).then(|| session.clone())
    }

    /// Closing the connection tells the peer.
    pub(super) fn call_off(&mut self, attempt: AttemptId) {
        let Some(running) = self.running.remove(&attempt) else {
            return;
        };
        running.task.abort();
        self.by_task.remove(&running.task.id());
        self.note(&running, Some("called off".to_owned()));
    }

    /// An attempt came to its end.
    pub(super) fn attempt_over(&mut self, attempt: AttemptId, report: Report) {
        let Some(running) = self.running.remove(&attempt) else {
            return;
        };
        if let Some(session) = report.session
            && let Some(known) = self.sessions.get_mut(&running.peer)
        {
            *known = session;
        }
        let end = match report.result {
            Ok(renditions) => match self.doubted(&running, &renditions) {
                None => {
                    self.note(&running, None);
                    self.results.insert(attempt, renditions);
                    AttemptEnd::Done
                }
                Some(error) => self.failed_attempt(&running, &error),
            },
            Err(error) => self.failed_attempt(&running, &error),
        };
        self.feed(Input::Finished { attempt, end });
    }

    /// Why renditions that are whole are not taken. Two peers that do not know of each other and
    /// find the same in a segment are right about it, and its headers are wrong.
    fn doubted(&mut self, running: &Running, renditions: &[Checked]) -> Option<AttemptError> {
        let doubts: Vec<_> = renditions.iter().map(|one| one.doubt.clone()).collect();
        let (place, mismatch) = doubts
            .iter()
            .enumerate()
            .find_map(|(place, doubt)| Some((place, doubt.clone()?)))?;
        let in_hand = self.in_hand.get_mut(&running.segment)?;
        let known = &mut in_hand.doubts;
        let agrees = |(peer, found): &(Peer, Vec<_>)| *peer != running.peer && *found == doubts;
        if known.iter().any(agrees) {
            return None;
        }
        known.push((running.peer.clone(), doubts));
        let profile = in_hand.order.profiles.get(place);
        Some(AttemptError::Mismatch {
            profile: profile.map_or_else(String::new, |profile| profile.name.clone()),
            mismatch,
        })
    }

    fn failed_attempt(&mut self, running: &Running, error: &AttemptError) -> AttemptEnd {
        self.note(running, Some(error.to_string()));
        AttemptEnd::Failed(self.failed(running, error))
    }

    fn failed(&mut self, running: &Running, error: &AttemptError) -> Failure {
        let failure = error.failure();
        let number = self
            .in_hand
            .get(&running.segment)
            .map(|in_hand| in_hand.order.number.0);
        match failure {
            // Somebody else has room; nothing is wrong.
            Failure::Busy { .. } => tracing::debug!(
                manifestID = %self.setup.manifest, seqNo = number, orchestrator = %running.peer,
                %error, "no room"
            ),
            _ => tracing::warn!(
                manifestID = %self.setup.manifest, seqNo = number, orchestrator = %running.peer,
                %error, "attempt failed"
            ),
        }
        self.metrics.failed(error.code());
        if let Some(in_hand) = self.in_hand.get_mut(&running.segment) {
            in_hand.code = error.code();
            if let Some(failure) = error.transcode_failure() {
                in_hand.failure = Some(failure);
            }
        }
        if matches!(failure, Failure::Broken | Failure::Fraud) {
            let penalty = Suspensions::penalty(self.sessions.len(), WANTED);
            self.suspensions.suspend(&running.peer, penalty);
        }
        failure
    }

    fn note(&mut self, running: &Running, error: Option<String>) {
        let took = self
            .node
            .clock
            .now()
            .saturating_duration_since(running.started);
        if let Some(in_hand) = self.in_hand.get_mut(&running.segment) {
            in_hand.attempts.push(AttemptView {
                orchestrator: running.peer.as_str().to_owned(),
                took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                error,
            });
        }
    }

    /// The result of an attempt the pool decided for.
    pub(super) fn result_of(&mut self, attempt: AttemptId) -> Option<Vec<Checked>> {
        self.results.remove(&attempt)
    }
}
