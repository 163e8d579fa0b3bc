//! The caller's hold on a running job: stop it, and say how many threads may work.
//!
//! A thread works only while it has a [`Slot`]; it gives the slot back before it waits for
//! anything but a slot, so one slot is enough for any number of threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use streamflow_types::TranscodeFailure;

use crate::card::Card;

/// The caller's hold on a running job. Clones steer the same job.
#[derive(Clone, Debug, Default)]
pub struct Control {
    /// Stops the job.
    pub cancel: Cancel,
    /// How many threads may work at once.
    pub threads: Threads,
    /// The card it may use; none by default.
    pub card: Option<Card>,
}

impl Control {
    /// A job that may use this many threads at once.
    pub fn new(threads: usize) -> Self {
        Self {
            cancel: Cancel::default(),
            threads: Threads::new(threads),
            card: None,
        }
    }

    /// The same job on a card.
    pub fn on(mut self, card: &Card) -> Self {
        self.card = Some(card.clone());
        self
    }
}

/// Stops a job. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// The job ends with [`TranscodeFailure::Stopped`] after at most one picture a thread.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the job is to end.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// `Stopped` once cancelled.
    pub(crate) fn check(&self) -> Result<(), TranscodeFailure> {
        if self.is_cancelled() {
            return Err(TranscodeFailure::Stopped);
        }
        Ok(())
    }
}

/// How many threads of a job may work at once; can be changed while it runs. Clones share it.
#[derive(Clone, Debug)]
pub struct Threads(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    limit: usize,
    working: usize,
}

/// How long a thread sleeps between looks at the cancel flag, which wakes nobody by itself.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Default for Threads {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Threads {
    /// At most this many threads work at once; at least one does.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                limit: limit.max(1),
                working: 0,
            }),
            changed: Condvar::new(),
        }))
    }

    /// Changes the number. Threads beyond a lower one stop after the picture they are at.
    pub fn set(&self, limit: usize) {
        self.lock().limit = limit.max(1);
        self.0.changed.notify_all();
    }

    /// How many may work at once now.
    pub fn limit(&self) -> usize {
        self.lock().limit
    }

    /// Waits until `weight` more threads may work, and takes their places. A weight beyond the
    /// limit counts as the limit, so that it is always granted some time.
    fn enter(&self, weight: usize, stop: &Stop) -> Result<Slot, TranscodeFailure> {
        let mut state = self.lock();
        loop {
            stop.check()?;
            let weight = weight.min(state.limit);
            if state.working + weight <= state.limit {
                state.working += weight;
                return Ok(Slot {
                    threads: self.clone(),
                    weight,
                });
            }
            state = self
                .0
                .changed
                .wait_timeout(state, LOOK_AGAIN)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn is_crowded(&self) -> bool {
        let state = self.lock();
        state.working > state.limit
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to work, given back when dropped.
#[derive(Debug)]
struct Slot {
    threads: Threads,
    weight: usize,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.threads.lock().working -= self.weight;
        self.threads.0.changed.notify_all();
    }
}

/// Why a job ends early: its caller says so, or one of its threads failed.
#[derive(Debug)]
pub(crate) struct Stop {
    cancel: Cancel,
    failed: OnceLock<TranscodeFailure>,
}

impl Stop {
    pub(crate) fn new(cancel: Cancel) -> Self {
        Self {
            cancel,
            failed: OnceLock::new(),
        }
    }

    /// Ends the job. The first failure is the one reported.
    pub(crate) fn fail(&self, failure: TranscodeFailure) {
        let _first_one_stays = self.failed.set(failure);
    }

    /// The reason to end, once there is one.
    pub(crate) fn check(&self) -> Result<(), TranscodeFailure> {
        self.cancel.check()?;
        self.failed.get().cloned().map_or(Ok(()), Err)
    }
}

/// One thread's place in the budget.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    threads: &'a Threads,
    stop: &'a Stop,
    weight: usize,
    slot: Option<Slot>,
}

impl<'a> Turn<'a> {
    /// For a thread that keeps `weight` cores busy.
    pub(crate) fn new(threads: &'a Threads, stop: &'a Stop, weight: usize) -> Self {
        Self {
            threads,
            stop,
            weight,
            slot: None,
        }
    }

    /// Waits until the thread may work. To be called before each picture, so that a lower budget
    /// and the end of the job are noticed.
    pub(crate) fn work(&mut self) -> Result<(), TranscodeFailure> {
        self.stop.check()?;
        if self.slot.is_some() && self.threads.is_crowded() {
            self.rest();
        }
        if self.slot.is_none() {
            self.slot = Some(self.threads.enter(self.weight, self.stop)?);
        }
        Ok(())
    }

    /// Gives the place back, before waiting for anything.
    pub(crate) fn rest(&mut self) {
        self.slot = None;
    }

    /// Why to end, once there is a reason.
    pub(crate) fn check(&self) -> Result<(), TranscodeFailure> {
        self.stop.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heavy_thread_fits_into_a_small_limit() {
        let threads = Threads::new(1);
        let cancel = Cancel::default();
        let stop = Stop::new(cancel.clone());
        let mut turn = Turn::new(&threads, &stop, 2);
        turn.work().unwrap();
        cancel.cancel();
        let mut other = Turn::new(&threads, &stop, 1);
        assert_eq!(other.work(), Err(TranscodeFailure::Stopped));
        turn.rest();
        assert_eq!(threads.lock().working, 0);
    }

    #[test]
    fn raising_the_limit_lets_a_waiting_thread_in() {
        let threads = Threads::new(1);
        let stop = Stop::new(Cancel::default());
        let mut turn = Turn::new(&threads, &stop, 1);
        turn.work().unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| Turn::new(&threads, &stop, 1).work().is_ok());
            threads.set(2);
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn the_first_failure_is_the_one_reported() {
        let stop = Stop::new(Cancel::default());
        stop.fail(TranscodeFailure::Runaway);
        stop.fail(TranscodeFailure::Stopped);
        assert_eq!(stop.check(), Err(TranscodeFailure::Runaway));
    }
}
