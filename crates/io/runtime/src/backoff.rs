//! How long to wait before trying again: exponential, with jitter and a cap.

use std::time::Duration;

use rand::Rng;

/// Share of a delay that chance may add or take.
const JITTER: f64 = 0.5;

/// Growing delays between attempts.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    factor: f64,
    cap: Duration,
    attempts: u32,
}

impl Backoff {
    /// Delays of `first`, then each `factor` times the last, at most `cap`. Factors below one
    /// count as one.
    pub fn new(first: Duration, factor: f64, cap: Duration) -> Self {
        let factor = if factor.is_finite() {
            factor.max(1.0)
        } else {
            1.0
        };
        Self {
            first,
            factor,
            cap,
            attempts: 0,
        }
    }

    /// The next delay, half to one and a half times the nominal one and never past the cap.
    pub fn next_delay(&mut self, rng: &mut impl Rng) -> Duration {
        let exponent = i32::try_from(self.attempts).unwrap_or(i32::MAX);
        let nominal = self.first.as_secs_f64() * self.factor.powi(exponent);
        let nominal = nominal.min(self.cap.as_secs_f64());
        // Past the cap further attempts change nothing, so the count need not grow for ever.
        self.attempts = self.attempts.saturating_add(1);
        let jittered = nominal * rng.random_range(1.0 - JITTER..=1.0 + JITTER);
        Duration::from_secs_f64(jittered).min(self.cap)
    }

    /// Starts over: the last attempt held.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn delays_grow_with_jitter_up_to_the_cap_and_start_over() {
        let mut rng = StdRng::seed_from_u64(1);
        let (first, cap) = (Duration::from_millis(500), Duration::from_secs(60));
        let mut backoff = Backoff::new(first, 1.5, cap);
        for attempt in 0..100 {
            let nominal = (0.5 * 1.5f64.powi(attempt)).min(60.0);
            let delay = backoff.next_delay(&mut rng).as_secs_f64();
            assert!(delay >= nominal * 0.5 - 1e-6 && delay <= (nominal * 1.5).min(60.0) + 1e-6);
        }
        backoff.reset();
        assert!(backoff.next_delay(&mut rng) <= first.mul_f64(1.5));
    }

    #[test]
    fn odd_arguments_do_not_panic() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut backoff = Backoff::new(Duration::MAX / 4, f64::NAN, Duration::MAX / 4);
        backoff.attempts = u32::MAX;
        assert!(backoff.next_delay(&mut rng) <= Duration::MAX / 4);
    }
}
