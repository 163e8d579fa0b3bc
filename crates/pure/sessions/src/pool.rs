//! Which orchestrator takes the next segment of one stream, when another one is asked too, and when
//! a segment is given up.
//!
//! A stream stays with the peer that served it last. An attempt that takes longer than usual is
//! hedged at another peer, one that fails is retried there at once; the first result counts and the
//! others are called off. Peers come in tiers: a later tier is only asked when nobody of an earlier
//! one is left for this segment, or from the second hedge on.
//!
//! Invariants: every segment taken in ends in exactly one outcome, at its deadline at the latest;
//! a segment is delivered at most once; segments and attempts in hand are bounded.

mod choice;
mod flight;
mod settle;
mod types;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rand::RngCore;

use crate::record::{Extra, Peer, Record, Standing};
use flight::{Attempt, Flight};

pub use types::{
    Action, AttemptEnd, AttemptId, Failure, GaveUp, Input, Offer, Outcome, PoolSettings, Purpose,
    Segment, SegmentKey,
};

/// Segments of one stream in hand. A stream two deadlines behind has nothing to gain from more.
pub const MAX_SEGMENTS: usize = 16;

/// Segments of one stream at one peer, as many as a peer queues for a session.
const MAX_PER_PEER: usize = 4;

/// Attempts for one segment, whatever its time allows.
const MAX_ATTEMPTS: usize = 24;

/// Probes that outlive their segment.
const MAX_PROBES: usize = 8;

/// A hedge or retry that was not possible is looked at again after this.
const RECHECK: Duration = Duration::from_millis(100);

/// After all peers failed a segment they are asked again after this, then twice as long each time.
const FIRST_ROUND_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_ROUND_PAUSE: Duration = Duration::from_millis(800);

/// How long a peer that cannot serve this stream is left alone.
const UNUSABLE_PAUSE: Duration = Duration::from_secs(30);

/// Between two searches for more peers, doubling while they find nothing new.
const FIRST_SEARCH_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_SEARCH_PAUSE: Duration = Duration::from_secs(30);

/// Between two searches while a segment waits that nobody known could have too.
const STARVED_SEARCH_PAUSE: Duration = Duration::from_secs(4);

/// Good peers wanted, and those below which a search begins.
const WANTED: usize = 8;

/// The decisions of one stream. The driver calls [`handle`](Self::handle), then performs what
/// [`poll`](Self::poll) gives until it gives nothing, then waits for [`deadline`](Self::deadline).
#[derive(Debug)]
pub struct Pool {
    settings: PoolSettings,
    offers: Option<Vec<Offer>>,
    known: usize,
    flights: BTreeMap<SegmentKey, Flight>,
    probes: BTreeMap<AttemptId, Probe>,
    /// The peer that served the stream last, in the first tier that has any.
    sticky: Option<Peer>,
    /// Left for another one with the next segment, by the operator.
    avoided: Option<Peer>,
    skips: BTreeMap<Peer, Instant>,
    actions: VecDeque<Action>,
    next_attempt: u64,
    search_at: Option<Instant>,
    search_pause: Duration,
    ended: bool,
}

/// A probe whose segment is over.
#[derive(Clone, Debug)]
struct Probe {
    peer: Peer,
    started: Instant,
    duration: Duration,
}

impl Pool {
    /// No peers and no segments yet.
    pub fn new(settings: PoolSettings) -> Self {
        Self {
            settings,
            offers: None,
            known: 0,
            flights: BTreeMap::new(),
            probes: BTreeMap::new(),
            sticky: None,
            avoided: None,
            skips: BTreeMap::new(),
            actions: VecDeque::new(),
            next_attempt: 0,
            search_at: None,
            search_pause: FIRST_SEARCH_PAUSE,
            ended: false,
        }
    }

    /// Takes in what happened. Never blocks, never fails: bad news is an input too.
    pub fn handle(
        &mut self,
        now: Instant,
        input: Input,
        record: &mut Record,
        rng: &mut dyn RngCore,
    ) {
        match input {
            Input::Offers { offers, known } => self.take_offers(offers, known),
            Input::Segment(segment) => self.take_segment(now, segment, record),
            Input::Finished { attempt, end } => self.finish(now, attempt, end, record, rng),
            Input::Swap => self.avoided = self.sticky.take(),
            Input::Ended => self.ended = true,
            Input::Abandon => self.abandon(record),
            Input::Tick => {}
        }
        self.skips.retain(|_, until| *until > now);
        let keys: Vec<SegmentKey> = self.flights.keys().copied().collect();
        for key in keys {
            self.advance(now, key, record, rng);
        }
        self.search(now, record);
    }

