//! What was promised, held against every step: the simulation's own books, kept apart from the
//! code that is tested.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

use streamflow_sessions::pool::MAX_SEGMENTS;
use streamflow_sessions::{AttemptEnd, Failure, GaveUp, Outcome, Peer, Purpose};

use crate::market::Key;
use crate::plan::PATIENCE;

/// Attempts one segment may have, its probe included.
const MAX_ATTEMPTS: usize = 25;

/// Attempts beyond the first of ten seconds: these, and one for so many segments.
const EXTRAS_FLOOR: usize = 50;
const SEGMENTS_PER_EXTRA: usize = 10;

/// Losses that may have no outage of all orchestrators behind them: one segment in so many. What is
/// lost so is lost for lack of budget while most of a small market hangs; it must not grow.
const UNEXCUSED_ONE_IN: u64 = 100;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("after {at:?} of virtual time: {what}")]
pub struct Violation {
    /// When.
    pub at: Duration,
    /// Which promise, and by whom.
    pub what: String,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Segments offered.
    pub segments: u64,
    /// Those served in time.
    pub delivered: u64,
    /// Those given up, by the name of the reason.
    pub lost: BTreeMap<&'static str, u64>,
    /// Those given up though nothing was wrong with one orchestrator all the time.
    pub unexcused: u64,
    /// Attempts of all kinds.
    pub attempts: u64,
    /// Second attempts beside a running one.
    pub hedges: u64,
    /// Those that were done first.
    pub hedges_won: u64,
    /// Attempts after a failure.
    pub retries: u64,
    /// Attempts in which a peer proved itself.
    pub probes: u64,
    /// Times a stream changed its orchestrator.
    pub swaps: u64,
    /// Rounds of discovery.
    pub searches: u64,
    /// Faults that were injected.
    pub faults: u64,
    /// Steps after which everything was checked.
    pub steps: u64,
    /// Virtual time.
    pub length: Duration,
    /// All outcomes in their order, as one number: the same for the same seed.
    pub digest: u64,
    latencies: BTreeMap<u64, u64>,
}

/// Books of segments and attempts in hand.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) report: Report,
    open: BTreeMap<Key, Open>,
    running: BTreeMap<Key, Attempt>,
    per_peer: BTreeMap<Peer, usize>,
    settled: BTreeSet<Key>,
    segments: VecDeque<Duration>,
    extras: VecDeque<Duration>,
    served_by: BTreeMap<usize, Peer>,
    /// The last moment at which something was wrong with each orchestrator.
    unhealthy: Vec<Option<Duration>>,
}

struct Open {
    came: Duration,
    attempts: usize,
    tried: BTreeSet<Peer>,
    failed: bool,
}

/// One attempt under way.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) segment: Key,
    pub(crate) peer: Peer,
    pub(crate) node: Option<usize>,
    pub(crate) purpose: Purpose,
}

impl Ledger {
    pub(crate) fn offered(&mut self, now: Duration, segment: Key) {
        self.report.segments += 1;
        self.segments.push_back(now);
        let open = Open {
            came: now,
            attempts: 0,
            tried: BTreeSet::new(),
            failed: false,
        };
        self.open.insert(segment, open);
    }

    /// An attempt begins. `passed_over` are peers that could have had it instead of one that sits
    /// out.
    pub(crate) fn submitted(
        &mut self,
        now: Duration,
        id: Key,
        attempt: Attempt,
        passed_over: Option<&[Peer]>,
    ) -> Result<(), Violation> {
        let Attempt {
            segment,
            peer,
            purpose,
            ..
        } = &attempt;
        let Some(open) = self.open.get_mut(segment) else {
            return broken(now, format!("{segment:?} is submitted after its outcome"));
        };
        open.attempts += 1;
        if open.attempts > MAX_ATTEMPTS {
            return broken(now, format!("{segment:?} has {} attempts", open.attempts));
        }
        let better = passed_over.into_iter().flatten();
        let better = better.filter(|peer| !open.tried.contains(peer)).count();
        if better > 0 && *purpose != Purpose::Probe {
            let what = format!("{segment:?} goes to {peer}, which sits out, before others");
            return broken(now, what);
        }
        open.tried.insert(peer.clone());
        let is_paid = match purpose {
            Purpose::First => false,
            Purpose::Retry => open.failed,
            Purpose::Hedge | Purpose::Probe => true,
        };
        let twice = |other: &Attempt| other.segment == *segment && other.peer == *peer;
        if self.running_of(id.0).any(twice) {
            return broken(now, format!("{segment:?} is twice at {peer}"));
        }
        self.report.attempts += 1;
        match purpose {
            Purpose::First => {}
            Purpose::Retry => self.report.retries += 1,
            Purpose::Hedge => self.report.hedges += 1,
            Purpose::Probe => self.report.probes += 1,
        }
        *self.per_peer.entry(peer.clone()).or_default() += 1;
        self.running.insert(id, attempt);
        if is_paid {
            self.spend(now)?;
        }
        Ok(())
    }

