//! What code inside the sandbox could try, tried. For tests and for operators who want to see:
//! `streamflow-worker --escape-test` prints one line of JSON.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::unistd::Pid;

use crate::sandbox::Sandbox;

/// Tries everything and prints which attempts were refused.
pub(crate) fn report(sandbox: &Sandbox) -> anyhow::Result<()> {
    let attempts: Vec<_> = attempts()
        .into_iter()
        .map(|(name, outcome)| {
            serde_json::json!({
                "attempt": name,
                "refused": outcome.as_ref().is_err_and(is_refusal),
                "outcome": outcome.map_or_else(|error| error.to_string(), |()| "done".to_owned()),
            })
        })
        .collect();
    let report = serde_json::json!({
        "active": sandbox.active,
        "missing": sandbox.missing,
        "attempts": attempts,
        "thread_works": std::thread::spawn(|| 7).join().is_ok_and(|seven| seven == 7),
        "memory_file_works": streamflow_engine::protocol::SealedMemory::seal(b"x").is_ok(),
    });
    writeln!(io::stdout(), "{report}")?;
    Ok(())
}

/// A missing file or a closed port is no refusal: the attempt itself went through.
fn is_refusal(error: &io::Error) -> bool {
    let refusals = [libc::EPERM, libc::EACCES, libc::ENOSYS];
    error
        .raw_os_error()
        .is_some_and(|number| refusals.contains(&number))
}

fn attempts() -> Vec<(&'static str, io::Result<()>)> {
    let parent = Pid::parent();
    let home = std::env::var_os("HOME").unwrap_or_else(|| "/root".into());
    let more_files = rustix::process::Rlimit {
        current: Some(64),
        maximum: Some(64),
    };
    vec![
        ("read /etc/shadow", File::open("/etc/shadow").map(drop)),
        ("read /etc/hostname", File::open("/etc/hostname").map(drop)),
        ("list the home folder", fs::read_dir(home).map(drop)),
        ("list /proc", fs::read_dir("/proc").map(drop)),
        (
            "create a file",
            File::create("/tmp/streamflow-escape").map(drop),
        ),
        ("make a folder", fs::create_dir("/tmp/streamflow-escape.d")),
        (
            "remove a file",
            fs::remove_file("/tmp/streamflow-escape-target"),
        ),
        (
            "connect over TCP",
            TcpStream::connect(("127.0.0.1", 9)).map(drop),
        ),
        (
            "bind a UDP port",
            UdpSocket::bind(("127.0.0.1", 0)).map(drop),
        ),
        ("make a Unix socket", UnixStream::pair().map(drop)),
        (
            "start a program",
            Command::new("/bin/true").spawn().map(drop),
        ),
        ("trace itself by the parent", errno(ptrace::traceme())),
        ("trace the parent", errno(ptrace::attach(parent))),
        (
            "signal the parent",
            errno(nix::sys::signal::kill(parent, None)),
        ),
        (
            "leave its namespaces",
            errno(nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS)),
        ),
        (
            "raise a limit",
            rustix::process::setrlimit(rustix::process::Resource::Nofile, more_files)
                .map_err(Into::into),
        ),
        (
            "allow core files",
            rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable)
                .map_err(Into::into),
        ),
    ]
}

fn errno(outcome: Result<(), Errno>) -> io::Result<()> {
    outcome.map_err(Into::into)
}