    /// What to do next. Call until `None` after each `handle`.
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call `handle` with [`Input::Tick`] if nothing else happens.
    pub fn deadline(&self) -> Option<Instant> {
        let flights = self.flights.values().map(|flight| flight.next_event());
        let search = self.search_at.filter(|_| !self.ended);
        flights.chain(search).min()
    }

    /// Whether the stream has ended and nothing is in hand any more.
    pub fn is_done(&self) -> bool {
        self.ended && self.flights.is_empty() && self.actions.is_empty()
    }

    /// The peer the next segment goes to if nothing speaks against it.
    pub fn current(&self) -> Option<&Peer> {
        self.sticky.as_ref()
    }

    /// Segments in hand.
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    fn take_offers(&mut self, offers: Vec<Offer>, known: usize) {
        let old = self.offers.take().unwrap_or_default();
        let is_new = |offer: &&Offer| !old.iter().any(|other| other.peer == offer.peer);
        if offers.iter().any(|offer| is_new(&offer)) {
            self.search_pause = FIRST_SEARCH_PAUSE;
        }
        self.known = known;
        self.offers = Some(offers);
        for flight in self.flights.values_mut() {
            // Whoever is new need not wait for the next round.
            flight.retry_at = None;
        }
    }

    fn take_segment(&mut self, now: Instant, segment: Segment, record: &mut Record) {
        if self.flights.len() >= MAX_SEGMENTS || self.flights.contains_key(&segment.key) {
            let outcome = Outcome::GaveUp(GaveUp::TooMany);
            self.actions.push_back(Action::Settle {
                segment: segment.key,
                outcome,
            });
            return;
        }
        record.segment_came(now);
        self.flights.insert(segment.key, Flight::new(now, segment));
    }

    /// Does for a segment what time and news ask for.
    fn advance(
        &mut self,
        now: Instant,
        key: SegmentKey,
        record: &mut Record,
        rng: &mut dyn RngCore,
    ) {
        let Some(flight) = self.flights.get(&key) else {
            return;
        };
        if now >= flight.deadline {
            self.give_up(now, key, GaveUp::Deadline, record, rng);
        } else if flight.is_idle() {
            self.begin_attempt(now, key, record, rng);
        } else if flight.hedge_at <= now {
            self.hedge(now, key, record, rng);
        }
    }

    /// The first attempt, or the next one after all others failed.
    fn begin_attempt(
        &mut self,
        now: Instant,
        key: SegmentKey,
        record: &mut Record,
        rng: &mut dyn RngCore,
    ) {
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        if flight.retry_at.is_some_and(|at| now < at) {
            return;
        }
        let is_first = flight.begun == 0;
        if !is_first && flight.counted > 0 && !record.allows(now, Extra::Retry, flight.hedged) {
            flight.retry_at = Some(now + RECHECK);
            return;
        }
        match self.choose(now, key, is_first, record, rng) {
            Some(peer) if is_first => {
                self.probe_beside(now, key, &peer, record);
                self.submit(now, key, peer, Purpose::First, record);
            }
            Some(peer) => {
                record.spend(now);
                self.submit(now, key, peer, Purpose::Retry, record);
            }
            None => self.wait_or_give_up(now, key, record, rng),
        }
    }

    fn wait_or_give_up(
        &mut self,
        now: Instant,
        key: SegmentKey,
        record: &mut Record,
        rng: &mut dyn RngCore,
    ) {
        let nobody = self.offers.as_ref().is_some_and(|offers| {
            let usable = |offer: &Offer| {
                let standing = record.standing(now, &offer.peer);
                !matches!(standing, Standing::Ejected { fraud: true, .. })
            };
            !offers.iter().any(usable)
        });
        if nobody {
            self.give_up(now, key, GaveUp::NoOrchestrators, record, rng);
            return;
        }
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        if flight.is_exhausted(&self.settings) {
            let reason = flight
                .last_failure
                .clone()
                .map_or(GaveUp::Deadline, GaveUp::Failed);
            self.give_up(now, key, reason, record, rng);
            return;
        }
        flight.next_round(now);
    }

