//! Whether the data folder can be written and has room for what may be spilled into it.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statvfs};

use super::{Check, Finding, State};

/// Looks at the folder a node would use, without creating it.
pub(super) fn look(folder: &Path, wanted_bytes: u64) -> Finding {
    let place = existing(folder);
    let shown = folder.display();
    if let Err(error) = access(&place, Access::WRITE_OK | Access::EXEC_OK) {
        return Finding::new(
            Check::Disk,
            State::Failed,
            format!("the data folder {shown} cannot be written"),
            format!("{}: {error}", place.display()),
            "give this user the folder, or name another with --data-dir",
        );
    }
    let free = match statvfs(&place) {
        Ok(facts) => facts.f_bavail.saturating_mul(facts.f_frsize),
        Err(error) => {
            return Finding::new(
                Check::Disk,
                State::Warning,
                format!("the room in {shown} is unknown"),
                format!("{}: {error}", place.display()),
                "name a folder on a local disk with --data-dir",
            );
        }
    };
    let found = format!("the data folder {shown} has {} free", gib(free));
    if free < wanted_bytes {
        let cause = format!(
            "a gateway may spill {} of segments there (gateway.disk)",
            gib(wanted_bytes)
        );
        let fix =
            "free some room, set a smaller gateway.disk, or name another folder with --data-dir";
        return Finding::new(Check::Disk, State::Warning, found, cause, fix);
    }
    Finding::ok(Check::Disk, found)
}

/// The nearest folder that is there.
fn existing(folder: &Path) -> PathBuf {
    let found = folder.ancestors().find(|folder| folder.exists());
    match found {
        Some(found) if !found.as_os_str().is_empty() => found.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn gib(bytes: u64) -> String {
    const TENTH: u64 = (1 << 30) / 10;
    let tenths = bytes / TENTH;
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_its_parent() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b");
        let finding = look(&folder, 0);
        assert_eq!(finding.state, State::Ok, "{finding:?}");
        assert!(!folder.exists());
        let finding = look(&folder, u64::MAX);
        assert_eq!(finding.state, State::Warning, "{finding:?}");
        assert!(finding.cause.contains("gateway.disk"));
    }

    #[test]
    fn a_folder_below_a_file_cannot_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(look(&file.join("data"), 0).state, State::Failed);
    }

    #[test]
    fn sizes_are_shown_in_tenths() {
        assert_eq!(gib(3 << 29), "1.5 GiB");
        assert_eq!(gib(0), "0.0 GiB");
    }
}
