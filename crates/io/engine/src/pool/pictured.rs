//! Sessions that brought pictures. A later segment of such a session may be sound alone; a first
//! one that is, is no video.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use streamflow_types::SessionId;

/// Sessions remembered; the oldest is forgotten first, and then counts as new. Far more than a
/// machine carries at once.
const MAX_REMEMBERED: usize = 1024;

/// Sessions that brought pictures lately.
#[derive(Debug, Default)]
pub(super) struct Pictured(Mutex<VecDeque<SessionId>>);

impl Pictured {
    /// Whether this session brought pictures.
    pub(super) fn contains(&self, session: &SessionId) -> bool {
        self.lock().contains(session)
    }

    /// Notes that it did.
    pub(super) fn insert(&self, session: &SessionId) {
        let mut sessions = self.lock();
        if !sessions.contains(session) {
            if sessions.len() >= MAX_REMEMBERED {
                sessions.pop_front();
            }
            sessions.push_back(session.clone());
        }
    }

    /// Forgets it.
    pub(super) fn remove(&self, session: &SessionId) {
        self.lock().retain(|known| known != session);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<SessionId>> {
        // Each change leaves the list whole, whatever happens after it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_remembered_until_they_end_or_many_came() {
        let pictured = Pictured::default();
        let session = |number: u32| SessionId::from_random(number.to_be_bytes());
        pictured.insert(&session(0));
        pictured.insert(&session(1));
        pictured.remove(&session(1));
        assert!(pictured.contains(&session(0)) && !pictured.contains(&session(1)));
        for number in 2..MAX_REMEMBERED as u32 + 2 {
            pictured.insert(&session(number));
            pictured.insert(&session(number));
        }
        assert!(!pictured.contains(&session(0)));
        assert!(pictured.contains(&session(2)));
        assert_eq!(pictured.lock().len(), MAX_REMEMBERED);
    }
}
