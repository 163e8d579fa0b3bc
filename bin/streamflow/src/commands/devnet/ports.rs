//! Free ports of this machine.

use std::collections::HashSet;
use std::net::TcpListener;

use anyhow::bail;

use super::plan::Ports;

/// How far from the wanted port a free one is looked for.
const REACH: u16 = 200;

/// Hands out ports nobody listens on, each once.
#[derive(Default)]
pub(super) struct FreePorts {
    taken: HashSet<u16>,
}

impl Ports for FreePorts {
    fn take(&mut self, wanted: u16) -> anyhow::Result<u16> {
        for port in wanted..wanted.saturating_add(REACH) {
            if !self.taken.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
                self.taken.insert(port);
                return Ok(port);
            }
        }
        bail!(
            "no free port from {wanted} to {}",
            wanted.saturating_add(REACH)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_passed_over() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let held = holder.local_addr().unwrap().port();
        let mut ports = FreePorts::default();
        let first = ports.take(held).unwrap();
        assert_ne!(first, held);
        assert_ne!(ports.take(held).unwrap(), first);
    }
}
