//! How many attempts beyond the first a gateway makes: a share of its segments, and a floor for
//! quiet times. Without it, slowness everywhere would double the load that caused it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The window looked at.
const WINDOW: Duration = Duration::from_secs(10);

/// Pieces of the window.
const PIECE: Duration = Duration::from_secs(1);

/// One extra attempt for this many segments.
const SEGMENTS_PER_EXTRA: u64 = 10;

/// Extra attempts a window always has: five a second.
const FLOOR: u64 = 50;

/// The part of the budget hedges leave to retries, in tenths.
const RESERVED_TENTHS: u64 = 2;

/// Hedged segments that are always bearable, however few there are in all.
const BEARABLE: u32 = 3;

/// A kind of attempt beyond the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    /// After a failure.
    Retry,
    /// Beside a running attempt.
    Hedge,
}

/// Counts of the last [`WINDOW`], at most eleven pieces.
#[derive(Clone, Debug, Default)]
pub(super) struct Budget {
    pieces: VecDeque<Piece>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    since: Instant,
    segments: u64,
    extras: u64,
}

impl Budget {
    pub(super) fn segment(&mut self, now: Instant) {
        self.current(now).segments += 1;
    }

    pub(super) fn spend(&mut self, now: Instant) {
        self.current(now).extras += 1;
    }

    pub(super) fn allows(&self, now: Instant, extra: Extra) -> bool {
        let recent = || {
            let within = |piece: &&Piece| now.saturating_duration_since(piece.since) < WINDOW;
            self.pieces.iter().filter(within)
        };
        let segments: u64 = recent().map(|piece| piece.segments).sum();
        let spent: u64 = recent().map(|piece| piece.extras).sum();
        let whole = FLOOR + segments / SEGMENTS_PER_EXTRA;
        match extra {
            Extra::Retry => spent < whole,
            Extra::Hedge => spent < whole * (10 - RESERVED_TENTHS) / 10,
        }
    }

    fn current(&mut self, now: Instant) -> &mut Piece {
        while self
            .pieces
            .front()
            .is_some_and(|piece| now.saturating_duration_since(piece.since) >= WINDOW)
        {
            self.pieces.pop_front();
        }
        let fresh = |piece: &Piece| now.saturating_duration_since(piece.since) < PIECE;
        if !self.pieces.back().is_some_and(fresh) {
            self.pieces.push_back(Piece {
                since: now,
                segments: 0,
                extras: 0,
            });
        }
        self.pieces
            .back_mut()
            .expect("a piece was pushed where none was fresh")
    }
}

/// Whether so few segments are hedged that hedging helps instead of feeding on itself: at most
/// 30 % of those in flight.
pub(super) fn is_stable(segments: u32, hedged: u32) -> bool {
    hedged < BEARABLE || u64::from(hedged) * 10 <= u64::from(segments) * 3
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "a test has no driver to ask for the time"
)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_gateway_has_the_floor_and_retries_outlast_hedges() {
        let now = Instant::now();
        let mut budget = Budget::default();
        for _ in 0..40 {
            assert!(budget.allows(now, Extra::Hedge));
            budget.spend(now);
        }
        assert!(!budget.allows(now, Extra::Hedge));
        for _ in 0..10 {
            assert!(budget.allows(now, Extra::Retry));
            budget.spend(now);
        }
        assert!(!budget.allows(now, Extra::Retry));
        assert!(budget.allows(now + WINDOW, Extra::Hedge));
    }

    #[test]
    fn a_tenth_of_the_segments_comes_on_top() {
        let now = Instant::now();
        let mut budget = Budget::default();
        (0..1_000).for_each(|_| budget.segment(now));
        (0..149).for_each(|_| budget.spend(now));
        assert!(budget.allows(now, Extra::Retry));
        budget.spend(now);
        assert!(!budget.allows(now, Extra::Retry));
    }

    #[test]
    fn the_window_stays_short_whatever_time_does() {
        let now = Instant::now();
        let mut budget = Budget::default();
        for step in 0..10_000u64 {
            budget.segment(now + Duration::from_millis(step * 37));
        }
        assert!(budget.pieces.len() <= 11);
    }

    #[test]
    fn hedging_stops_when_a_third_is_hedged() {
        assert!(is_stable(1, 1));
        assert!(is_stable(100, 30));
        assert!(!is_stable(100, 31));
        assert!(!is_stable(4, 3));
    }
}
