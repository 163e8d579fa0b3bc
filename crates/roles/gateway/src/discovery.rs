//! Which orchestrators there are: the operator's list, or what a webhook says, and how each of them
//! answered last.

mod address;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use streamflow_rpc::Reach;
use streamflow_runtime::Shutdown;
use streamflow_sessions::Peer;
use tokio::task::JoinSet;
use url::Url;

pub(crate) use address::plain;
pub use address::{OrchestratorUrlError, orchestrator_url};
use webhook::Webhook;

use crate::node::Node;
use crate::session::{OfferError, QUERY_LIMIT, Session};

/// Orchestrators known at once.
const MAX_KNOWN: usize = 1_024;

/// Asked at the same time when all are asked for their state.
const SIDE_BY_SIDE: usize = 32;

/// How often all are asked for their state: seldom once somebody answered. Before that at once, as
/// who was started together with this gateway is up in a moment, and then less and less often.
const ASK_AGAIN: Duration = Duration::from_secs(60);
const ASK_AT_ONCE: Duration = Duration::from_millis(20);
const ASK_LATER: f64 = 1.2;
const ASK_AGAIN_SOON: Duration = Duration::from_secs(5);

/// The orchestrators a gateway may use.
pub(crate) struct Directory {
    source: Source,
    /// Who is listed may be inside a private network.
    reach: Reach,
    state: Mutex<State>,
}

enum Source {
    List(Vec<Url>),
    Webhook(Webhook),
}

#[derive(Default)]
struct State {
    blocked: BTreeSet<String>,
    answers: BTreeMap<String, Known>,
}

/// How an orchestrator answered last.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) url: Url,
    pub(crate) session: Option<Session>,
    pub(crate) latency: Option<Duration>,
    pub(crate) error: Option<OfferError>,
    pub(crate) asked: Option<Instant>,
}

impl Directory {
    pub(crate) fn new(
        list: Vec<Url>,
        webhook: Option<(Url, reqwest::Client)>,
        blocked: &[Url],
        reach: Reach,
    ) -> Self {
        let source = match webhook {
            Some((url, client)) => Source::Webhook(Webhook::new(url, client)),
            None => Source::List(list),
        };
        let state = State {
            blocked: blocked.iter().map(plain).collect(),
            answers: BTreeMap::new(),
        };
        Self {
            source,
            reach,
            state: Mutex::new(state),
        }
    }

