//! The seam to time: what o'clock it is, and waiting.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tokio::sync::watch;

/// Time as the rest of the program sees it. Shared as `Arc<dyn Clock>`.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// Monotonic time; what deadlines are made of.
    fn now(&self) -> Instant;
    /// Time since the Unix epoch; what leaves the process.
    fn unix(&self) -> Duration;
    /// Returns once `now` has reached `deadline`.
    async fn sleep_until(&self, deadline: Instant);

    /// Like `sleep_until`; without a deadline it never returns. Made for machines whose next
    /// deadline is an `Option`.
    async fn sleep_until_any(&self, deadline: Option<Instant>) {
        match deadline {
            Some(deadline) => self.sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }

    /// Returns after this long.
    async fn sleep(&self, duration: Duration) {
        let deadline = self.now() + duration;
        self.sleep_until(deadline).await;
    }
}

/// The clock of the machine. Follows tokio's clock, so a paused test runtime pauses it as well.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn unix(&self) -> Duration {
        // A machine set before 1970 gets the epoch itself.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }

    async fn sleep_until(&self, deadline: Instant) {
        tokio::time::sleep_until(deadline.into()).await;
    }
}

/// A clock that only moves when told to.
#[derive(Debug)]
pub struct ManualClock {
    origin: Instant,
    unix_origin: Duration,
    elapsed: watch::Sender<Duration>,
}

impl ManualClock {
    /// Starts at this Unix time.
    pub fn new(unix: Duration) -> Self {
        Self {
            origin: Instant::now(),
            unix_origin: unix,
            elapsed: watch::Sender::new(Duration::ZERO),
        }
    }

    /// Moves time on and wakes whoever waited for it.
    pub fn advance(&self, by: Duration) {
        self.elapsed.send_modify(|elapsed| *elapsed += by);
    }
}

impl Default for ManualClock {
    /// Starts in November 2019, when the network began to speak this protocol.
    fn default() -> Self {
        Self::new(Duration::from_secs(1_574_000_000))
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.origin + *self.elapsed.borrow()
    }

    fn unix(&self) -> Duration {
        self.unix_origin + *self.elapsed.borrow()
    }

    async fn sleep_until(&self, deadline: Instant) {
        let mut elapsed = self.elapsed.subscribe();
        // The sender lives in `self`, which outlives this borrow, so waiting cannot fail.
        let _ = elapsed
            .wait_for(|elapsed| self.origin + *elapsed >= deadline)
            .await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_sleepers_when_moved() {
        let clock = Arc::new(ManualClock::new(Duration::from_secs(100)));
        let (start, sleeper) = (clock.now(), clock.clone());
        let sleeping = tokio::spawn(async move { sleeper.sleep(Duration::from_secs(5)).await });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(4));
        tokio::task::yield_now().await;
        assert!(!sleeping.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeping.await.unwrap();
        assert_eq!(clock.now() - start, Duration::from_secs(5));
        assert_eq!(clock.unix(), Duration::from_secs(105));
    }

    #[tokio::test(start_paused = true)]
    async fn the_system_clock_follows_a_paused_runtime() {
        let clock = SystemClock;
        let start = clock.now();
        clock.sleep(Duration::from_secs(3600)).await;
        assert!(clock.now() - start >= Duration::from_secs(3600));
    }
}
