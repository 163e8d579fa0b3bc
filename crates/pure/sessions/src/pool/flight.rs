//! One segment in hand: what was tried, what runs, when something is due.

use std::time::{Duration, Instant};

use super::{
    AttemptId, FIRST_ROUND_PAUSE, Failure, LONGEST_ROUND_PAUSE, MAX_ATTEMPTS, PoolSettings,
    Purpose, Segment,
};
use crate::record::Peer;

/// Share of a segment's duration before which no attempt is hedged, and after which one whose
/// usual time is not known is.
const EARLIEST_HEDGE: f64 = 0.4;
const UNKNOWN_HEDGE: f64 = 0.5;

/// Share of a segment's duration at which the second hedge is due; each further one comes three
/// quarters later.
const SECOND_HEDGE: f64 = 1.0;
const HEDGE_STEP: f64 = 0.75;

/// Segments shorter than this are hedged as if they lasted this long: a round trip takes its time.
const SHORTEST: Duration = Duration::from_millis(500);

#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) id: AttemptId,
    pub(super) peer: Peer,
    pub(super) started: Instant,
    pub(super) purpose: Purpose,
}

#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) duration: Duration,
    pub(super) deadline: Instant,
    pub(super) sound: bool,
    pub(super) running: Vec<Attempt>,
    /// Peers that had this segment in this round.
    pub(super) tried: Vec<Peer>,
    /// Peers that never get it again.
    pub(super) barred: Vec<Peer>,
    /// Peers that called it bad.
    pub(super) accusers: Vec<Peer>,
    /// Attempts begun.
    pub(super) begun: usize,
    /// Failures that count, those for lack of room do not.
    pub(super) counted: u32,
    pub(super) last_failure: Option<Failure>,
    pub(super) hedged: bool,
    /// When the next hedge is due while something runs.
    pub(super) hedge_at: Instant,
    /// Hedges made beside the attempt that counts.
    pub(super) hedges: u32,
    /// Start of the attempt that hedges count from.
    base: Instant,
    /// Not before this, while nothing runs.
    pub(super) retry_at: Option<Instant>,
    rounds: u32,
    /// It takes long, and nobody was left who could have it too.
    pub(super) starved: bool,
}

impl Flight {
    pub(super) fn new(now: Instant, segment: Segment) -> Self {
        Self {
            duration: segment.duration.max(SHORTEST),
            deadline: now + segment.patience,
            sound: segment.sound,
            running: Vec::new(),
            tried: Vec::new(),
            barred: Vec::new(),
            accusers: Vec::new(),
            begun: 0,
            counted: 0,
            last_failure: None,
            hedged: false,
            hedge_at: now,
            hedges: 0,
            base: now,
            retry_at: None,
            rounds: 0,
            starved: false,
        }
    }

    /// Whether nothing that counts is running.
    pub(super) fn is_idle(&self) -> bool {
        self.running
            .iter()
            .all(|attempt| attempt.purpose == Purpose::Probe)
    }

    pub(super) fn is_exhausted(&self, settings: &PoolSettings) -> bool {
        let failed = settings
            .max_failures
            .is_some_and(|most| self.counted >= most.max(1));
        failed || self.begun >= MAX_ATTEMPTS
    }

    /// When something is due if nothing happens.
    pub(super) fn next_event(&self) -> Instant {
        let due = if self.is_idle() {
            self.retry_at
        } else {
            Some(self.hedge_at)
        };
        due.map_or(self.deadline, |due| due.min(self.deadline))
    }

    pub(super) fn begin(&mut self, now: Instant, attempt: Attempt, usual: Option<Duration>) {
        self.begun += 1;
        self.tried.push(attempt.peer.clone());
        self.retry_at = None;
        if matches!(attempt.purpose, Purpose::First | Purpose::Retry) {
            let earliest = self.duration.mul_f64(EARLIEST_HEDGE);
            let usual = usual.unwrap_or_else(|| self.duration.mul_f64(UNKNOWN_HEDGE));
            // From there on the second hedge would be due anyway.
            let latest = self.duration.mul_f64(SECOND_HEDGE).max(earliest);
            self.base = now;
            self.hedges = 0;
            self.hedge_at = now + usual.clamp(earliest, latest);
        }
        self.running.push(attempt);
    }

    /// A hedge was made: the next one is due at its share of the duration.
    pub(super) fn next_hedge_step(&mut self, now: Instant) {
        let share = SECOND_HEDGE + HEDGE_STEP * f64::from(self.hedges);
        self.hedges += 1;
        let due = self.base + self.duration.mul_f64(share);
        // Two at one moment would go to two peers for one reason.
        self.hedge_at = due.max(now + self.duration.mul_f64(EARLIEST_HEDGE / 2.0));
    }

    pub(super) fn take(&mut self, id: AttemptId) -> Option<Attempt> {
        let at = self.running.iter().position(|attempt| attempt.id == id)?;
        Some(self.running.swap_remove(at))
    }

    pub(super) fn fail(&mut self, attempt: &Attempt, failure: Failure) {
        match failure {
            Failure::Busy { .. } | Failure::Unusable => {}
            Failure::Fraud => self.barred.push(attempt.peer.clone()),
            Failure::BadSegment if !self.accusers.contains(&attempt.peer) => {
                self.accusers.push(attempt.peer.clone());
                self.barred.push(attempt.peer.clone());
                self.counted += 1;
            }
            Failure::BadSegment | Failure::Broken => self.counted += 1,
        }
        self.last_failure = Some(failure);
    }

    /// Everybody had it: after a pause they may have it again.
    pub(super) fn next_round(&mut self, now: Instant) {
        let pause = FIRST_ROUND_PAUSE.saturating_mul(1 << self.rounds.min(8));
        self.rounds += 1;
        self.starved = true;
        self.tried.clear();
        self.retry_at = Some(now + pause.min(LONGEST_ROUND_PAUSE));
    }
}
