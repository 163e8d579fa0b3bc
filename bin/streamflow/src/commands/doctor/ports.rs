//! Whether the addresses of the roles are free, or held by a node that runs already.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use super::{Check, Finding, State, Subject};
use crate::config::Config;
use crate::ports::owner;

/// Port of an orchestrator when its address names none.
const ORCHESTRATOR_PORT: u16 = 8935;

/// One finding for each address of these roles, all roles when none is named.
pub(super) fn look(config: &Config, roles: &[Subject]) -> Vec<Finding> {
    let wanted = |role| roles.is_empty() || roles.contains(&role);
    let mut findings = Vec::new();
    if wanted(Subject::Gateway) {
        let table = &config.gateway;
        findings.push(address("gateway.rtmp_addr", table.rtmp_addr));
        findings.push(address("gateway.http_addr", table.http_addr));
        findings.push(address("gateway.control_addr", table.control_addr));
    }
    if wanted(Subject::Orchestrator) {
        let table = &config.orchestrator;
        let port = table.service_addr.as_ref().and_then(|url| url.0.port());
        let everywhere = (Ipv4Addr::UNSPECIFIED, port.unwrap_or(ORCHESTRATOR_PORT)).into();
        let listen = table.listen.unwrap_or(everywhere);
        findings.push(address("orchestrator.listen", listen));
        findings.push(address("orchestrator.control_addr", table.control_addr));
    }
    if wanted(Subject::Transcoder) {
        findings.push(address(
            "transcoder.control_addr",
            config.transcoder.control_addr,
        ));
    }
    findings
}

fn address(key: &str, address: SocketAddr) -> Finding {
    let Err(error) = TcpListener::bind(address) else {
        return Finding::ok(Check::Ports, format!("{key}: {address} is free"));
    };
    if error.kind() != std::io::ErrorKind::AddrInUse {
        let found = format!("{key}: {address} cannot be listened on");
        let fix = format!("set {key} to an address of this machine this user may use");
        return Finding::new(Check::Ports, State::Failed, found, error.to_string(), fix);
    }
    let holder = owner(address.port());
    if let Some(holder) = holder
        .as_deref()
        .filter(|name| name.starts_with("streamflow "))
    {
        let found = format!("{key}: {address} is in use by {holder}");
        let cause = "a node runs already";
        return Finding::new(Check::Ports, State::Note, found, cause, "");
    }
    let cause = match holder {
        Some(holder) => format!("{holder} listens there"),
        None => "a process this user may not see listens there".to_owned(),
    };
    let fix = format!("stop it, or set {key} to another port");
    let found = format!("{key}: {address} is in use");
    Finding::new(Check::Ports, State::Failed, found, cause, fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_is_fine_and_a_taken_one_names_its_holder() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = holder.local_addr().unwrap();
        let finding = address("gateway.rtmp_addr", taken);
        assert!(finding.found.contains(&taken.to_string()), "{finding:?}");
        // The test program is called streamflow-<hash>, which is not the node's name.
        assert_eq!(finding.state, State::Failed, "{finding:?}");
        let me = format!("(process {})", std::process::id());
        assert!(finding.cause.contains(&me), "{finding:?}");
        assert!(finding.fix.contains("gateway.rtmp_addr"), "{finding:?}");
        let free = address("gateway.rtmp_addr", "127.0.0.1:0".parse().unwrap());
        assert_eq!(free.state, State::Ok, "{free:?}");
    }

    #[test]
    fn an_address_of_another_machine_is_a_fault_of_the_settings() {
        let finding = address("orchestrator.listen", "192.0.2.1:8935".parse().unwrap());
        assert_eq!(finding.state, State::Failed);
        assert!(finding.fix.contains("orchestrator.listen"), "{finding:?}");
    }
}
