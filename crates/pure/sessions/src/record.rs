//! What a gateway remembers of orchestrators, over all its streams: how fast they were, how often
//! they failed, who is ejected, and how many extra attempts were made lately.
//!
//! Invariants: an ejection ends by time; unless for fraud, ejections leave at least two peers and
//! half of all listed ones; hedges and retries stay within their budget.

mod budget;
mod latency;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::{Rng, RngCore};

use budget::Budget;
use latency::Latency;

pub(crate) use budget::Extra;

/// Peers remembered. Discovery never lists as many; those no list names are forgotten first.
pub const MAX_PEERS: usize = 4_096;

/// Failures in a row that eject.
const FAILURES_TO_EJECT: u32 = 3;

/// First ejection; each further one is twice as long.
const FIRST_EJECTION: Duration = Duration::from_secs(5);

/// Longest ejection that is not for fraud.
const LONGEST_EJECTION: Duration = Duration::from_secs(300);

/// Ejection for fraud.
const FRAUD_EJECTION: Duration = Duration::from_secs(24 * 3600);

/// Successes in a row after which earlier ejections are forgiven.
const SUCCESSES_TO_FORGIVE: u32 = 16;

/// How much chance moves the end of an ejection, as a share.
const JITTER: f64 = 0.25;

/// Never ejected below this many.
const FEWEST_LEFT: usize = 2;

/// Weight of the latest attempt in the smoothed share of failures.
const ERROR_WEIGHT: f64 = 0.1;

/// What a peer that always fails costs, in the unit of scores.
const ERROR_COST: f64 = 10.0;

/// How much each segment in flight adds to the cost of a peer, as a share.
const LOAD_COST: f64 = 0.1;

/// What is assumed of a peer never tried: a little better than real time by half.
const UNKNOWN_SCORE: f64 = 0.4;

/// An orchestrator by its service address. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer(Arc<str>);

impl Peer {
    /// From its address.
    pub fn new(address: &str) -> Self {
        Self(address.into())
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a peer may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Like any other.
    Good,
    /// Its ejection is over; it has to prove itself beside somebody else's attempt.
    Probation,
    /// Not before this.
    Ejected {
        /// The end of it.
        until: Instant,
        /// It cheated: not even when nobody else is left.
        fraud: bool,
    },
}

/// What is known of a peer, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerView {
    /// Whether it may be chosen.
    pub standing: Standing,
    /// Smoothed time over duration; `None` before the first success.
    pub score: Option<f64>,
    /// Smoothed time of an attempt.
    pub took: Option<Duration>,
    /// Smoothed share of attempts that failed.
    pub errors: f64,
    /// Attempts running.
    pub in_flight: u32,
    /// Attempts ever.
    pub attempts: u64,
}

/// What a gateway remembers of orchestrators.
#[derive(Clone, Debug, Default)]
pub struct Record {
    peers: BTreeMap<Peer, Memory>,
    budget: Budget,
    segments: u32,
    hedged: u32,
}

#[derive(Clone, Debug, Default)]
struct Memory {
    listed: bool,
    latency: Latency,
    errors: f64,
    failures: u32,
    successes: u32,
    in_flight: u32,
    attempts: u64,
    strikes: u32,
    ejection: Option<Ejection>,
}

#[derive(Clone, Copy, Debug)]
struct Ejection {
    until: Instant,
    fraud: bool,
    probing: bool,
}