    /// An attempt ended or was called off. `None` when nothing is known of it any more.
    pub(crate) fn ended(&mut self, id: Key, end: Option<&AttemptEnd>) -> Option<Attempt> {
        let attempt = self.running.remove(&id)?;
        if let Some(number) = self.per_peer.get_mut(&attempt.peer) {
            *number -= 1;
        }
        let open = self.open.get_mut(&attempt.segment);
        if let (Some(open), Some(AttemptEnd::Failed(Failure::Broken))) = (open, end) {
            open.failed = true;
        }
        Some(attempt)
    }

    /// A segment has its outcome. `winner` is the attempt that ended with this step.
    pub(crate) fn settled(
        &mut self,
        now: Duration,
        segment: Key,
        outcome: &Outcome,
        winner: Option<&Attempt>,
    ) -> Result<(), Violation> {
        if !self.settled.insert(segment) {
            return broken(now, format!("{segment:?} has two outcomes"));
        }
        let Some(open) = self.open.remove(&segment) else {
            return broken(now, format!("{segment:?} was never offered"));
        };
        let took = now.saturating_sub(open.came);
        self.fold(&[segment.0 as u64, segment.1, took.as_nanos() as u64]);
        match outcome {
            Outcome::Delivered { peer, .. } => {
                let matches = winner.is_some_and(|w| w.peer == *peer && w.segment == segment);
                if !matches {
                    return broken(now, format!("{segment:?} is delivered by nobody's result"));
                }
                self.report.delivered += 1;
                let hedged = winner.is_some_and(|winner| winner.purpose == Purpose::Hedge);
                self.report.hedges_won += u64::from(hedged);
                let before = self.served_by.insert(segment.0, peer.clone());
                self.report.swaps += u64::from(before.is_some_and(|before| before != *peer));
                *self
                    .report
                    .latencies
                    .entry(took.as_millis() as u64)
                    .or_default() += 1;
            }
            Outcome::GaveUp(reason) => {
                if *reason == GaveUp::Deadline && took < PATIENCE {
                    return broken(now, format!("{segment:?} is given up after {took:?}"));
                }
                *self.report.lost.entry(reason.name()).or_default() += 1;
                let ill = |at: &Option<Duration>| at.is_some_and(|at| at >= open.came);
                let excused = self.unhealthy.iter().all(ill);
                self.report.unexcused += u64::from(!excused);
            }
        }
        // Numbers of a stream grow: old ones cannot come again unnoticed, they are not open.
        if self.settled.len() > 100_000 {
            self.settled.clear();
        }
        Ok(())
    }

    /// Notes which orchestrators nothing is wrong with.
    pub(crate) fn note_health(&mut self, now: Duration, healthy: impl Iterator<Item = bool>) {
        for (index, is_healthy) in healthy.enumerate() {
            if self.unhealthy.len() <= index {
                self.unhealthy.push(None);
            }
            if let Some(last) = self.unhealthy.get_mut(index).filter(|_| !is_healthy) {
                *last = Some(now);
            }
        }
    }

    /// What must hold after every step of a stream.
    pub(crate) fn check(
        &mut self,
        now: Duration,
        stream: usize,
        in_hand: usize,
        in_flight: impl Fn(&Peer) -> usize,
    ) -> Result<(), Violation> {
        self.report.steps += 1;
        let open = self.open_of(stream);
        if let Some((segment, _)) = open.clone().find(|(_, open)| now >= open.came + PATIENCE) {
            return broken(now, format!("{segment:?} outlives its deadline"));
        }
        let open = open.count();
        if open != in_hand || open > MAX_SEGMENTS {
            let what = format!("stream {stream} has {in_hand} segments in hand, {open} are open");
            return broken(now, what);
        }
        for (peer, number) in &self.per_peer {
            let theirs = in_flight(peer);
            if theirs != *number {
                let what = format!("{peer} is said to have {theirs} attempts, it has {number}");
                return broken(now, what);
            }
        }
        self.per_peer.retain(|_, number| *number > 0);
        Ok(())
    }

