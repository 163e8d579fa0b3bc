//! One stream from its first segment to its end, in one task that owns all of it.
//!
//! What comes in is published as it is and handed to the pool; what the pool asks for is done; what
//! comes back is published or becomes a gap. Publishers that leave may come back within a moment
//! and find everything as it was.

mod attempt;
mod order;
mod search;
mod settle;
mod source;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use streamflow_admin::WorkPath;
use streamflow_ingest::{PushAnswer, PushError};
use streamflow_sessions::suspend::Suspensions;
use streamflow_sessions::{
    Action, AttemptEnd, AttemptId, Input, Peer, Pool, PoolSettings, Purpose, SegmentKey,
};
use streamflow_types::{Profile, SessionId, SourceSegment};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};

use crate::config::{Fallback, Ladder};
use crate::metrics::StreamMetrics;
use crate::node::Node;
use crate::session::Session;
use crate::setup::Setup;
use crate::status::{Door, Status};
use crate::submit::{Checked, Report};

use attempt::Running;
use order::InHand;
use search::{Found, Search};
pub(crate) use source::{Incoming, Source};

/// A stream whose publisher left waits this long for it to come back.
const RESUME_GRACE: Duration = Duration::from_secs(5);

/// What an operator, or another publisher, wants of a stream.
pub(crate) enum Command {
    /// Another orchestrator from the next segment on.
    Swap,
    /// End now.
    Stop,
    /// A publisher came back. The answer is whether it is taken: only where none is there.
    Attach {
        segments: mpsc::Receiver<SourceSegment>,
        answer: oneshot::Sender<bool>,
    },
}

/// What a task of the stream brings.
enum Done {
    /// An attempt is over.
    Attempt(AttemptId, Box<Report>),
    /// News of the search for orchestrators.
    Found(Box<Found>),
}

/// One stream.
pub(crate) struct Stream {
    node: Arc<Node>,
    setup: Setup,
    status: Arc<Status>,
    metrics: StreamMetrics,
    pool: Pool,
    rng: StdRng,
    /// What is offered, by who offers it. Bounded by `search::MAX_SESSIONS`.
    sessions: BTreeMap<Peer, Session>,
    suspensions: Suspensions,
    search: Search,
    /// The ladder, once known.
    ladder: Option<Arc<Vec<Profile>>>,
    /// Bounded by the pool: what it does not take is settled at once.
    in_hand: BTreeMap<SegmentKey, InHand>,
    next_key: u64,
    tasks: JoinSet<Done>,
    running: BTreeMap<AttemptId, Running>,
    /// Attempts by task, for those that panic.
    by_task: HashMap<tokio::task::Id, AttemptId>,
    /// Results the pool has not decided about.
    results: BTreeMap<AttemptId, Vec<Checked>>,
    /// This machine's engine knows the stream by this.
    local_session: SessionId,
    /// The look of the latest segment; hardware sessions start anew when it changes.
    look: Option<order::Look>,
    /// Who served the latest segment, so that a change is told once.
    path: Option<WorkPath>,
}

impl Stream {
    pub(crate) fn new(
        node: Arc<Node>,
        setup: Setup,
        status: Arc<Status>,
        metrics: StreamMetrics,
    ) -> Self {
        let settings = PoolSettings {
            max_failures: node.config.max_attempts,
            searches: node.uses_network(),
            searched_tier: node.tier(Fallback::Network),
        };
        let ladder = match &setup.ladder {
            Ladder::Auto => None,
            Ladder::Profiles(profiles) => Some(Arc::new(profiles.clone())),
        };
        let stream = Self {
            node,
            setup,
            status,
            metrics,
            pool: Pool::new(settings),
            rng: StdRng::from_os_rng(),
            sessions: BTreeMap::new(),
            suspensions: Suspensions::new(),
            search: Search::default(),
            ladder,
            in_hand: BTreeMap::new(),
            next_key: 0,
            tasks: JoinSet::new(),
            running: BTreeMap::new(),
            by_task: HashMap::new(),
            results: BTreeMap::new(),
            local_session: SessionId::from_random(rand::random()),
            look: None,
            path: None,
        };
        stream.show_ladder();
        stream
    }

