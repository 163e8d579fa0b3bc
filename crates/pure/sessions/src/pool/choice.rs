//! Who gets an attempt.

use std::time::Instant;

use rand::RngCore;

use super::flight::Flight;
use super::{MAX_PER_PEER, Offer, Pool, SegmentKey};
use crate::record::{Peer, Record, Standing};
use crate::select;

/// From this hedge on the next tier is asked beside an earlier one that still has not answered.
const HEDGES_BEFORE_NEXT_TIER: u32 = 1;

impl Pool {
    /// For a first attempt or a retry: nobody else works on the segment.
    pub(super) fn choose(
        &self,
        now: Instant,
        key: SegmentKey,
        is_first: bool,
        record: &Record,
        rng: &mut dyn RngCore,
    ) -> Option<Peer> {
        let flight = self.flights.get(&key)?;
        for tier in self.tiers() {
            if is_first && let Some(peer) = self.staying_first(now, flight, tier, record) {
                return Some(peer);
            }
            let able = self.able(now, flight, tier, record);
            let roomy = self.without_crowded(now, &able, is_first);
            let chosen = pick(&self.elsewhere(&roomy, flight), record, rng)
                .or_else(|| self.staying(now, &able, 2, record))
                .or_else(|| able.first().map(|offer| offer.peer.clone()));
            if chosen.is_some() {
                return chosen;
            }
        }
        self.last_resort(now, flight, record)
    }

    /// For a hedge: somebody else works on the segment, and may still be done first.
    pub(super) fn choose_hedge(
        &self,
        now: Instant,
        key: SegmentKey,
        record: &Record,
        rng: &mut dyn RngCore,
    ) -> Option<Peer> {
        let flight = self.flights.get(&key)?;
        let running = |tier: u8| {
            let offers = self
                .offers
                .iter()
                .flatten()
                .filter(move |offer| offer.tier == tier);
            offers
                .into_iter()
                .any(|o| flight.running.iter().any(|a| a.peer == o.peer))
        };
        for tier in self.tiers() {
            let able = self.able(now, flight, tier, record);
            if let Some(peer) = pick(&self.elsewhere(&able, flight), record, rng) {
                return Some(peer);
            }
            // A later tier costs more than patience does, at first.
            let base = flight.duration;
            let waited = flight
                .running
                .iter()
                .map(|a| now.saturating_duration_since(a.started));
            let long = waited.max().is_some_and(|longest| longest >= base);
            if running(tier) && flight.hedges < HEDGES_BEFORE_NEXT_TIER && !long {
                return None;
            }
        }
        None
    }

    /// For a hedge when everybody good had the segment: somebody who sits out, then those that
    /// failed it once more. Or one that hangs would keep it until its deadline while others stand
    /// idle: the last few good ones are never ejected, however they do.
    pub(super) fn choose_hedge_again(
        &mut self,
        now: Instant,
        key: SegmentKey,
        record: &Record,
        rng: &mut dyn RngCore,
    ) -> Option<Peer> {
        let flight = self.flights.get(&key)?;
        if self.has_untried(now, flight, record) {
            return None;
        }
        let resting = self.last_resort(now, flight, record);
        let flight = self.flights.get_mut(&key)?;
        flight.starved = true;
        if resting.is_some() {
            return resting;
        }
        let running = &flight.running;
        let is_running = |peer: &Peer| running.iter().any(|attempt| attempt.peer == *peer);
        flight.tried.retain(is_running);
        self.choose_hedge(now, key, record, rng)
            .or_else(|| self.last_resort(now, self.flights.get(&key)?, record))
    }

    /// Whether anybody is left who did not have this segment.
    pub(super) fn has_untried(&self, now: Instant, flight: &Flight, record: &Record) -> bool {
        self.tiers()
            .into_iter()
            .any(|tier| !self.able(now, flight, tier, record).is_empty())
    }

    /// The tiers there are, first ones first.
    fn tiers(&self) -> Vec<u8> {
        let mut tiers: Vec<u8> = self
            .offers
            .iter()
            .flatten()
            .map(|offer| offer.tier)
            .collect();
        tiers.sort_unstable();
        tiers.dedup();
        tiers
    }

    /// Peers of a tier that may have the segment and did not have it in this round.
    fn able(&self, now: Instant, flight: &Flight, tier: u8, record: &Record) -> Vec<&Offer> {
        let offers = self.offers.iter().flatten();
        let able = offers.filter(|o| o.tier == tier && self.is_able(now, flight, o, record));
        able.collect()
    }

    fn is_able(&self, now: Instant, flight: &Flight, offer: &Offer, record: &Record) -> bool {
        !self.skips.contains_key(&offer.peer)
            && !flight.tried.contains(&offer.peer)
            && !flight.barred.contains(&offer.peer)
            && record.standing(now, &offer.peer) == Standing::Good
    }