impl Record {
    /// Nobody is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Who there is now. Of others only what is running or punished is remembered.
    pub fn list<'a>(&mut self, now: Instant, peers: impl IntoIterator<Item = &'a Peer>) {
        for memory in self.peers.values_mut() {
            memory.listed = false;
        }
        for peer in peers {
            if let Some(memory) = self.memory(peer) {
                memory.listed = true;
            }
        }
        self.peers.retain(|_, memory| {
            let punished = memory.ejection.is_some_and(|ejection| ejection.until > now);
            memory.listed || memory.in_flight > 0 || punished
        });
    }

    /// Whether a peer may be chosen.
    pub fn standing(&self, now: Instant, peer: &Peer) -> Standing {
        self.peers
            .get(peer)
            .map_or(Standing::Good, |memory| memory.standing(now))
    }

    /// What is known of a peer.
    pub fn view(&self, now: Instant, peer: &Peer) -> Option<PeerView> {
        let memory = self.peers.get(peer)?;
        Some(PeerView {
            standing: memory.standing(now),
            score: memory.latency.score(),
            took: memory.latency.took(),
            errors: memory.errors,
            in_flight: memory.in_flight,
            attempts: memory.attempts,
        })
    }

    /// Whether anybody sits out, or has to prove itself.
    pub(crate) fn has_ejections(&self) -> bool {
        self.peers.values().any(|memory| memory.ejection.is_some())
    }

    /// Ends an ejection before its time, as an operator may.
    pub fn pardon(&mut self, peer: &Peer) {
        if let Some(memory) = self.peers.get_mut(peer) {
            memory.ejection = None;
            memory.failures = 0;
            memory.strikes = 0;
        }
    }

    /// Smoothed score; 0 before the first success, as the rules of the network want it.
    pub(crate) fn score(&self, peer: &Peer) -> f64 {
        let score = self
            .peers
            .get(peer)
            .and_then(|memory| memory.latency.score());
        score.map_or(0.0, |score| score.max(f64::MIN_POSITIVE))
    }

    /// What choosing a peer costs, in no unit: lower is better.
    pub(crate) fn cost(&self, peer: &Peer) -> f64 {
        let Some(memory) = self.peers.get(peer) else {
            return UNKNOWN_SCORE;
        };
        let score = memory.latency.score().unwrap_or(UNKNOWN_SCORE);
        let loaded = score * (1.0 + LOAD_COST * f64::from(memory.in_flight));
        loaded + ERROR_COST * memory.errors * memory.errors
    }

    /// How long an attempt of a peer may take before another one is started beside it.
    pub(crate) fn patience(&self, peer: &Peer, duration: Duration) -> Option<Duration> {
        self.peers.get(peer)?.latency.p97(duration)
    }

    /// A source segment came in.
    pub(crate) fn segment_came(&mut self, now: Instant) {
        self.segments = self.segments.saturating_add(1);
        self.budget.segment(now);
    }

    /// A segment was hedged for the first time.
    pub(crate) fn segment_hedged(&mut self) {
        self.hedged = self.hedged.saturating_add(1);
    }

    /// A segment is over.
    pub(crate) fn segment_left(&mut self, was_hedged: bool) {
        self.segments = self.segments.saturating_sub(1);
        self.hedged = self.hedged.saturating_sub(u32::from(was_hedged));
    }

    /// Whether one more attempt of this kind is within the budget.
    pub(crate) fn allows(&self, now: Instant, extra: Extra, already_hedged: bool) -> bool {
        let others = self.hedged.saturating_sub(u32::from(already_hedged));
        self.budget.allows(now, extra)
            && (extra != Extra::Hedge || budget::is_stable(self.segments, others))
    }

    /// An attempt beyond the first was made.
    pub(crate) fn spend(&mut self, now: Instant) {
        self.budget.spend(now);
    }

    /// An attempt began.
    pub(crate) fn started(&mut self, peer: &Peer, probe: bool) {
        if let Some(memory) = self.memory(peer) {
            memory.in_flight = memory.in_flight.saturating_add(1);
            memory.attempts = memory.attempts.saturating_add(1);
            if let Some(ejection) = memory.ejection.as_mut().filter(|_| probe) {
                ejection.probing = true;
            }
        }
    }

    /// An attempt brought what was asked for.
    pub(crate) fn succeeded(&mut self, peer: &Peer, took: Duration, duration: Duration) {
        let Some(memory) = self.peers.get_mut(peer) else {
            return;
        };
        memory.in_flight = memory.in_flight.saturating_sub(1);
        memory.latency.add(took, duration);
        memory.errors -= ERROR_WEIGHT * memory.errors;
        memory.failures = 0;
        memory.successes = memory.successes.saturating_add(1);
        if memory.successes >= SUCCESSES_TO_FORGIVE {
            memory.strikes = 0;
        }
        if memory.ejection.is_some_and(|ejection| !ejection.fraud) {
            memory.ejection = None;
        }
    }

    /// An attempt failed. Three in a row eject.
    pub(crate) fn failed(&mut self, now: Instant, peer: &Peer, rng: &mut dyn RngCore) {
        let Some(memory) = self.peers.get_mut(peer) else {
            return;
        };
        memory.in_flight = memory.in_flight.saturating_sub(1);
        self.count_failure(now, peer, rng);
    }

    /// An attempt was called off because somebody else was done first. One that began later and
    /// was done earlier shows a peer that hangs: that counts as a failure.
    pub(crate) fn overtaken(
        &mut self,
        now: Instant,
        peer: &Peer,
        elapsed: Duration,
        duration: Duration,
        rng: &mut dyn RngCore,
    ) {
        let Some(memory) = self.peers.get_mut(peer) else {
            return;
        };
        memory.in_flight = memory.in_flight.saturating_sub(1);
        // At least as slow as this; leaving it out would make slow peers look fast.
        memory.latency.add(elapsed, duration);
        self.count_failure(now, peer, rng);
    }

    /// An attempt ended without saying anything about the peer.
    pub(crate) fn called_off(&mut self, peer: &Peer) {
        if let Some(memory) = self.peers.get_mut(peer) {
            memory.in_flight = memory.in_flight.saturating_sub(1);
            if let Some(ejection) = memory.ejection.as_mut() {
                ejection.probing = false;
            }
        }
    }

    /// The peer cheated.
    pub(crate) fn cheated(&mut self, now: Instant, peer: &Peer) {
        let Some(memory) = self.peers.get_mut(peer) else {
            return;
        };
        memory.in_flight = memory.in_flight.saturating_sub(1);
        let until = now + FRAUD_EJECTION;
        memory.ejection = Some(Ejection {
            until,
            fraud: true,
            probing: false,
        });
    }

    fn count_failure(&mut self, now: Instant, peer: &Peer, rng: &mut dyn RngCore) {
        let may_eject = self.may_eject(now, peer);
        let Some(memory) = self.peers.get_mut(peer) else {
            return;
        };
        memory.errors += ERROR_WEIGHT * (1.0 - memory.errors);
        memory.successes = 0;
        memory.failures = memory.failures.saturating_add(1);
        if memory
            .ejection
            .is_some_and(|ejection| ejection.fraud && now < ejection.until)
        {
            return;
        }
        let on_probation = memory.ejection.is_some_and(|ejection| !ejection.fraud);
        if on_probation || (memory.failures >= FAILURES_TO_EJECT && may_eject) {
            let length = FIRST_EJECTION.saturating_mul(1 << memory.strikes.min(16));
            let length = length.min(LONGEST_EJECTION);
            let jittered = length.mul_f64(rng.random_range(1.0 - JITTER..=1.0 + JITTER));
            let until = now + jittered.min(LONGEST_EJECTION);
            memory.ejection = Some(Ejection {
                until,
                fraud: false,
                probing: false,
            });
            memory.strikes = memory.strikes.saturating_add(1);
            memory.failures = 0;
        }
    }

    /// Whether enough others would be left.
    fn may_eject(&self, now: Instant, peer: &Peer) -> bool {
        let listed = || self.peers.iter().filter(|(_, memory)| memory.listed);
        let total = listed().count();
        let left = listed()
            .filter(|(other, memory)| *other != peer && memory.standing(now) == Standing::Good)
            .count();
        left >= total.div_ceil(2).max(FEWEST_LEFT)
    }

    /// Whether a peer on probation is being tried already.
    pub(crate) fn is_probing(&self, peer: &Peer) -> bool {
        let ejection = self.peers.get(peer).and_then(|memory| memory.ejection);
        ejection.is_some_and(|ejection| ejection.probing)
    }

    fn memory(&mut self, peer: &Peer) -> Option<&mut Memory> {
        if self.peers.len() >= MAX_PEERS && !self.peers.contains_key(peer) {
            return None;
        }
        Some(self.peers.entry(peer.clone()).or_default())
    }
}