    /// Runs the stream to its end.
    pub(crate) async fn run(mut self, mut source: Source, mut commands: mpsc::Receiver<Command>) {
        let node = self.node.clone();
        let shutdown = node.shutdown.clone();
        if !node.uses_network() {
            self.offer();
        }
        let mut quiet_since = node.clock.now();
        loop {
            self.perform().await;
            if self.is_over(&source) {
                break;
            }
            if !self.in_hand.is_empty() {
                quiet_since = node.clock.now();
            }
            let patience = self.quiet_until(&source, quiet_since);
            tokio::select! {
                incoming = source.next(&node.bytes), if source.is_open() => match incoming {
                    Some(incoming) => {
                        quiet_since = node.clock.now();
                        self.take(incoming).await;
                    }
                    None => {
                        quiet_since = node.clock.now();
                        self.publisher_left().await;
                    }
                },
                Some(done) = self.tasks.join_next_with_id() => self.finish(done),
                Some(command) = commands.recv() => {
                    if !self.obey(command, &mut source) {
                        break;
                    }
                }
                () = node.clock.sleep_until_any(self.pool.deadline()) => self.feed(Input::Tick),
                () = node.clock.sleep_until_any(patience) => source.give_up(),
                () = shutdown.draining(), if source.accepts_while_idle() => source.drain(),
                () = shutdown.stopped() => break,
            }
        }
        commands.close();
        self.end().await;
    }

    /// Nothing comes any more and nothing is in hand.
    fn is_over(&self, source: &Source) -> bool {
        source.is_given_up() && self.in_hand.is_empty()
    }

    /// When a silent stream is over.
    fn quiet_until(&self, source: &Source, since: Instant) -> Option<Instant> {
        if !self.in_hand.is_empty() || source.is_given_up() {
            return None;
        }
        match (self.status.door(), source.is_open()) {
            (Door::Push, true) => Some(since + self.node.config.push_idle),
            (Door::Rtmp, true) => None,
            (_, false) if self.node.shutdown.is_draining() => Some(since),
            (_, false) => Some(since + RESUME_GRACE),
        }
    }

    async fn publisher_left(&mut self) {
        tracing::info!(manifestID = %self.setup.manifest, "publisher left");
        self.node.library.end_stream(&self.setup.manifest).await;
    }

    /// `false` to end now.
    fn obey(&mut self, command: Command, source: &mut Source) -> bool {
        match command {
            Command::Swap => self.feed(Input::Swap),
            Command::Stop => return false,
            Command::Attach { segments, answer } => {
                let is_taken = source.attach(segments);
                // Whoever asked may have left; then the new source ends by itself.
                let _ = answer.send(is_taken);
            }
        }
        true
    }

    /// Tells the pool something.
    fn feed(&mut self, input: Input) {
        let now = self.node.clock.now();
        let mut record = self.node.record();
        self.pool.handle(now, input, &mut record, &mut self.rng);
    }

    /// Does what the pool asks for, and what that leads to.
    async fn perform(&mut self) {
        while let Some(action) = self.pool.poll() {
            match action {
                Action::Submit {
                    attempt,
                    segment,
                    peer,
                    purpose,
                } => {
                    self.submit(attempt, segment, peer, purpose);
                }
                Action::CallOff { attempt } => self.call_off(attempt),
                Action::Settle { segment, outcome } => self.settle(segment, outcome).await,
                Action::Search => self.begin_search(),
            }
        }
        self.results.clear();
    }

    fn finish(&mut self, done: Result<(tokio::task::Id, Done), tokio::task::JoinError>) {
        match done {
            Ok((id, Done::Attempt(attempt, report))) => {
                self.by_task.remove(&id);
                self.attempt_over(attempt, *report);
            }
            Ok((_, Done::Found(found))) => self.take_found(*found),
            Err(error) => {
                let attempt = self.by_task.remove(&error.id());
                if error.is_panic() {
                    tracing::error!(manifestID = %self.setup.manifest, %error, "a task panicked");
                    if let Some(attempt) = attempt {
                        self.running.remove(&attempt);
                        let end = AttemptEnd::Failed(streamflow_sessions::Failure::Broken);
                        self.feed(Input::Finished { attempt, end });
                    }
                }
            }
        }
    }

    /// Everything is given back and everybody is told.
    async fn end(mut self) {
        self.feed(Input::Abandon);
        self.perform().await;
        self.tasks.abort_all();
        self.node.library.end_stream(&self.setup.manifest).await;
        if let Some(local) = &self.node.local {
            local.end_session(&self.local_session).await;
        }
        let asker = &self.node.asker;
        let sessions = self.sessions.values().map(|session| asker.end(session));
        let told = futures_util::future::join_all(sessions);
        let _ = self.node.shutdown.unless_stopped(told).await;
        tracing::info!(manifestID = %self.setup.manifest, "stream ended");
    }

    fn show_ladder(&self) {
        let names = self.ladder.iter().flat_map(|ladder| ladder.iter());
        self.status
            .ladder(names.map(|profile| profile.name.clone()).collect());
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // After a panic the counts of attempts in flight must not stay behind.
        self.feed(Input::Abandon);
    }
}

/// Where the answer to a pushed segment goes.
type Reply = oneshot::Sender<Result<PushAnswer, PushError>>;
