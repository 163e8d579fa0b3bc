//! Why a node cannot do its job right now, as stable codes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One reason, with a line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Stable kebab-case code, such as `no-workers` or `draining`.
    pub code: &'static str,
    /// What is the matter and what would help.
    pub message: String,
}

/// The set of reasons, empty when ready. Clones share it. Bounded by the number of codes in the
/// program text, since a code is a `&'static str`.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    reasons: Arc<Mutex<BTreeMap<&'static str, String>>>,
    notes: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

impl Readiness {
    /// Ready from the start; a role that is not says so with [`block`](Self::block) first.
    pub fn new() -> Self {
        Self::default()
    }

    /// Not ready, because of this. Replaces the message of an equal code.
    pub fn block(&self, code: &'static str, message: impl Into<String>) {
        self.lock().insert(code, message.into());
    }

    /// This reason is gone.
    pub fn clear(&self, code: &'static str) {
        self.lock().remove(code);
    }

    /// `block` while `ready` is false, `clear` once it is true.
    pub fn require(&self, ready: bool, code: &'static str, message: impl Into<String>) {
        if ready {
            self.clear(code)
        } else {
            self.block(code, message)
        }
    }

    /// Good to know, and nothing that stands in the way. Replaces the note of an equal code.
    pub fn note(&self, code: &'static str, message: impl Into<String>) {
        lock(&self.notes).insert(code, message.into());
    }

    /// All notes, by code.
    pub fn notes(&self) -> Vec<Reason> {
        listed(&lock(&self.notes))
    }

    /// Whether nothing stands in the way.
    pub fn is_ready(&self) -> bool {
        self.lock().is_empty()
    }

    /// All reasons, by code.
    pub fn reasons(&self) -> Vec<Reason> {
        listed(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        lock(&self.reasons)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is one map operation, so a panicking holder leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listed(messages: &BTreeMap<&'static str, String>) -> Vec<Reason> {
    messages
        .iter()
        .map(|(code, message)| Reason {
            code,
            message: message.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_no_reason_is_left() {
        let readiness = Readiness::new();
        assert!(readiness.is_ready());
        readiness.block("no-workers", "start a transcoder");
        readiness.block("draining", "");
        readiness.block("no-workers", "attach a transcoder");
        let codes: Vec<_> = readiness
            .reasons()
            .into_iter()
            .map(|r| (r.code, r.message))
            .collect();
        assert_eq!(
            codes,
            [
                ("draining", String::new()),
                ("no-workers", "attach a transcoder".to_owned())
            ]
        );
        readiness.require(true, "no-workers", "");
        readiness.clear("draining");
        assert!(readiness.is_ready());
    }
}