    /// A second attempt beside a running one.
    fn hedge(&mut self, now: Instant, key: SegmentKey, record: &mut Record, rng: &mut dyn RngCore) {
        let Some(flight) = self.flights.get(&key) else {
            return;
        };
        let allowed = flight.begun < MAX_ATTEMPTS
            && record.allows(now, Extra::Hedge, flight.hedged)
            && !flight.is_exhausted(&self.settings);
        let peer = if allowed {
            self.choose_hedge(now, key, record, rng)
                .or_else(|| self.choose_hedge_again(now, key, record, rng))
        } else {
            None
        };
        let Some(peer) = peer else {
            if let Some(flight) = self.flights.get_mut(&key) {
                flight.starved = true;
                flight.hedge_at = now + RECHECK;
            }
            return;
        };
        record.spend(now);
        self.submit(now, key, peer, Purpose::Hedge, record);
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        if !std::mem::replace(&mut flight.hedged, true) {
            record.segment_hedged();
        }
        flight.next_hedge_step(now);
    }

    /// Lets a peer on probation prove itself beside the attempt that counts.
    fn probe_beside(&mut self, now: Instant, key: SegmentKey, beside: &Peer, record: &mut Record) {
        if self.probes.len() >= MAX_PROBES
            || !record.has_ejections()
            || !record.allows(now, Extra::Hedge, false)
        {
            return;
        }
        let offers = self.offers.iter().flatten();
        let probe = offers.map(|offer| &offer.peer).find(|peer| {
            *peer != beside
                && record.standing(now, peer) == Standing::Probation
                && !record.is_probing(peer)
                && !self.skips.contains_key(*peer)
        });
        if let Some(peer) = probe.cloned() {
            record.spend(now);
            self.submit(now, key, peer, Purpose::Probe, record);
        }
    }

    fn submit(
        &mut self,
        now: Instant,
        key: SegmentKey,
        peer: Peer,
        purpose: Purpose,
        record: &mut Record,
    ) {
        let id = AttemptId(self.next_attempt);
        self.next_attempt += 1;
        let probing = record.standing(now, &peer) == Standing::Probation;
        record.started(&peer, probing);
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        let patience = record.patience(&peer, flight.duration);
        flight.begin(
            now,
            Attempt {
                id,
                peer: peer.clone(),
                started: now,
                purpose,
            },
            patience,
        );
        self.actions.push_back(Action::Submit {
            attempt: id,
            segment: key,
            peer,
            purpose,
        });
    }

    fn finish(
        &mut self,
        now: Instant,
        id: AttemptId,
        end: AttemptEnd,
        record: &mut Record,
        rng: &mut dyn RngCore,
    ) {
        if let Some(probe) = self.probes.remove(&id) {
            self.settle_probe(now, &probe, end, record, rng);
            return;
        }
        let found = self.flights.iter_mut().find_map(|(key, flight)| {
            flight
                .take(id)
                .map(|attempt| (*key, attempt, flight.duration))
        });
        // Called off meanwhile: it was counted then.
        let Some((key, attempt, duration)) = found else {
            return;
        };
        match end {
            AttemptEnd::Done => {
                let took = now.saturating_duration_since(attempt.started);
                record.succeeded(&attempt.peer, took, duration);
                self.deliver(now, key, &attempt, record, rng);
            }
            AttemptEnd::Failed(failure) => {
                self.take_failure(now, key, &attempt, failure, record, rng);
            }
        }
    }

    /// Asks for more peers when few are left.
    fn search(&mut self, now: Instant, record: &Record) {
        if !self.settings.searches || self.ended {
            return;
        }
        let Some(offers) = &self.offers else { return };
        let good = offers.iter().filter(|offer| {
            offer.tier == self.settings.searched_tier
                && record.standing(now, &offer.peer) == Standing::Good
                && !self.skips.contains_key(&offer.peer)
        });
        let wanted = self.known.min(WANTED).div_ceil(2).max(1);
        // Standing alone does not show that nobody does the work: the last few are never ejected.
        let is_starved = self.flights.values().any(|flight| flight.starved);
        // Counting on would ask about thousands to learn nothing more.
        if good.take(wanted).count() >= wanted && !is_starved {
            self.search_at = None;
            return;
        }
        let longest = if is_starved {
            STARVED_SEARCH_PAUSE
        } else {
            LONGEST_SEARCH_PAUSE
        };
        match self.search_at {
            None => self.search_at = Some(now + self.search_pause.min(longest)),
            Some(at) if at <= now => {
                self.actions.push_back(Action::Search);
                self.search_pause = (self.search_pause * 2).min(LONGEST_SEARCH_PAUSE);
                self.search_at = Some(now + self.search_pause.min(longest));
            }
            Some(at) if at > now + longest => self.search_at = Some(now + longest),
            Some(_) => {}
        }
    }
}
