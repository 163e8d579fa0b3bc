//! Looking for orchestrators that would take this stream.
//!
//! All candidates are asked side by side. The first good answer starts the stream, a moment later
//! so that the next ones are there to choose from; stragglers join while it runs.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use rand::seq::SliceRandom;
use streamflow_sessions::{Offer, Standing};
use streamflow_wire::capability::Capabilities;
use url::Url;

use super::{Done, Fallback, Input, Peer, SegmentKey, Session, Stream};
use crate::discovery::plain;
use crate::local::LOCAL;
use crate::session::{OfferError, QUERY_LIMIT};

/// Sessions wanted.
pub(super) const WANTED: usize = 8;

/// Sessions kept; the pool has nothing to gain from more.
const MAX_SESSIONS: usize = 16;

/// Orchestrators asked in one round.
const MAX_ASKED: usize = 32;

/// How long the first good answer waits for company.
const COMPANY: Duration = Duration::from_millis(40);

/// News of a search.
pub(super) enum Found {
    /// Who may be asked.
    Candidates(Vec<Url>),
    /// How one answered.
    Answer {
        url: Url,
        latency: Duration,
        answer: Box<Result<Session, OfferError>>,
        is_node: bool,
    },
    /// The first good answer has waited long enough.
    Company,
    /// Nobody answered for so long that others may do the work meanwhile.
    Late,
}

/// A search under way.
#[derive(Default)]
pub(super) struct Search {
    /// What the orchestrators are asked for: the job of the latest segment.
    job: Option<Capabilities>,
    is_running: bool,
    pending: usize,
    known: usize,
    seen: BTreeSet<String>,
    /// The pool knows of somebody already.
    has_offered: bool,
    waits_for_company: bool,
}

impl Stream {
    /// The search that comes with the first segment.
    pub(super) fn begin_first_search(&mut self, key: SegmentKey) {
        let job = self
            .in_hand
            .get(&key)
            .map(|in_hand| in_hand.order.capabilities.clone());
        let is_first = self.search.job.is_none();
        self.search.job = job;
        if is_first && self.node.uses_network() {
            self.begin_search();
            self.after(self.node.config.discovery_timeout, Found::Late);
        }
    }

    /// Asks everybody who is not with us.
    pub(super) fn begin_search(&mut self) {
        if self.search.is_running || self.search.job.is_none() {
            return;
        }
        self.search.is_running = true;
        self.search.seen.clear();
        let node = self.node.clone();
        self.tasks.spawn(async move {
            let candidates = node.directory.candidates(node.clock.now()).await;
            Done::Found(Box::new(Found::Candidates(candidates)))
        });
    }

    pub(super) fn take_found(&mut self, found: Found) {
        match found {
            Found::Candidates(candidates) => self.ask(candidates),
            Found::Answer {
                url,
                latency,
                answer,
                is_node,
            } => {
                self.search.pending = self.search.pending.saturating_sub(1);
                self.take_answer(&url, latency, *answer, is_node);
                self.end_search_if_over();
            }
            Found::Company => {
                self.search.waits_for_company = false;
                self.offer();
            }
            Found::Late if !self.search.has_offered && self.has_others() => self.offer(),
            Found::Late => {}
        }
    }

    fn ask(&mut self, candidates: Vec<Url>) {
        self.search.known = candidates.len();
        self.suspensions.next_round();
        let listed: BTreeSet<String> = candidates.iter().map(plain).collect();
        let now = self.node.clock.now();
        // Whoever is listed no more serves no more.
        self.sessions.retain(|_, session| {
            listed.contains(&plain(&session.asked_at)) || !self.search.has_offered
        });
        let with_us: BTreeSet<String> = {
            let record = self.node.record();
            let good = self.sessions.iter().filter(|(peer, _)| {
                !matches!(record.standing(now, peer), Standing::Ejected { .. })
            });
            good.map(|(_, session)| plain(&session.asked_at)).collect()
        };
        let mut others: Vec<Url> = candidates
            .into_iter()
            .filter(|url| !with_us.contains(&plain(url)))
            .collect();
        others.shuffle(&mut self.rng);
        others.sort_by_key(|url| self.suspensions.left(&Peer::new(&plain(url))));
        others.truncate(MAX_ASKED);
        for url in others {
            self.ask_one(url, false);
        }
        self.end_search_if_over();
    }

