//! Code inside the sandbox can reach nothing: each attempt is made and refused.

#![allow(clippy::unwrap_used, reason = "test helpers beside the tests")]

use std::process::{Command, Output};

fn worker() -> &'static str {
    env!("CARGO_BIN_EXE_streamflow-worker")
}

fn report(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");
    serde_json::from_str(&text).unwrap()
}

fn assert_contained(report: &serde_json::Value) {
    let attempts = report["attempts"].as_array().unwrap();
    assert!(attempts.len() >= 15);
    for attempt in attempts {
        assert_eq!(attempt["refused"], true, "{attempt}");
    }
    assert_eq!(report["thread_works"], true);
    assert_eq!(report["memory_file_works"], true);
    let active = report["active"].as_array().unwrap();
    for layer in [
        "no-new-privileges",
        "parent-death-signal",
        "not-dumpable",
        "closed-descriptors",
        "no-capabilities",
        "resource-limits",
        "seccomp",
    ] {
        assert!(
            active.iter().any(|one| one == layer),
            "{layer} in {active:?}"
        );
    }
}

#[test]
fn every_escape_is_refused() {
    let output = Command::new(worker())
        .arg("--escape-test")
        .output()
        .unwrap();
    let report = report(&output);
    assert_contained(&report);
    // What the system does not offer is named, not passed over.
    let active = report["active"].as_array().unwrap().len();
    let missing = report["missing"].as_array().unwrap().len();
    assert_eq!(active + missing, 11, "{report}");
}

#[test]
fn without_user_namespaces_it_says_so_and_stays_contained() {
    // A namespace in which no further ones may be made.
    let forbid = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$0\" --escape-test";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", forbid, worker()])
        .output()
        .unwrap();
    if !output.status.success() {
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(
            printed.contains("unshare") || printed.contains("max_user_namespaces"),
            "{printed}"
        );
        eprintln!("skipped: this system has no user namespaces to begin with");
        return;
    }
    let report = report(&output);
    assert_contained(&report);
    let missing = report["missing"].as_array().unwrap();
    assert!(
        missing.iter().any(|one| one["layer"] == "user-namespace"),
        "{missing:?}"
    );
}

#[test]
fn arguments_by_hand_are_answered_in_words() {
    let output = Command::new(worker()).arg("--help").output().unwrap();
    assert!(!output.status.success());
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(printed.contains("started by a node"), "{printed}");
}
