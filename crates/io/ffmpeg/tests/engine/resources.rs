//! Nothing is left behind by jobs, well or badly ended. Runs in a process of its own, since other
//! tests open files too.

use std::fs;
use std::process::Command;

use streamflow_types::{AudioMode, Container, FrameRate, Work};

use crate::clips::{profile, run, short};

/// Set in the child.
const CHILD: &str = "STREAMFLOW_FFMPEG_LEAK_CHILD";

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn a_hundred_jobs_leave_nothing_behind() {
    if std::env::var_os(CHILD).is_none() {
        let output = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "resources::a_hundred_jobs_leave_nothing_behind",
                "--nocapture",
            ])
            .env(CHILD, "1")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        // The library has nothing to say on the worker's own channel.
        let text = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert!(!text.contains("x264") && !text.contains("error"), "{text}");
        return;
    }
    let source = short(6);
    let mut work = Work::new(vec![
        profile(320, 180, FrameRate::SOURCE),
        profile(160, 90, FrameRate::whole(15)),
    ]);
    work.profiles[1].container = Some(Container::Mp4);
    work.signature = true;
    work.audio = AudioMode::Aac;
    let round = |count: usize| {
        for number in 0..count {
            run(&source, &work).unwrap();
            run(&source[..source.len() * (number % 10) / 10 + 1], &work).ok();
        }
    };
    round(20);
    let before = (resident_kib(), descriptors(), threads());
    round(100);
    let after = (resident_kib(), descriptors(), threads());
    assert_eq!((before.1, before.2), (after.1, after.2));
    assert!(
        after.0 < before.0 + 8 * 1024,
        "{} KiB became {} KiB",
        before.0,
        after.0
    );
}