    /// The peer the stream is with, asked for before all others are looked at.
    fn staying_first(
        &self,
        now: Instant,
        flight: &Flight,
        tier: u8,
        record: &Record,
    ) -> Option<Peer> {
        let sticky = self.sticky.as_ref()?;
        let offers = self.offers.iter().flatten();
        let offer = offers
            .filter(|offer| offer.tier == tier)
            .find(|offer| offer.peer == *sticky)?;
        let is_able = self.is_able(now, flight, offer, record);
        is_able
            .then(|| self.staying(now, &[offer], 1, record))
            .flatten()
    }

    /// The peer the stream is with, while it keeps up.
    fn staying(&self, now: Instant, able: &[&Offer], factor: u32, record: &Record) -> Option<Peer> {
        let sticky = self.sticky.as_ref()?;
        able.iter().find(|offer| offer.peer == *sticky)?;
        let oldest = self.oldest_at(now, sticky);
        select::is_reusable(oldest, record.score(sticky), factor).then(|| sticky.clone())
    }

    /// Age and duration of this stream's oldest segment at a peer.
    fn oldest_at(
        &self,
        now: Instant,
        peer: &Peer,
    ) -> Option<(std::time::Duration, std::time::Duration)> {
        let attempts = self.flights.values().flat_map(|flight| {
            let here = flight
                .running
                .iter()
                .filter(|attempt| attempt.peer == *peer);
            here.map(|attempt| {
                (
                    now.saturating_duration_since(attempt.started),
                    flight.duration,
                )
            })
        });
        attempts.max_by_key(|(age, _)| *age)
    }

    /// Without the peer the stream is leaving and those whose queue for it is full, unless nobody
    /// is left then.
    fn without_crowded<'a>(
        &self,
        now: Instant,
        able: &[&'a Offer],
        is_first: bool,
    ) -> Vec<&'a Offer> {
        let in_hand = |peer: &Peer| {
            let attempts = self.flights.values().flat_map(|flight| &flight.running);
            attempts.filter(|attempt| attempt.peer == *peer).count()
        };
        let left = |peer: &Peer| {
            let sticky = is_first
                && self.sticky.as_ref() == Some(peer)
                && self.oldest_at(now, peer).is_some();
            sticky || self.avoided.as_ref() == Some(peer)
        };
        let roomy = able.iter().copied();
        roomy
            .filter(|o| in_hand(&o.peer) < MAX_PER_PEER && !left(&o.peer))
            .collect()
    }

    /// Those that do not fail together with one that had the segment; all, where there are none.
    fn elsewhere<'a>(&self, able: &[&'a Offer], flight: &Flight) -> Vec<&'a Offer> {
        let offers = self.offers.iter().flatten();
        let taken: Vec<u64> = offers
            .filter(|offer| flight.tried.contains(&offer.peer))
            .map(|offer| offer.domain)
            .collect();
        let apart = able
            .iter()
            .copied()
            .filter(|offer| !taken.contains(&offer.domain));
        let apart: Vec<&Offer> = apart.collect();
        if apart.is_empty() {
            able.to_vec()
        } else {
            apart
        }
    }

    /// Somebody who sits out, when everybody else had the segment.
    fn last_resort(&self, now: Instant, flight: &Flight, record: &Record) -> Option<Peer> {
        let out = |offer: &&Offer| {
            let standing = record.standing(now, &offer.peer);
            let honest = matches!(
                standing,
                Standing::Probation | Standing::Ejected { fraud: false, .. }
            );
            honest
                && !self.skips.contains_key(&offer.peer)
                && !flight.tried.contains(&offer.peer)
                && !flight.barred.contains(&offer.peer)
        };
        let offers = self.offers.iter().flatten().filter(out);
        let best = offers.min_by(|a, b| record.cost(&a.peer).total_cmp(&record.cost(&b.peer)));
        best.map(|offer| offer.peer.clone())
    }
}

/// Draws two and takes the better one: good peers get more, and not everybody runs to the best.
fn pick(able: &[&Offer], record: &Record, rng: &mut dyn RngCore) -> Option<Peer> {
    let mut weights: Vec<Option<f64>> = able.iter().map(|offer| Some(offer.weight)).collect();
    let first = select::draw(&weights, rng)?;
    if let Some(weight) = weights.get_mut(first) {
        *weight = None;
    }
    let cost = |index: usize| able.get(index).map_or(f64::MAX, |o| record.cost(&o.peer));
    let better = match select::draw(&weights, rng) {
        Some(second) if cost(second) < cost(first) => second,
        _ => first,
    };
    able.get(better).map(|offer| offer.peer.clone())
}
