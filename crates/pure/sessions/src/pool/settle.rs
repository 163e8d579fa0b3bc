//! Attempts and segments come to their end.

use std::time::Instant;

use rand::RngCore;

use super::flight::Attempt;
use super::{
    Action, AttemptEnd, Failure, GaveUp, MAX_PROBES, Outcome, Pool, Probe, Purpose, SegmentKey,
    UNUSABLE_PAUSE,
};
use crate::record::{Peer, Record};

impl Pool {
    pub(super) fn deliver(
        &mut self,
        now: Instant,
        key: SegmentKey,
        winner: &Attempt,
        record: &mut Record,
        rng: &mut dyn RngCore,
    ) {
        let Some(flight) = self.flights.remove(&key) else {
            return;
        };
        record.segment_left(flight.hedged);
        for peer in &flight.accusers {
            // It called a segment bad that another one could do.
            record.started(peer, false);
            record.failed(now, peer, rng);
        }
        self.stay_with(&winner.peer);
        let outcome = Outcome::Delivered {
            attempt: winner.id,
            peer: winner.peer.clone(),
        };
        self.actions.push_back(Action::Settle {
            segment: key,
            outcome,
        });
        for loser in flight.running {
            if loser.purpose == Purpose::Probe && self.probes.len() < MAX_PROBES {
                let Attempt {
                    id, peer, started, ..
                } = loser;
                self.probes.insert(
                    id,
                    Probe {
                        peer,
                        started,
                        duration: flight.duration,
                    },
                );
                continue;
            }
            let elapsed = now.saturating_duration_since(loser.started);
            if loser.started < winner.started {
                record.overtaken(now, &loser.peer, elapsed, flight.duration, rng);
            } else {
                record.called_off(&loser.peer);
            }
            self.actions
                .push_back(Action::CallOff { attempt: loser.id });
        }
    }

    pub(super) fn take_failure(
        &mut self,
        now: Instant,
        key: SegmentKey,
        attempt: &Attempt,
        failure: Failure,
        record: &mut Record,
        rng: &mut dyn RngCore,
    ) {
        let peer = &attempt.peer;
        match &failure {
            Failure::Busy { retry_after } => {
                record.called_off(peer);
                self.skips.insert(peer.clone(), now + *retry_after);
            }
            Failure::Unusable => {
                record.called_off(peer);
                self.skips.insert(peer.clone(), now + UNUSABLE_PAUSE);
            }
            Failure::BadSegment => record.called_off(peer),
            Failure::Fraud => record.cheated(now, peer),
            Failure::Broken => record.failed(now, peer, rng),
        }
        if self.sticky.as_ref() == Some(peer) && failure != Failure::BadSegment {
            self.sticky = None;
        }
        let Some(flight) = self.flights.get_mut(&key) else {
            return;
        };
        flight.fail(attempt, failure.clone());
        if failure == Failure::BadSegment && self.is_condemned(now, key, record) {
            self.give_up(now, key, GaveUp::BadSegment, record, rng);
            return;
        }
        let Some(flight) = self.flights.get(&key) else {
            return;
        };
        if flight.is_idle() && flight.is_exhausted(&self.settings) {
            self.give_up(now, key, GaveUp::Failed(failure), record, rng);
        }
    }

    /// Whether a segment somebody calls bad is to be believed bad: two say so, it looks bad to us
    /// too, or there is nobody else to ask.
    fn is_condemned(&self, now: Instant, key: SegmentKey, record: &Record) -> bool {
        let Some(flight) = self.flights.get(&key) else {
            return false;
        };
        !flight.sound
            || flight.accusers.len() >= 2
            || (flight.is_idle() && !self.has_untried(now, flight, record))
    }

    pub(super) fn settle_probe(
        &mut self,
        now: Instant,
        probe: &Probe,
        end: AttemptEnd,
        record: &mut Record,
        rng: &mut dyn RngCore,
    ) {
        let took = now.saturating_duration_since(probe.started);
        match end {
            AttemptEnd::Done => record.succeeded(&probe.peer, took, probe.duration),
            AttemptEnd::Failed(Failure::Fraud) => record.cheated(now, &probe.peer),
            AttemptEnd::Failed(Failure::Broken) => record.failed(now, &probe.peer, rng),
            AttemptEnd::Failed(_) => record.called_off(&probe.peer),
        }
    }

    pub(super) fn give_up(
        &mut self,
        now: Instant,
        key: SegmentKey,
        reason: GaveUp,
        record: &mut Record,
        rng: &mut dyn RngCore,
    ) {
        let Some(flight) = self.flights.remove(&key) else {
            return;
        };
        record.segment_left(flight.hedged);
        let outcome = Outcome::GaveUp(reason);
        self.actions.push_back(Action::Settle {
            segment: key,
            outcome,
        });
        for attempt in flight.running {
            // Nobody was faster, so nobody is shown to be slow; but it did take all the time.
            if now.saturating_duration_since(attempt.started) >= flight.duration {
                record.failed(now, &attempt.peer, rng);
                if self.sticky.as_ref() == Some(&attempt.peer) {
                    self.sticky = None;
                }
            } else {
                record.called_off(&attempt.peer);
            }
            self.actions.push_back(Action::CallOff {
                attempt: attempt.id,
            });
        }
    }

    /// The stream is dropped with all it has in hand.
    pub(super) fn abandon(&mut self, record: &mut Record) {
        self.ended = true;
        for (key, flight) in std::mem::take(&mut self.flights) {
            record.segment_left(flight.hedged);
            let outcome = Outcome::GaveUp(GaveUp::Stopped);
            self.actions.push_back(Action::Settle {
                segment: key,
                outcome,
            });
            for attempt in flight.running {
                record.called_off(&attempt.peer);
                self.actions.push_back(Action::CallOff {
                    attempt: attempt.id,
                });
            }
        }
        for (attempt, probe) in std::mem::take(&mut self.probes) {
            record.called_off(&probe.peer);
            self.actions.push_back(Action::CallOff { attempt });
        }
    }

    /// A stream follows whoever served it, but not down a tier.
    fn stay_with(&mut self, winner: &Peer) {
        let tier = |peer: &Peer| {
            let offer = self
                .offers
                .iter()
                .flatten()
                .find(|offer| offer.peer == *peer);
            offer.map(|offer| offer.tier)
        };
        let first = self.offers.iter().flatten().map(|offer| offer.tier).min();
        if tier(winner) == first {
            self.sticky = Some(winner.clone());
            self.avoided = None;
        }
    }
}
