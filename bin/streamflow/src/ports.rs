//! Listening: on the address that was asked for, or, for `up`, on the next free port after a
//! default. Whoever holds a port is named where the system tells.

use std::fs;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::config::Origin;
use crate::failure::Failure;
use crate::output::Output;

/// How far from the default a free port is looked for.
const REACH: u16 = 100;

/// What to do when a port is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenTaken {
    /// Fail.
    Fail,
    /// Take the next free one when the address is a default.
    Move,
}

/// Listens on `address` for `what`.
pub(crate) async fn listen(
    what: &str,
    address: SocketAddr,
    origin: &Origin,
    when_taken: WhenTaken,
    output: Output,
) -> Result<TcpListener, Failure> {
    let error = match TcpListener::bind(address).await {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    let taken = error.kind() == io::ErrorKind::AddrInUse;
    if taken && when_taken == WhenTaken::Move && *origin == Origin::Default {
        for port in (address.port()..).take(usize::from(REACH)).skip(1) {
            if let Ok(listener) = TcpListener::bind(SocketAddr::new(address.ip(), port)).await {
                output.note(&format!(
                    "port {} is in use; {what} is on {port}",
                    address.port()
                ));
                return Ok(listener);
            }
        }
    }
    let who = if taken { owner(address.port()) } else { None };
    let who = who
        .map(|who| format!(", held by {who}"))
        .unwrap_or_default();
    let hint = if taken {
        "stop whoever uses it, or choose another address"
    } else {
        ""
    };
    let message = format!("{what} cannot listen on {address} ({origin}): {error}{who}");
    Err(Failure::usage(if taken { "port-in-use" } else { "listen" }, message).hint(hint))
}

/// Name and number of the process that listens on a port, as far as this user may see.
pub(crate) fn owner(port: u16) -> Option<String> {
    let sockets = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| {
            let text = fs::read_to_string(table).ok()?;
            let inode = text
                .lines()
                .skip(1)
                .find_map(|line| listening_inode(line, port))?;
            Some(format!("socket:[{inode}]"))
        });
    let links: Vec<_> = sockets.collect();
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let number = process.file_name().into_string().ok()?;
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let Ok(files) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let holds = files.flatten().any(|file| {
            fs::read_link(file.path())
                .is_ok_and(|target| links.iter().any(|link| target.as_os_str() == link.as_str()))
        });
        if holds {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (process {number})", name.trim()));
        }
    }
    None
}

/// The socket's inode in a line of the kernel's table, if it listens on this port.
fn listening_inode(line: &str, port: u16) -> Option<&str> {
    const LISTEN: &str = "0A";
    let mut fields = line.split_whitespace();
    let local = fields.nth(1)?;
    let state = fields.nth(1)?;
    let is_it = state == LISTEN && local.rsplit(':').next()? == format!("{port:04X}");
    is_it.then(|| fields.nth(5)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_default_port_moves_and_a_chosen_one_names_its_owner() {
        let holder = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = holder.local_addr().unwrap();
        let quiet = Output {
            json: false,
            quiet: true,
        };
        let moved = listen("x", address, &Origin::Default, WhenTaken::Move, quiet)
            .await
            .unwrap();
        assert_ne!(moved.local_addr().unwrap(), address);
        for (origin, when) in [
            (Origin::Default, WhenTaken::Fail),
            (Origin::Flag("--x".into()), WhenTaken::Move),
        ] {
            let failure = listen("x", address, &origin, when, quiet)
                .await
                .unwrap_err();
            assert_eq!(failure.exit, crate::failure::Exit::Usage);
            let me = format!("(process {})", std::process::id());
            assert!(failure.message.contains(&me), "{}", failure.message);
        }
    }
}
