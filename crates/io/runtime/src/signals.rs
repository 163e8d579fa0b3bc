//! SIGINT and SIGTERM: the first drains, the second, or the end of the drain budget, stops.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::Shutdown;

/// What ended the process before its work did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupted {
    /// SIGINT, as from Ctrl-C.
    Interrupt,
    /// SIGTERM, as from a service manager.
    Terminate,
}

impl Interrupted {
    /// The exit code a process ends with when this cut its drain short.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// The two signals, caught from the moment this is made.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Catches both signals from now on. Fails only where the system refuses handlers.
    pub fn catch() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The next signal.
    pub async fn next(&mut self) -> Interrupted {
        tokio::select! {
            _ = self.interrupt.recv() => Interrupted::Interrupt,
            _ = self.terminate.recv() => Interrupted::Terminate,
        }
    }

    /// Drains at the first signal and stops at the second, or once `budget` is over. Never
    /// returns before it has stopped; run it beside the work and drop it when the work is done.
    pub async fn drive(mut self, shutdown: &Shutdown, budget: Duration) -> Interrupted {
        let first = self.next().await;
        tracing::info!(signal = ?first, budget_s = budget.as_secs(), "draining; repeat to stop now");
        shutdown.drain();
        let last = tokio::select! {
            second = self.next() => second,
            () = tokio::time::sleep(budget) => {
                tracing::warn!("the time to drain is over");
                first
            }
        };
        shutdown.stop();
        last
    }
}
