//! How long attempts of one peer took, as shares of what the segment plays, so that segments of
//! different length are comparable.

use std::collections::VecDeque;
use std::time::Duration;

/// Attempts looked at for the tail; more would react too slowly, fewer have no tail.
const RECENT: usize = 64;

/// Below this many attempts nothing is said about the tail.
const ENOUGH: usize = 8;

/// Segments shorter than this count as this long, as the network scores them.
const SHORTEST: Duration = Duration::from_millis(1_500);

/// Weight of the latest attempt in the smoothed numbers.
const WEIGHT: f64 = 0.2;

#[derive(Clone, Debug, Default)]
pub(super) struct Latency {
    score: Option<f64>,
    took: Option<f64>,
    recent: VecDeque<f64>,
}

impl Latency {
    pub(super) fn add(&mut self, took: Duration, duration: Duration) {
        let score = took.as_secs_f64() / duration.max(SHORTEST).as_secs_f64();
        self.score = Some(smooth(self.score, score));
        self.took = Some(smooth(self.took, took.as_secs_f64()));
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(score);
    }

    pub(super) fn score(&self) -> Option<f64> {
        self.score
    }

    pub(super) fn took(&self) -> Option<Duration> {
        self.took
            .and_then(|secs| Duration::try_from_secs_f64(secs).ok())
    }

    /// The time within which 97 of 100 attempts for such a segment are done; `None` before there
    /// were enough.
    pub(super) fn p97(&self, duration: Duration) -> Option<Duration> {
        if self.recent.len() < ENOUGH {
            return None;
        }
        let mut sorted: Vec<f64> = self.recent.iter().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let index = (sorted.len() * 97).div_ceil(100).saturating_sub(1);
        let score = sorted.get(index)?;
        Duration::try_from_secs_f64(score * duration.max(SHORTEST).as_secs_f64()).ok()
    }
}

fn smooth(old: Option<f64>, new: f64) -> f64 {
    old.map_or(new, |old| old + WEIGHT * (new - old))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_known_after_a_few_attempts_and_scales_with_the_segment() {
        let two = Duration::from_secs(2);
        let mut latency = Latency::default();
        for _ in 0..ENOUGH - 1 {
            latency.add(Duration::from_millis(400), two);
        }
        assert_eq!(latency.p97(two), None);
        for _ in 0..RECENT {
            latency.add(Duration::from_millis(400), two);
        }
        latency.add(Duration::from_secs(5), two);
        assert_eq!(latency.p97(two), Some(Duration::from_millis(400)));
        latency.add(Duration::from_secs(1), two);
        assert_eq!(latency.p97(two), Some(Duration::from_secs(1)));
        assert_eq!(latency.p97(two * 2), Some(two));
        assert_eq!(latency.recent.len(), RECENT);
    }
}
