//! How many connections there are, in all and from each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts connections. Clones share the counts.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    most: usize,
    most_per_address: usize,
    /// Only addresses with connections, so no larger than the number of those.
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// The place of one connection; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    addresses: Addresses,
    address: IpAddr,
}

impl Addresses {
    pub(super) fn new(most: usize, most_per_address: usize) -> Self {
        Self {
            most,
            most_per_address,
            counts: Arc::default(),
        }
    }

    /// A place, if there is one.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Place> {
        let address = household(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let own = counts.get(&address).copied().unwrap_or_default();
        if own >= self.most_per_address || counts.values().sum::<usize>() >= self.most {
            return None;
        }
        counts.insert(address, own + 1);
        drop(counts);
        Some(Place {
            addresses: self.clone(),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self
            .addresses
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let own = counts.get(&self.address).copied().unwrap_or_default();
        if own > 1 {
            counts.insert(self.address, own - 1);
        } else {
            counts.remove(&self.address);
        }
    }
}

/// Whoever has one IPv6 address has at least 2⁶⁴, so those of one subnet count together.
fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn places_are_counted_by_address_and_in_all_and_given_back() {
        let addresses = Addresses::new(3, 2);
        let first = addresses.enter(ip("10.0.0.1"));
        let _second = addresses.enter(ip("::ffff:10.0.0.1")).unwrap();
        assert!(first.is_some() && addresses.enter(ip("10.0.0.1")).is_none());
        let _third = addresses.enter(ip("10.0.0.2")).unwrap();
        assert!(addresses.enter(ip("10.0.0.3")).is_none());
        drop(first);
        assert!(addresses.enter(ip("10.0.0.3")).is_some());
    }

    #[test]
    fn one_ipv6_subnet_counts_as_one() {
        let addresses = Addresses::new(10, 1);
        let _place = addresses.enter(ip("2001:db8::1")).unwrap();
        assert!(addresses.enter(ip("2001:db8::2:3")).is_none());
        assert!(addresses.enter(ip("2001:db8:0:1::1")).is_some());
    }
}
