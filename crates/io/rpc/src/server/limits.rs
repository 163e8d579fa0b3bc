//! How many connections, from whom, and how long they may do nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Never more connections than this, however many descriptors the machine grants.
const MOST_CONNECTIONS: u64 = 16_384;

/// Never fewer, or a node with a tiny descriptor limit would serve nobody.
const FEWEST_CONNECTIONS: u64 = 64;

/// Limits of one listening port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Connections at once. Further ones wait in the kernel's queue.
    pub connections: usize,
    /// Connections at once from one address. Further ones are closed. Loopback is exempt: a
    /// proxy on this machine speaks for many.
    pub connections_per_ip: usize,
    /// From connecting, or from the first byte of a request, to the end of its headers.
    pub header_timeout: Duration,
    /// A connection without a request is closed after this.
    pub idle_timeout: Duration,
    /// A client that takes none of its answer for this long loses its connection.
    pub write_timeout: Duration,
    /// Whether a client on HTTP/1.1 that closed its side after its request is still served. Some
    /// publishers send a segment and leave at once; without this what they sent last is lost. With
    /// it, a client that gave up is noticed only when it is written to.
    pub serve_after_close: bool,
}

impl ServerLimits {
    /// Half of the descriptors of this process for connections, an eighth of those for one
    /// address.
    pub fn of_this_machine() -> Self {
        let descriptors = getrlimit(Resource::Nofile)
            .current
            .unwrap_or(MOST_CONNECTIONS);
        let connections = (descriptors / 2).clamp(FEWEST_CONNECTIONS, MOST_CONNECTIONS) as usize;
        Self {
            connections,
            connections_per_ip: (connections / 8).max(32),
            header_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(600),
            write_timeout: Duration::from_secs(60),
            serve_after_close: false,
        }
    }
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self::of_this_machine()
    }
}

/// Counts who is inside.
#[derive(Debug)]
pub(super) struct Door {
    places: Arc<Semaphore>,
    per_ip: usize,
    /// Addresses with a connection open: never more than there are places.
    inside: Mutex<HashMap<IpAddr, usize>>,
}

/// A place for a connection, before it is known whose it is.
pub(super) struct Place(OwnedSemaphorePermit);

/// A place taken. Dropping it frees the place.
#[derive(Debug)]
pub(super) struct Ticket {
    door: Arc<Door>,
    ip: IpAddr,
    _place: OwnedSemaphorePermit,
}

impl Door {
    pub(super) fn new(limits: &ServerLimits) -> Self {
        Self {
            places: Arc::new(Semaphore::new(
                limits.connections.min(Semaphore::MAX_PERMITS),
            )),
            per_ip: limits.connections_per_ip,
            inside: Mutex::default(),
        }
    }

    /// Waits for a place.
    pub(super) async fn place(&self) -> Place {
        let place = self.places.clone().acquire_owned().await;
        Place(place.expect("the semaphore is never closed"))
    }

    /// `None` when this address has all the connections it may have.
    pub(super) fn admit(self: &Arc<Self>, place: Place, ip: IpAddr) -> Option<Ticket> {
        // IPv4 clients of a dual-stack socket are counted as what they are.
        let ip = ip.to_canonical();
        let mut inside = self.lock();
        let count = inside.entry(ip).or_insert(0);
        if *count >= self.per_ip && !ip.is_loopback() {
            return None;
        }
        *count += 1;
        drop(inside);
        Some(Ticket {
            door: self.clone(),
            ip,
            _place: place.0,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut inside = self.door.lock();
        if let Some(count) = inside.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                inside.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_gets_its_share_and_loopback_all() {
        let limits = ServerLimits {
            connections: 10,
            connections_per_ip: 2,
            ..ServerLimits::of_this_machine()
        };
        let door = Arc::new(Door::new(&limits));
        let stranger: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        let mut tickets = Vec::new();
        for _ in 0..2 {
            tickets.push(door.admit(door.place().await, stranger).unwrap());
        }
        assert!(
            door.admit(door.place().await, "192.0.2.1".parse().unwrap())
                .is_none()
        );
        let here: IpAddr = "127.0.0.1".parse().unwrap();
        for _ in 0..3 {
            tickets.push(door.admit(door.place().await, here).unwrap());
        }
        tickets.clear();
        assert!(door.lock().is_empty());
        assert_eq!(door.places.available_permits(), 10);
    }
}