    fn ask_one(&mut self, url: Url, is_node: bool) {
        if !self.search.seen.insert(plain(&url)) {
            return;
        }
        self.search.pending += 1;
        let (node, job) = (self.node.clone(), self.search.job.clone());
        self.tasks.spawn(async move {
            let began = node.clock.now();
            let answer = Box::new(node.asker.ask(&url, job.as_ref(), QUERY_LIMIT).await);
            let latency = node.clock.now().saturating_duration_since(began);
            Done::Found(Box::new(Found::Answer {
                url,
                latency,
                answer,
                is_node,
            }))
        });
    }

    fn take_answer(
        &mut self,
        url: &Url,
        latency: Duration,
        answer: Result<Session, OfferError>,
        is_node: bool,
    ) {
        self.node
            .directory
            .note(self.node.clock.now(), url, latency, &answer);
        let session = match answer {
            Ok(session) => session,
            Err(error) => {
                tracing::debug!(manifestID = %self.setup.manifest, orchestrator = %url, %error, "no offer");
                self.node
                    .metrics
                    .discovery_error(code(&error), url.as_str());
                return;
            }
        };
        if self.node.directory.is_blocked(&session.service) {
            return;
        }
        if !is_node {
            self.ask_nodes_of(&session);
        }
        let is_known = self.sessions.contains_key(&session.peer);
        if !is_known && self.sessions.len() >= MAX_SESSIONS {
            return;
        }
        self.sessions.insert(session.peer.clone(), session);
        let alone = !self.search.has_offered && self.search.pending > 0;
        if !alone {
            self.offer();
        } else if !std::mem::replace(&mut self.search.waits_for_company, true) {
            self.after(COMPANY, Found::Company);
        }
    }

    /// An operator's other nodes, as far as this gateway's own operator wants them.
    fn ask_nodes_of(&mut self, session: &Session) {
        let nodes = session.info.nodes.iter().take(self.node.config.extra_nodes);
        let nodes = nodes.filter_map(|node| Url::parse(node).ok());
        let asked_at = session.asked_at.clone();
        let reach = self.node.clients.reach();
        let comes_from_inside = reach.is_inside(&asked_at);
        let nodes: Vec<Url> = nodes
            .filter(|url| url.scheme() == "https" && url.has_host())
            .filter(|url| comes_from_inside || !reach.is_inside(url))
            .inspect(|url| {
                if comes_from_inside {
                    reach.allow(url);
                }
            })
            .collect();
        for node in nodes {
            if !self.node.directory.is_blocked(&node) {
                self.ask_one(node, true);
            }
        }
    }

    fn end_search_if_over(&mut self) {
        if self.search.pending == 0 && self.search.is_running {
            self.search.is_running = false;
            if !self.search.waits_for_company {
                self.offer();
            }
        }
    }

    /// Tells the pool who would take segments.
    pub(super) fn offer(&mut self) {
        self.search.has_offered = true;
        let tier = self.node.tier(Fallback::Network);
        let mut offers: Vec<Offer> = self
            .sessions
            .iter()
            .map(|(peer, session)| Offer {
                peer: peer.clone(),
                tier,
                domain: domain(&session.service),
                weight: 1.0,
            })
            .collect();
        if self.has_others() {
            offers.push(Offer {
                peer: Peer::new(LOCAL),
                tier: self.node.tier(Fallback::Local),
                domain: 0,
                weight: 1.0,
            });
        }
        let known = self.search.known;
        self.list_peers();
        self.feed(Input::Offers { offers, known });
    }

    /// Who may be ejected is counted among all that are known to the gateway.
    fn list_peers(&self) {
        let now = self.node.clock.now();
        let peers = self.node.directory.peers();
        self.node.record().list(now, &peers);
    }

    fn has_others(&self) -> bool {
        self.node.local.is_some()
    }

    fn after(&mut self, wait: Duration, found: Found) {
        let clock = self.node.clock.clone();
        self.tasks.spawn(async move {
            clock.sleep(wait).await;
            Done::Found(Box::new(found))
        });
    }
}

/// Peers on one machine fail together.
fn domain(url: &Url) -> u64 {
    let mut hasher = DefaultHasher::new();
    url.host_str().hash(&mut hasher);
    // 0 is this machine's own engine.
    hasher.finish().max(1)
}

fn code(error: &OfferError) -> &'static str {
    match error {
        OfferError::Capped => "OrchestratorCapped",
        OfferError::Silent(_) => "DeadlineExceeded",
        _ => "Unknown",
    }
}
