//! Leaving in two phases: drain (finish what is in flight, take nothing new), then stop (leave
//! now). Both only ever go one way, and stopping implies draining.

use tokio_util::sync::CancellationToken;

/// A handle on the leaving of a process or of a part of it. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    draining: CancellationToken,
    stopped: CancellationToken,
}

impl Shutdown {
    /// Nobody is leaving yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A part that outlives the first phase: it stops when this one stops, but drains only when
    /// told to. A server whose answers are still fetched while its role drains is run under one.
    pub fn stage(&self) -> Self {
        let stopped = self.stopped.child_token();
        Self {
            draining: stopped.child_token(),
            stopped,
        }
    }

    /// A part that may be asked to leave alone, and leaves with the whole in both phases.
    pub fn child(&self) -> Self {
        Self {
            draining: self.draining.child_token(),
            stopped: self.stopped.child_token(),
        }
    }

    /// First phase: finish what is in flight, take nothing new.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Second phase: leave now.
    pub fn stop(&self) {
        self.draining.cancel();
        self.stopped.cancel();
    }

    /// Whether nothing new is taken any more.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Whether everything is to be dropped.
    pub fn is_stopped(&self) -> bool {
        self.stopped.is_cancelled()
    }

    /// Returns once nothing new is to be taken.
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// Returns once everything is to be dropped.
    pub async fn stopped(&self) {
        self.stopped.cancelled().await;
    }

    /// Runs `work` to its end, or drops it and returns `None` when stopping.
    pub async fn unless_stopped<F: Future>(&self, work: F) -> Option<F::Output> {
        self.stopped.run_until_cancelled(work).await
    }

    /// Runs `work` to its end, or drops it and returns `None` when draining.
    pub async fn unless_draining<F: Future>(&self, work: F) -> Option<F::Output> {
        self.draining.run_until_cancelled(work).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stopping_implies_draining() {
        let shutdown = Shutdown::new();
        shutdown.stop();
        shutdown.draining().await;
        assert!(shutdown.is_draining() && shutdown.is_stopped());
    }

    #[test]
    fn a_stage_ignores_the_first_phase_and_follows_the_second() {
        let whole = Shutdown::new();
        let stage = whole.stage();
        whole.drain();
        assert!(!stage.is_draining());
        whole.stop();
        assert!(stage.is_draining() && stage.is_stopped());
    }

    #[test]
    fn a_child_leaves_alone_or_with_the_whole() {
        let whole = Shutdown::new();
        let (one, other) = (whole.child(), whole.child());
        one.stop();
        assert!(!whole.is_draining() && !other.is_draining());
        whole.drain();
        assert!(other.is_draining() && !other.is_stopped());
    }

    #[tokio::test]
    async fn work_is_dropped_when_stopping() {
        let shutdown = Shutdown::new();
        assert_eq!(shutdown.unless_stopped(async { 7 }).await, Some(7));
        shutdown.stop();
        assert_eq!(
            shutdown.unless_stopped(std::future::pending::<()>()).await,
            None
        );
    }
}
