//! Long-lived tasks that survive their own failures.

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::{Backoff, Shutdown};

/// Restart delays: quick at first, at most half a minute.
const FIRST_DELAY: Duration = Duration::from_millis(200);
const DELAY_FACTOR: f64 = 2.0;
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// A run this long counts as healthy, and the next failure starts with the first delay again.
const STEADY_AFTER: Duration = Duration::from_secs(60);

/// Why a supervised task ended one of its runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskFailure {
    /// A bug: the task panicked. It is restarted.
    #[error("panicked: {0}")]
    Panicked(String),
    /// The task gave up with an error. It is restarted.
    #[error("{0}")]
    Failed(String),
}

/// Runs `work` again and again until it ends well or `shutdown` stops. Panics and errors are
/// logged under `name` and followed by a growing delay. During a drain a failed run is not
/// repeated. Dropping the future aborts the run.
pub async fn supervise<W, F, E>(name: &'static str, shutdown: &Shutdown, mut work: W)
where
    W: FnMut() -> F,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: std::fmt::Display + Send + 'static,
{
    let mut backoff = Backoff::new(FIRST_DELAY, DELAY_FACTOR, LONGEST_DELAY);
    let mut rng = StdRng::from_os_rng();
    loop {
        let started = Instant::now();
        let Some(outcome) = shutdown.unless_stopped(run_once(work())).await else {
            return;
        };
        let Err(failure) = outcome else { return };
        if started.elapsed() >= STEADY_AFTER {
            backoff.reset();
        }
        let delay = backoff.next_delay(&mut rng);
        tracing::error!(task = name, %failure, retry_ms = delay.as_millis(), "task failed");
        if shutdown
            .unless_draining(tokio::time::sleep(delay))
            .await
            .is_none()
        {
            return;
        }
    }
}

async fn run_once<F, E>(work: F) -> Result<(), TaskFailure>
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: std::fmt::Display + Send + 'static,
{
    // A task of its own catches the panic; the handle aborts it when the supervisor is dropped.
    match AbortOnDropHandle::new(tokio::spawn(work)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(TaskFailure::Failed(error.to_string())),
        Err(error) => Err(TaskFailure::Panicked(panic_text(error))),
    }
}

fn panic_text(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(payload) => payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned()),
        Err(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_or_fails_runs_again_until_it_ends_well() {
        let runs = Arc::new(AtomicU32::new(0));
        let counted = runs.clone();
        supervise("test", &Shutdown::new(), move || {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                match run {
                    0 => panic!("first"),
                    1 => Err("second"),
                    _ => Ok(()),
                }
            }
        })
        .await;
        assert_eq!(runs.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_ends_the_run_in_hand() {
        let shutdown = Shutdown::new();
        let stopper = shutdown.clone();
        let stopping = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stopper.stop();
        });
        supervise(
            "test",
            &shutdown,
            std::future::pending::<Result<(), String>>,
        )
        .await;
        stopping.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_task_is_not_restarted_during_a_drain() {
        let shutdown = Shutdown::new();
        shutdown.drain();
        let runs = Arc::new(AtomicU32::new(0));
        let counted = runs.clone();
        supervise("test", &shutdown, move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Err("gone") }
        })
        .await;
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    }
}
