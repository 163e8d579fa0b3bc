//! Whether the clock can be right. Auth tokens and certificates have times in them, so a node whose
//! clock is wrong is refused by its peers.

use std::path::Path;
use std::time::{Duration, SystemTime};

use super::{Check, Finding, State};
use crate::units::show_duration;

/// What time services leave while they run.
const MARKS: [(&str, &str); 4] = [
    ("/run/systemd/timesync/synchronized", "systemd-timesyncd"),
    ("/run/chrony/chronyd.pid", "chrony"),
    ("/run/chronyd.pid", "chrony"),
    ("/run/ntpd.pid", "ntpd"),
];

/// Compares the clock with the age of this program and looks for a time service.
pub(super) fn look() -> Finding {
    let written = std::env::current_exe()
        .and_then(std::fs::metadata)
        .and_then(|facts| facts.modified());
    judge(SystemTime::now(), written.ok(), |mark| mark.exists())
}

fn judge(now: SystemTime, written: Option<SystemTime>, exists: impl Fn(&Path) -> bool) -> Finding {
    let behind = written.and_then(|written| written.duration_since(now).ok());
    if let Some(behind) = behind.filter(|behind| behind.as_secs() > 0) {
        let found = format!(
            "the clock is at least {} behind",
            show_duration(Duration::from_secs(behind.as_secs()))
        );
        let cause = "this program was written to disk at a later time than the clock shows";
        let fix = "set the clock: timedatectl set-ntp true, or install chrony";
        return Finding::new(Check::Clock, State::Failed, found, cause, fix);
    }
    match MARKS.iter().find(|(mark, _)| exists(Path::new(mark))) {
        Some((_, service)) => Finding::ok(Check::Clock, format!("{service} keeps the clock")),
        None => Finding::new(
            Check::Clock,
            State::Note,
            "nothing shows that the clock is kept right",
            "no running systemd-timesyncd, chrony or ntpd was found; in a container the host does it",
            "on a machine of its own: timedatectl set-ntp true, or install chrony",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_older_than_the_program_is_wrong() {
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let early = written - Duration::from_secs(7_200);
        assert_eq!(judge(early, Some(written), |_| true).state, State::Failed);
        let later = written + Duration::from_secs(1);
        let kept = judge(later, Some(written), |mark| mark.ends_with("chronyd.pid"));
        assert_eq!(
            (kept.state, kept.found.as_str()),
            (State::Ok, "chrony keeps the clock")
        );
        assert_eq!(judge(later, None, |_| false).state, State::Note);
    }
}