impl Memory {
    fn standing(&self, now: Instant) -> Standing {
        match self.ejection {
            None => Standing::Good,
            Some(Ejection { until, fraud, .. }) if now < until => {
                Standing::Ejected { until, fraud }
            }
            // A cheat that sat out its day is checked like a newcomer; a probe proves no honesty.
            Some(Ejection { fraud: true, .. }) => Standing::Good,
            Some(_) => Standing::Probation,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn peers(number: usize) -> Vec<Peer> {
        (0..number)
            .map(|i| Peer::new(&format!("https://o{i}:8935")))
            .collect()
    }

    fn record(now: Instant, peers: &[Peer]) -> Record {
        let mut record = Record::new();
        record.list(now, peers);
        record
    }

    fn fail(record: &mut Record, now: Instant, peer: &Peer, times: u32) {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..times {
            record.started(peer, false);
            record.failed(now, peer, &mut rng);
        }
    }

    fn is_ejected(record: &Record, now: Instant, peer: &Peer) -> bool {
        matches!(record.standing(now, peer), Standing::Ejected { .. })
    }

    #[test]
    fn three_failures_in_a_row_eject_for_a_while() {
        let (now, peers) = (start(), peers(4));
        let mut record = record(now, &peers);
        fail(&mut record, now, &peers[0], 2);
        record.started(&peers[0], false);
        record.succeeded(
            &peers[0],
            Duration::from_millis(300),
            Duration::from_secs(2),
        );
        fail(&mut record, now, &peers[0], 2);
        assert_eq!(record.standing(now, &peers[0]), Standing::Good);
        fail(&mut record, now, &peers[0], 1);
        assert!(is_ejected(&record, now, &peers[0]));
        assert!(is_ejected(
            &record,
            now + Duration::from_millis(3_700),
            &peers[0]
        ));
        let later = now + Duration::from_millis(6_300);
        assert_eq!(record.standing(later, &peers[0]), Standing::Probation);
    }

    #[test]
    fn a_failed_probe_ejects_longer_and_longer_up_to_five_minutes() {
        let (mut now, peers) = (start(), peers(4));
        let mut record = record(now, &peers);
        fail(&mut record, now, &peers[0], 3);
        let mut lengths = Vec::new();
        for _ in 0..9 {
            let Standing::Ejected {
                until,
                fraud: false,
            } = record.standing(now, &peers[0])
            else {
                panic!("not ejected");
            };
            lengths.push((until - now).as_secs_f64());
            now = until;
            fail(&mut record, now, &peers[0], 1);
        }
        for (k, length) in lengths.iter().enumerate() {
            let nominal = (5.0 * f64::from(1 << k)).min(300.0);
            assert!(
                (0.74 * nominal..=1.26 * nominal).contains(length),
                "{lengths:?}"
            );
            assert!(*length <= 300.0);
        }
        record.started(&peers[0], true);
        record.succeeded(
            &peers[0],
            Duration::from_millis(300),
            Duration::from_secs(2),
        );
        assert_eq!(record.standing(now, &peers[0]), Standing::Good);
    }

    #[test]
    fn failures_leave_two_and_half_of_the_pool_but_fraud_spares_nobody() {
        for (number, may_go) in [(1, 0), (2, 0), (3, 1), (4, 2), (5, 2), (10, 5)] {
            let (now, peers) = (start(), peers(number));
            let mut record = record(now, &peers);
            peers
                .iter()
                .for_each(|peer| fail(&mut record, now, peer, 5));
            let gone = peers
                .iter()
                .filter(|peer| is_ejected(&record, now, peer))
                .count();
            assert_eq!(gone, may_go, "of {number}");
            for peer in &peers {
                record.started(peer, false);
                record.cheated(now, peer);
            }
            let later = now + Duration::from_secs(23 * 3600);
            assert!(peers.iter().all(|peer| is_ejected(&record, later, peer)));
        }
    }

    #[test]
    fn peers_no_list_names_are_forgotten_unless_punished() {
        let (now, peers) = (start(), peers(3));
        let mut record = record(now, &peers);
        for peer in &peers {
            record.started(peer, false);
        }
        record.succeeded(
            &peers[0],
            Duration::from_millis(300),
            Duration::from_secs(2),
        );
        record.cheated(now, &peers[1]);
        record.list(now, []);
        assert!(record.view(now, &peers[0]).is_none());
        assert!(is_ejected(&record, now, &peers[1]));
        assert_eq!(record.view(now, &peers[2]).unwrap().in_flight, 1);
        record.pardon(&peers[1]);
        record.list(now, []);
        assert!(record.view(now, &peers[1]).is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let (now, peers) = (start(), peers(MAX_PEERS + 10));
        let mut record = record(now, &peers);
        record.started(peers.last().unwrap(), false);
        record.failed(now, peers.last().unwrap(), &mut StdRng::seed_from_u64(1));
        assert_eq!(record.peers.len(), MAX_PEERS);
    }

    /// Any moment will do; the tests only add to it.
    #[allow(clippy::disallowed_methods, reason = "a test has no driver to ask")]
    fn start() -> Instant {
        Instant::now()
    }
}