    /// Whether there can be any at all.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(&self.source, Source::List(list) if list.is_empty())
    }

    /// Those that may be asked now, blocked ones left out.
    pub(crate) async fn candidates(&self, now: Instant) -> Vec<Url> {
        let all = match &self.source {
            Source::List(list) => list.clone(),
            Source::Webhook(webhook) => webhook.orchestrators(now).await,
        };
        let mut state = self.state();
        let mut seen = BTreeSet::new();
        let all: Vec<Url> = all
            .into_iter()
            .filter(|url| seen.insert(plain(url)))
            .take(MAX_KNOWN)
            .collect();
        state.answers.retain(|name, _| seen.contains(name));
        for url in &all {
            self.reach.allow(url);
            state.answers.entry(plain(url)).or_insert_with(|| Known {
                url: url.clone(),
                session: None,
                latency: None,
                error: None,
                asked: None,
            });
        }
        all.into_iter()
            .filter(|url| !state.blocked.contains(&plain(url)))
            .collect()
    }

    /// Keeps how one answered.
    pub(crate) fn note(
        &self,
        now: Instant,
        url: &Url,
        latency: Duration,
        answer: &Result<Session, OfferError>,
    ) {
        let mut state = self.state();
        let Some(known) = state.answers.get_mut(&plain(url)) else {
            return;
        };
        known.asked = Some(now);
        match answer {
            Ok(session) => {
                known.session = Some(session.clone());
                known.latency = Some(latency);
                known.error = None;
            }
            Err(error) => known.error = Some(error.clone()),
        }
    }

    /// All of them, by address.
    pub(crate) fn known(&self) -> Vec<Known> {
        self.state().answers.values().cloned().collect()
    }

    /// Service addresses of all that ever answered.
    pub(crate) fn peers(&self) -> Vec<Peer> {
        let state = self.state();
        let sessions = state
            .answers
            .values()
            .filter_map(|known| known.session.as_ref());
        sessions.map(|session| session.peer.clone()).collect()
    }

    /// Whether somebody answers.
    pub(crate) fn is_answering(&self) -> bool {
        let state = self.state();
        state.answers.iter().any(|(name, known)| {
            known.session.is_some() && known.error.is_none() && !state.blocked.contains(name)
        })
    }

    /// Shuts one out; also one by the service address it names.
    pub(crate) fn block(&self, url: &Url) {
        self.state().blocked.insert(plain(url));
    }

    /// Lets one in again. `false` when it was not shut out.
    pub(crate) fn unblock(&self, url: &Url) -> bool {
        self.state().blocked.remove(&plain(url))
    }

    /// Whether one is shut out.
    pub(crate) fn is_blocked(&self, url: &Url) -> bool {
        self.state().blocked.contains(&plain(url))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one step, so a panicking holder leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks all orchestrators for their state now and then, for readiness, for people, and so that the
/// first stream finds warm connections. Ends when the node leaves.
pub(crate) async fn watch(node: &Node, shutdown: &Shutdown) {
    let mut soon = ASK_AT_ONCE;
    loop {
        let now = node.clock.now();
        let candidates = node.directory.candidates(now).await;
        ask_all(node, candidates).await;
        let peers = node.directory.peers();
        node.record().list(node.clock.now(), &peers);
        let answering = node.directory.is_answering();
        let wanted = node.uses_network();
        node.readiness.require(
            answering || !wanted || node.local.is_some(),
            "no-orchestrators",
            "no orchestrator answers; check --orch and `streamflow orchestrators list`",
        );
        let pause = if answering { ASK_AGAIN } else { soon };
        soon = match answering {
            true => ASK_AT_ONCE,
            false => soon.mul_f64(ASK_LATER).min(ASK_AGAIN_SOON),
        };
        if shutdown
            .unless_draining(node.clock.sleep(pause))
            .await
            .is_none()
        {
            return;
        }
    }
}

async fn ask_all(node: &Node, candidates: Vec<Url>) {
    let mut queue = candidates.into_iter();
    let mut asked = JoinSet::new();
    loop {
        while asked.len() < SIDE_BY_SIDE
            && let Some(url) = queue.next()
        {
            let (asker, clock) = (node.asker.clone(), node.clock.clone());
            asked.spawn(async move {
                let began = clock.now();
                let answer = asker.ask(&url, None, QUERY_LIMIT).await;
                (url, clock.now().saturating_duration_since(began), answer)
            });
        }
        let Some(answered) = asked.join_next().await else {
            return;
        };
        if let Ok((url, latency, answer)) = answered {
            node.directory
                .note(node.clock.now(), &url, latency, &answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        orchestrator_url(text).unwrap()
    }

    #[tokio::test]
    async fn blocked_ones_are_no_candidates_until_they_are_let_in() {
        let list = vec![
            url("a.example"),
            url("b.example"),
            url("https://a.example:8935/"),
        ];
        let directory = Directory::new(list, None, &[url("b.example")], Reach::guarded());
        let now = Instant::now();
        assert_eq!(directory.candidates(now).await, [url("a.example")]);
        assert!(directory.is_blocked(&url("https://b.example:8935/")));
        assert!(directory.unblock(&url("b.example")));
        assert!(!directory.unblock(&url("b.example")));
        assert_eq!(directory.candidates(now).await.len(), 2);
        directory.block(&url("a.example"));
        assert_eq!(directory.candidates(now).await, [url("b.example")]);
        assert_eq!(directory.known().len(), 2);
    }

    #[tokio::test]
    async fn the_last_answer_is_kept_beside_a_later_error() {
        let directory = Directory::new(vec![url("a.example")], None, &[], Reach::guarded());
        let now = Instant::now();
        directory.candidates(now).await;
        assert!(!directory.is_answering());
        let error = Err(OfferError::Capped);
        directory.note(now, &url("a.example"), Duration::ZERO, &error);
        directory.note(now, &url("c.example"), Duration::ZERO, &error);
        let known = directory.known();
        assert_eq!(known.len(), 1);
        assert_eq!(known[0].error, Some(OfferError::Capped));
        assert!(directory.peers().is_empty());
    }
}
