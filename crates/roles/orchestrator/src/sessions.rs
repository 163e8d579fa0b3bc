//! The sessions that run here: who is admitted, in which order segments are worked on, and when a
//! session is over.
//!
//! Capacity is what live leases hold, never a counter: a gateway that vanished frees its place by
//! itself. The session's state stays as long as the network expects.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use streamflow_types::SessionId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A session without segments for this long is over.
pub(crate) const IDLE: Duration = Duration::from_secs(70);

/// Segments of one session that wait while one is worked on.
const WAITING: usize = 4;

/// A lease lives this many durations of the segment that renewed it.
const LEASE_DURATIONS: u32 = 3;

/// Sessions remembered at once, leased or not: a bound on memory against peers that open new ones
/// all the time. Those without a lease go first.
const MAX_SESSIONS: usize = 100_000;

/// Why a segment does not get a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No further session is carried.
    Capped,
    /// The session has as many segments as it may have.
    Busy,
}

struct Session {
    /// One segment at a time, in the order they came.
    turn: Arc<Semaphore>,
    /// One for the segment worked on, and one for each that waits.
    places: Arc<Semaphore>,
    used: Instant,
    lease_until: Instant,
}

/// All sessions.
#[derive(Default)]
pub(crate) struct Sessions {
    table: Mutex<HashMap<SessionId, Session>>,
}

/// A segment's place in its session. Dropping it lets the next one go.
pub(crate) struct Place {
    turn: Arc<Semaphore>,
    _place: OwnedSemaphorePermit,
}

impl Place {
    /// Waits for the segments before this one.
    pub(crate) async fn turn(&self) -> OwnedSemaphorePermit {
        let turn = self.turn.clone().acquire_owned().await;
        turn.expect("a session's semaphore is never closed")
    }
}

impl Sessions {
    /// Whether a segment of this session would be admitted now.
    pub(crate) fn admits(&self, id: &SessionId, limit: u32, now: Instant) -> bool {
        let table = self.table();
        is_leased(&table, id, now) || leased(&table, now) < limit as usize
    }

    /// Whether a new session would be admitted now.
    pub(crate) fn has_room(&self, limit: u32, now: Instant) -> bool {
        leased(&self.table(), now) < limit as usize
    }

    /// Sessions with a lease.
    pub(crate) fn active(&self, now: Instant) -> usize {
        leased(&self.table(), now)
    }

    /// Takes a segment in: renews the session's lease, or opens the session.
    pub(crate) fn enter(
        &self,
        id: &SessionId,
        duration: Duration,
        limit: u32,
        now: Instant,
    ) -> Result<Place, Refused> {
        let mut table = self.table();
        let has_room = is_leased(&table, id, now) || leased(&table, now) < limit as usize;
        if !has_room || (table.len() >= MAX_SESSIONS && !table.contains_key(id)) {
            return Err(Refused::Capped);
        }
        let session = table.entry(id.clone()).or_insert_with(|| Session {
            turn: Arc::new(Semaphore::new(1)),
            places: Arc::new(Semaphore::new(1 + WAITING)),
            used: now,
            lease_until: now,
        });
        session.used = now;
        session.lease_until = session.lease_until.max(now + duration * LEASE_DURATIONS);
        let place = session
            .places
            .clone()
            .try_acquire_owned()
            .map_err(|_| Refused::Busy)?;
        Ok(Place {
            turn: session.turn.clone(),
            _place: place,
        })
    }

    /// Forgets a session; unknown ones are none.
    pub(crate) fn end(&self, id: &SessionId) {
        self.table().remove(id);
    }

    /// Forgets sessions without segments for [`IDLE`] and names them.
    pub(crate) fn sweep(&self, now: Instant) -> Vec<SessionId> {
        let mut table = self.table();
        let is_over = |session: &Session| {
            let idle = now.saturating_duration_since(session.used) > IDLE;
            idle && session.places.available_permits() == 1 + WAITING
        };
        let over: Vec<_> = table
            .iter()
            .filter(|(_, s)| is_over(s))
            .map(|(id, _)| id.clone())
            .collect();
        over.iter().for_each(|id| {
            table.remove(id);
        });
        over
    }

    fn table(&self) -> MutexGuard<'_, HashMap<SessionId, Session>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn leased(table: &HashMap<SessionId, Session>, now: Instant) -> usize {
    table
        .values()
        .filter(|session| session.lease_until > now)
        .count()
}

fn is_leased(table: &HashMap<SessionId, Session>, id: &SessionId, now: Instant) -> bool {
    table
        .get(id)
        .is_some_and(|session| session.lease_until > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_SECONDS: Duration = Duration::from_secs(2);

    fn id(text: &str) -> SessionId {
        SessionId::new(text).unwrap()
    }

    #[test]
    fn a_session_holds_its_place_while_its_lease_lives() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        drop(sessions.enter(&id("a"), TWO_SECONDS, 1, now).unwrap());
        let refused = sessions.enter(&id("b"), TWO_SECONDS, 1, now).err();
        assert_eq!(refused, Some(Refused::Capped));
        assert!(sessions.admits(&id("a"), 1, now) && !sessions.has_room(1, now));
        // A gateway that vanished frees its place without a word.
        let later = now + TWO_SECONDS * LEASE_DURATIONS + Duration::from_millis(1);
        assert!(sessions.enter(&id("b"), TWO_SECONDS, 1, later).is_ok());
    }

    #[test]
    fn five_segments_are_taken_and_the_sixth_finds_it_busy() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let taken: Vec<_> = (0..5)
            .map(|_| sessions.enter(&id("a"), TWO_SECONDS, 1, now).unwrap())
            .collect();
        assert_eq!(
            sessions.enter(&id("a"), TWO_SECONDS, 1, now).err(),
            Some(Refused::Busy)
        );
        drop(taken);
        assert!(sessions.enter(&id("a"), TWO_SECONDS, 1, now).is_ok());
    }

    #[tokio::test]
    async fn segments_of_a_session_take_turns() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let first = sessions.enter(&id("a"), TWO_SECONDS, 1, now).unwrap();
        let second = sessions.enter(&id("a"), TWO_SECONDS, 1, now).unwrap();
        let turn = first.turn().await;
        let wait = tokio::time::timeout(Duration::from_millis(20), second.turn()).await;
        assert!(wait.is_err());
        drop(turn);
        drop(second.turn().await);
    }

    #[test]
    fn idle_sessions_are_swept_but_not_those_at_work() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let at_work = sessions.enter(&id("a"), TWO_SECONDS, 9, now).unwrap();
        drop(sessions.enter(&id("b"), TWO_SECONDS, 9, now).unwrap());
        assert!(sessions.sweep(now + IDLE).is_empty());
        let later = now + IDLE + Duration::from_secs(1);
        assert_eq!(sessions.sweep(later), [id("b")]);
        drop(at_work);
        assert_eq!(sessions.sweep(later), [id("a")]);
    }
}