    /// What must hold when all is over.
    pub(crate) fn close(&self, now: Duration) -> Result<(), Violation> {
        if let Some(segment) = self.open.keys().next() {
            return broken(now, format!("{segment:?} has no outcome"));
        }
        if let Some((id, attempt)) = self.running.iter().next() {
            return broken(
                now,
                format!("attempt {id:?} at {} is left behind", attempt.peer),
            );
        }
        let report = &self.report;
        if report.unexcused > report.segments / UNEXCUSED_ONE_IN {
            let what = format!(
                "{} of {} segments were lost though one orchestrator was in order",
                report.unexcused, report.segments
            );
            return broken(now, what);
        }
        Ok(())
    }

    /// Attempts of a stream under way.
    pub(crate) fn running_of(&self, stream: usize) -> impl Iterator<Item = &Attempt> {
        let range = (stream, 0)..(stream + 1, 0);
        self.running.range(range).map(|(_, attempt)| attempt)
    }

    fn open_of(&self, stream: usize) -> impl Iterator<Item = (&Key, &Open)> + Clone {
        self.open.range((stream, 0)..(stream + 1, 0))
    }

    /// The budget of all streams together, counted attempt by attempt. The last of its ten seconds
    /// may count or not: the gateway counts in pieces of a second.
    fn spend(&mut self, now: Duration) -> Result<(), Violation> {
        let window = Duration::from_secs(10);
        let piece = Duration::from_secs(1);
        let old = |at: &Duration, age: Duration| *at + age <= now;
        while self.segments.front().is_some_and(|at| old(at, window)) {
            self.segments.pop_front();
        }
        while self
            .extras
            .front()
            .is_some_and(|at| old(at, window - piece))
        {
            self.extras.pop_front();
        }
        self.extras.push_back(now);
        let most = EXTRAS_FLOOR + self.segments.len() / SEGMENTS_PER_EXTRA;
        if self.extras.len() > most {
            let what = format!(
                "{} hedges and retries in 9 s, {most} allowed",
                self.extras.len()
            );
            return broken(now, what);
        }
        Ok(())
    }

    /// FNV-1a over the outcomes.
    fn fold(&mut self, numbers: &[u64]) {
        for byte in numbers.iter().flat_map(|number| number.to_le_bytes()) {
            let mixed = self.report.digest ^ u64::from(byte);
            self.report.digest = mixed.wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl Report {
    /// Segments that were not served.
    pub fn lost_in_all(&self) -> u64 {
        self.lost.values().sum()
    }

    /// Attempts for each segment, on average.
    pub fn attempts_per_segment(&self) -> f64 {
        self.attempts as f64 / self.segments.max(1) as f64
    }

    /// The time below which this share of the delivered segments was served.
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (self.delivered as f64 * share) as u64;
        let mut seen = 0;
        for (millis, number) in &self.latencies {
            seen += number;
            if seen > wanted {
                return Duration::from_millis(*millis);
            }
        }
        let longest = self.latencies.keys().next_back().copied();
        Duration::from_millis(longest.unwrap_or_default())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "segments              {}", self.segments)?;
        writeln!(f, "delivered             {}", self.delivered)?;
        writeln!(
            f,
            "lost                  {} {:?}",
            self.lost_in_all(),
            self.lost
        )?;
        writeln!(f, "  with one in order   {}", self.unexcused)?;
        writeln!(
            f,
            "attempts per segment  {:.4}",
            self.attempts_per_segment()
        )?;
        writeln!(
            f,
            "hedges (won)          {} ({})",
            self.hedges, self.hedges_won
        )?;
        writeln!(f, "retries               {}", self.retries)?;
        writeln!(f, "probes                {}", self.probes)?;
        writeln!(f, "swaps                 {}", self.swaps)?;
        writeln!(f, "searches              {}", self.searches)?;
        writeln!(f, "faults                {}", self.faults)?;
        writeln!(f, "steps checked         {}", self.steps)?;
        let [half, most, nearly_all] = [0.5, 0.99, 0.999].map(|share| self.quantile(share));
        writeln!(f, "p50 p99 p99.9         {half:?} {most:?} {nearly_all:?}")?;
        writeln!(f, "virtual time          {:?}", self.length)?;
        write!(f, "digest                {:016x}", self.digest)
    }
}

pub(crate) fn broken<T>(at: Duration, what: String) -> Result<T, Violation> {
    Err(Violation { at, what })
}
