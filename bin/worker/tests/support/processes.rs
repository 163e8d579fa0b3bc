//! The worker processes of this test, looked at from outside.

use std::time::Duration;

use rustix::process::Pid;

/// A worker process: who, and the processor time its threads have used, in nanoseconds.
struct Seen {
    pid: Pid,
    used: u64,
}

/// Worker processes started by this test process.
pub(crate) fn workers() -> Vec<Pid> {
    seen().into_iter().map(|seen| seen.pid).collect()
}

/// The worker that uses most processor time in a while.
#[allow(dead_code, reason = "not every test looks for it")]
pub(crate) async fn busiest(watch: Duration) -> Pid {
    let before = seen();
    tokio::time::sleep(watch).await;
    let spent = |now: &Seen| {
        let same = before.iter().find(|then| then.pid == now.pid);
        now.used.saturating_sub(same.map_or(0, |then| then.used))
    };
    let now = seen();
    let busiest = now.iter().max_by_key(|now| spent(now));
    busiest.expect("there are workers").pid
}

/// Descriptors of this process and its workers.
pub(crate) fn open_descriptors() -> usize {
    let count = |pid: Pid| {
        let folder = format!("/proc/{}/fd", pid.as_raw_nonzero());
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    };
    everybody().map(count).sum()
}

/// Resident memory of this process and its workers.
pub(crate) fn resident() -> u64 {
    let pages = |pid: Pid| {
        let path = format!("/proc/{}/statm", pid.as_raw_nonzero());
        let text = std::fs::read_to_string(path).ok()?;
        text.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()
    };
    everybody()
        .filter_map(pages)
        .map(|pages| pages * 4096)
        .sum()
}

fn everybody() -> impl Iterator<Item = Pid> {
    let own = Pid::from_raw(std::process::id().cast_signed());
    workers().into_iter().chain(own)
}

fn seen() -> Vec<Seen> {
    let me = std::process::id().to_string();
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok())
        .filter_map(|stat| {
            let (head, rest) = stat.rsplit_once(')')?;
            let fields: Vec<_> = rest.split_ascii_whitespace().collect();
            let (pid, name) = head.split_once(" (")?;
            // A dead one stays until it is waited for.
            let ours = fields[1] == me && fields[0] != "Z" && name.starts_with("streamflow-work");
            ours.then(|| Seen {
                used: used(pid),
                pid: Pid::from_raw(pid.parse().unwrap()).unwrap(),
            })
        })
        .collect()
}

fn used(pid: &str) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    let threads = threads.into_iter().flatten().flatten();
    threads
        .filter_map(|thread| {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split_ascii_whitespace().next()?.parse::<u64>().ok()
        })
        .sum()
}
