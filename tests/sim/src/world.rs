//! The loop: virtual time, one gateway's streams, and the market they buy from.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use streamflow_sessions::suspend::Suspensions;
use streamflow_sessions::{
    Action, AttemptEnd, AttemptId, Failure, Input, Offer, Outcome, Peer, Pool, PoolSettings,
    Record, Segment, SegmentKey, Standing,
};

use crate::ledger::{Attempt, Ledger, Report, Violation, broken};
use crate::market::{Key, Later, Market, Reply};
use crate::plan::{DURATION, PATIENCE, Plan};

/// When a gateway stops waiting for an answer.
const SUBMIT_LIMIT: Duration = Duration::from_secs(8);

/// A peer without room names this.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Sessions wanted, and how many are asked in one round of discovery.
const WANTED: usize = 8;
const ASKED: usize = 32;

/// What a round of discovery takes.
const SEARCH_TIME: Duration = Duration::from_millis(60);

/// How long the second phase lasts, and after which time of it every stream must go on.
const LIVENESS: Duration = Duration::from_secs(60);
const GRACE: Duration = PATIENCE;

/// Runs a plan under a seed. `progress` is told how many segments came in so far.
pub fn run(seed: u64, plan: &Plan, progress: &mut dyn FnMut(u64)) -> Result<Report, Violation> {
    let mut world = World::new(seed, plan);
    world.open();
    while let Some(Reverse((now, _, event))) = world.queue.pop() {
        world.now = now;
        world.happen(event)?;
        world.ledger.note_health(now, world.market.healthy());
        if event == Event::Fault {
            progress(world.ledger.report.segments);
        }
    }
    world.close()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Segment {
        stream: usize,
    },
    Tick {
        stream: usize,
    },
    Market(Later),
    /// Nobody listens there.
    Refused {
        attempt: Key,
    },
    GivenUp {
        attempt: Key,
    },
    Found {
        stream: usize,
    },
    Fault,
    Heal,
}

struct Stream {
    pool: Pool,
    suspensions: Suspensions,
    sessions: BTreeSet<Peer>,
    asked: Vec<Peer>,
    skips: BTreeMap<Peer, Duration>,
    ticks_at: Option<Duration>,
    served_at: Option<Duration>,
}

struct World {
    start: Instant,
    now: Duration,
    plan: Plan,
    rng: StdRng,
    record: Record,
    market: Market,
    streams: Vec<Stream>,
    ledger: Ledger,
    queue: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    events: u64,
    next_key: u64,
}

impl World {
    fn new(seed: u64, plan: &Plan) -> Self {
        let stream = |_| Stream {
            pool: Pool::new(PoolSettings::default()),
            suspensions: Suspensions::new(),
            sessions: BTreeSet::new(),
            asked: Vec::new(),
            skips: BTreeMap::new(),
            ticks_at: None,
            served_at: None,
        };
        Self {
            // Only differences of moments count.
            start: Instant::now(),
            now: Duration::ZERO,
            plan: *plan,
            rng: StdRng::seed_from_u64(seed),
            record: Record::new(),
            market: Market::new(seed, plan.orchestrators as usize, plan.transcoders as usize),
            streams: (0..plan.streams).map(stream).collect(),
            ledger: Ledger::default(),
            queue: BinaryHeap::new(),
            events: 0,
            next_key: 0,
        }
    }

    fn open(&mut self) {
        self.list();
        let number = self.streams.len();
        for stream in 0..number {
            self.search(stream);
            let first = DURATION.mul_f64(stream as f64 / number as f64);
            self.at(first, Event::Segment { stream });
        }
        self.at(self.plan.length(), Event::Heal);
        self.at(Duration::from_secs(5), Event::Fault);
    }

    fn close(mut self) -> Result<Report, Violation> {
        for stream in 0..self.streams.len() {
            self.feed(stream, Input::Abandon, None)?;
        }
        self.ledger.close(self.now)?;
        self.ledger.report.faults = self.market.faults;
        self.ledger.report.length = self.now;
        Ok(self.ledger.report)
    }

    fn at(&mut self, time: Duration, event: Event) {
        self.events += 1;
        self.queue.push(Reverse((time, self.events, event)));
    }

