//! Pings, and what follows when they are not answered.

use std::time::Duration;

use tokio::time::Instant;

use super::death::Death;

/// When the next ping is due, and whether the last was answered.
#[derive(Debug)]
pub(super) struct Watch {
    interval: Duration,
    silence: Duration,
    next: Instant,
    heard: Instant,
    ever_heard: bool,
    unanswered: bool,
    nonce: u64,
}

impl Watch {
    pub(super) fn new(interval: Duration, silence: Duration) -> Self {
        let now = Instant::now();
        Self {
            interval,
            silence,
            next: now + interval,
            heard: now,
            ever_heard: false,
            unanswered: false,
            nonce: 0,
        }
    }

    pub(super) async fn due(&self) {
        tokio::time::sleep_until(self.next).await;
    }

    pub(super) fn heard(&mut self) {
        self.heard = Instant::now();
        self.ever_heard = true;
        self.unanswered = false;
    }

    /// The number for the next ping, unless an older one was not answered for too long.
    pub(super) fn pinged(&mut self) -> Result<u64, Death> {
        let now = Instant::now();
        if !self.unanswered {
            self.heard = now;
        } else if now.duration_since(self.heard) >= self.silence {
            let silence = now.duration_since(self.heard);
            return Err(match self.ever_heard {
                true => Death::Silent(silence),
                false => Death::NeverHeard(silence),
            });
        }
        self.unanswered = true;
        self.next = now + self.interval.min(self.silence / 2);
        self.nonce = self.nonce.wrapping_add(1);
        Ok(self.nonce)
    }
}