    fn end(&self) -> Duration {
        self.plan.length() + LIVENESS
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Segment { stream } => self.segment(stream),
            Event::Tick { stream } => {
                if let Some(stream) = self.streams.get_mut(stream) {
                    stream.ticks_at = None;
                }
                self.feed(stream, Input::Tick, None)
            }
            Event::Market(Later::Answer {
                node,
                key,
                serial,
                reply,
            }) => match self.market.answer(node, key, serial, reply) {
                Some(reply) => self.finish(key, reply),
                None => Ok(()),
            },
            Event::Market(Later::Heal { node, worker }) => {
                if self.market.heal(self.now, node, worker) {
                    self.list();
                }
                self.collect();
                Ok(())
            }
            Event::Refused { attempt } | Event::GivenUp { attempt } => {
                self.finish(attempt, Reply::Broken)
            }
            Event::Found { stream } => self.found(stream),
            Event::Fault if self.now < self.plan.length() => {
                self.market.fault(self.now);
                self.collect();
                let gap = Duration::from_millis(self.plan.fault_gap_ms);
                let gap = self.market.exponential(gap);
                self.at(self.now + gap, Event::Fault);
                Ok(())
            }
            Event::Fault => Ok(()),
            Event::Heal => {
                self.market.heal_core(self.now);
                self.collect();
                Ok(())
            }
        }
    }

    fn segment(&mut self, stream: usize) -> Result<(), Violation> {
        if self.now > self.plan.length() + GRACE {
            let served_at = self.streams.get(stream).and_then(|stream| stream.served_at);
            if served_at.is_none_or(|at| at + GRACE < self.now) {
                let what = format!("stream {stream} stands still though a node is healed");
                return broken(self.now, what);
            }
        }
        if self.now >= self.end() {
            return Ok(());
        }
        self.next_key += 1;
        let key = (stream, self.next_key);
        self.ledger.offered(self.now, key);
        self.at(self.now + DURATION, Event::Segment { stream });
        let segment = Segment {
            key: SegmentKey(key.1),
            duration: DURATION,
            patience: PATIENCE,
            sound: true,
        };
        self.feed(stream, Input::Segment(segment), None)
    }

    fn finish(&mut self, id: Key, reply: Reply) -> Result<(), Violation> {
        let end = match reply {
            Reply::Done => AttemptEnd::Done,
            Reply::Broken => AttemptEnd::Failed(Failure::Broken),
            Reply::Fraud => AttemptEnd::Failed(Failure::Fraud),
            Reply::Busy => AttemptEnd::Failed(Failure::Busy {
                retry_after: RETRY_AFTER,
            }),
        };
        let Some(attempt) = self.ledger.ended(id, Some(&end)) else {
            return Ok(());
        };
        if let Some(node) = attempt.node {
            self.market.call_off(node, id);
        }
        if let Some(stream) = self.streams.get_mut(id.0) {
            match reply {
                Reply::Broken | Reply::Fraud => {
                    let penalty = Suspensions::penalty(stream.sessions.len(), WANTED);
                    stream.suspensions.suspend(&attempt.peer, penalty);
                }
                Reply::Busy => {
                    let until = self.now + RETRY_AFTER;
                    stream.skips.insert(attempt.peer.clone(), until);
                }
                Reply::Done => {}
            }
        }
        let input = Input::Finished {
            attempt: AttemptId(id.1),
            end,
        };
        self.feed(id.0, input, Some(attempt))
    }

    /// Hands something to a stream's pool, does what it says, and checks every promise.
    fn feed(
        &mut self,
        index: usize,
        input: Input,
        ended: Option<Attempt>,
    ) -> Result<(), Violation> {
        let moment = self.start + self.now;
        let standings = self.standings(index);
        let Some(stream) = self.streams.get_mut(index) else {
            return Ok(());
        };
        stream
            .pool
            .handle(moment, input, &mut self.record, &mut self.rng);
        while let Some(action) = self.streams.get_mut(index).and_then(|s| s.pool.poll()) {
            self.act(index, action, &standings, ended.as_ref())?;
        }
        self.collect();
        self.schedule_tick(index);
        let in_hand = self
            .streams
            .get(index)
            .map_or(0, |stream| stream.pool.in_flight());
        let record = &self.record;
        self.ledger.check(self.now, index, in_hand, |peer| {
            record
                .view(moment, peer)
                .map_or(0, |view| view.in_flight as usize)
        })
    }

    fn act(
        &mut self,
        index: usize,
        action: Action,
        before: &BTreeMap<Peer, Standing>,
        ended: Option<&Attempt>,
    ) -> Result<(), Violation> {
        match action {
            Action::Submit {
                attempt,
                segment,
                peer,
                purpose,
            } => {
                let passed_over = self.passed_over(index, &peer, before)?;
                let id = (index, attempt.0);
                let node = self.market.node_of(&peer);
                let attempt = Attempt {
                    segment: (index, segment.0),
                    peer,
                    node,
                    purpose,
                };
                let others = passed_over.as_deref();
                self.ledger.submitted(self.now, id, attempt, others)?;
                self.at(self.now + SUBMIT_LIMIT, Event::GivenUp { attempt: id });
                match node {
                    Some(node) => self.market.submit(self.now, node, id),
                    None => {
                        let at = self.now + Duration::from_millis(2);
                        self.at(at, Event::Refused { attempt: id });
                    }
                }
            }
            Action::CallOff { attempt } => {
                let id = (index, attempt.0);
                let Some(attempt) = self.ledger.ended(id, None) else {
                    return broken(self.now, format!("attempt {id:?} is called off twice"));
                };
                if let Some(node) = attempt.node {
                    self.market.call_off(node, id);
                }
            }
            Action::Settle { segment, outcome } => {
                let key = (index, segment.0);
                self.ledger.settled(self.now, key, &outcome, ended)?;
                let stream = self.streams.get_mut(index);
                if let (Some(stream), Outcome::Delivered { .. }) = (stream, &outcome) {
                    stream.served_at = Some(self.now);
                }
            }
            Action::Search => self.search(index),
        }
        Ok(())
    }

    /// Checks that a peer may be asked at all. For one that sits out, who could be asked instead.
    fn passed_over(
        &self,
        index: usize,
        peer: &Peer,
        before: &BTreeMap<Peer, Standing>,
    ) -> Result<Option<Vec<Peer>>, Violation> {
        let moment = self.start + self.now;
        let standing = self.record.standing(moment, peer);
        if matches!(standing, Standing::Ejected { fraud: true, .. }) {
            return broken(self.now, format!("{peer} cheated and is asked again"));
        }
        let Some(stream) = self.streams.get(index) else {
            return Ok(None);
        };
        let skipped = |peer: &Peer| stream.skips.get(peer).is_some_and(|at| *at > self.now);
        if skipped(peer) {
            return broken(self.now, format!("{peer} has no room and is asked at once"));
        }
        if !stream.sessions.contains(peer) {
            return broken(self.now, format!("{peer} never offered anything"));
        }
        // A standing may change within a step: only one that was the same all along counts.
        let good = |peer: &Peer| {
            self.record.standing(moment, peer) == Standing::Good
                && before.get(peer) == Some(&Standing::Good)
        };
        let sat_out = |peer: &Peer| before.get(peer).is_some_and(|s| *s != Standing::Good);
        if standing == Standing::Good || !sat_out(peer) {
            return Ok(None);
        }
        let others = stream
            .sessions
            .iter()
            .filter(|other| good(other) && !skipped(other));
        Ok(Some(others.cloned().collect()))
    }

    fn standings(&self, index: usize) -> BTreeMap<Peer, Standing> {
        let sessions = self.streams.get(index).map(|stream| &stream.sessions);
        let sessions = sessions.into_iter().flatten();
        let moment = self.start + self.now;
        sessions
            .map(|peer| (peer.clone(), self.record.standing(moment, peer)))
            .collect()
    }

    /// A round of discovery, as a gateway makes it.
    fn search(&mut self, index: usize) {
        self.ledger.report.searches += 1;
        let moment = self.start + self.now;
        let Some(stream) = self.streams.get_mut(index) else {
            return;
        };
        stream.suspensions.next_round();
        let listed: BTreeSet<Peer> = self.market.peers().cloned().collect();
        let with_us = |peer: &Peer| {
            let standing = self.record.standing(moment, peer);
            stream.sessions.contains(peer) && !matches!(standing, Standing::Ejected { .. })
        };
        let mut others: Vec<Peer> = listed.into_iter().filter(|peer| !with_us(peer)).collect();
        others.shuffle(&mut self.rng);
        others.sort_by_key(|peer| stream.suspensions.left(peer));
        others.truncate(ASKED);
        stream.asked = others;
        self.at(self.now + SEARCH_TIME, Event::Found { stream: index });
    }

    fn found(&mut self, index: usize) -> Result<(), Violation> {
        let known = self.market.peers().count();
        let Some(stream) = self.streams.get_mut(index) else {
            return Ok(());
        };
        let asked = std::mem::take(&mut stream.asked);
        let market = &self.market;
        stream
            .sessions
            .extend(asked.into_iter().filter(|peer| market.offers(peer)));
        let offers = stream.sessions.iter().map(|peer| Offer {
            peer: peer.clone(),
            tier: 0,
            domain: market.node_of(peer).map_or(u64::MAX, |node| node as u64),
            weight: 1.0,
        });
        let offers = offers.collect();
        self.feed(index, Input::Offers { offers, known }, None)
    }

    /// Who there is, told to the gateway's record.
    fn list(&mut self) {
        self.record.list(self.start + self.now, self.market.peers());
    }

    fn collect(&mut self) {
        for (time, later) in self.market.take_later() {
            self.at(time, Event::Market(later));
        }
    }

    fn schedule_tick(&mut self, index: usize) {
        let (start, now, end) = (self.start, self.now, self.end() + PATIENCE);
        let Some(stream) = self.streams.get_mut(index) else {
            return;
        };
        let due = stream
            .pool
            .deadline()
            .map(|due| due.saturating_duration_since(start));
        // Behind the end, a pool without segments would only look for more peers, for ever.
        let Some(due) = due.filter(|due| *due <= end) else {
            return;
        };
        let due = due.max(now);
        if stream.ticks_at.is_none_or(|at| due < at) {
            stream.ticks_at = Some(due);
            self.at(due, Event::Tick { stream: index });
        }
    }
}
