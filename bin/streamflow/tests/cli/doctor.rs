//! `streamflow doctor`, and what this build knows of and does not offer.

use std::net::TcpListener;

use serde_json::Value;

use crate::program::Home;

fn finding<'a>(printed: &'a Value, check: &str) -> &'a Value {
    let findings = printed["data"].as_array().unwrap();
    findings
        .iter()
        .find(|finding| finding["check"] == check)
        .unwrap()
}

#[test]
fn a_healthy_machine_passes_and_every_finding_has_its_members() {
    let home = Home::new();
    let checks = ["doctor", "--json", "--only", "config,clock,disk,gpu"];
    let ran = home.run(&checks);
    assert_eq!(ran.code, 0, "{ran:?}");
    let printed = ran.json();
    assert_eq!(printed["data"].as_array().unwrap().len(), 4, "{printed}");
    for finding in printed["data"].as_array().unwrap() {
        for member in ["check", "state", "found", "cause", "fix"] {
            assert!(finding[member].is_string(), "{finding}");
        }
        let is_ok = finding["state"] == "ok";
        assert!(is_ok || finding["cause"] != "", "{finding}");
    }
    assert_eq!(finding(&printed, "config")["state"], "ok");
}

#[test]
fn a_taken_port_fails_with_its_holder_and_what_to_do() {
    let home = Home::new();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let text = format!("[transcoder]\ncontrol_addr = \"{address}\"\n");
    let file = home.file("c.toml", &text, 0o644);
    let arguments = [
        "doctor",
        "--json",
        "--only",
        "ports",
        "--role",
        "transcoder",
    ];
    let ran = home.run(&[&arguments[..], &["--config", &file]].concat());
    assert_eq!(ran.code, 7, "{ran:?}");
    let printed = ran.json();
    assert_eq!(
        (&printed["ok"], &printed["error"]["code"]),
        (&false.into(), &"doctor".into())
    );
    let finding = finding(&printed, "ports");
    assert_eq!(finding["state"], "failed");
    let me = format!("(process {})", std::process::id());
    assert!(
        finding["cause"].as_str().unwrap().contains(&me),
        "{finding}"
    );
    assert!(
        finding["fix"]
            .as_str()
            .unwrap()
            .contains("transcoder.control_addr"),
        "{finding}"
    );
}

#[test]
fn a_broken_file_is_a_finding_and_the_rest_is_looked_at() {
    let home = Home::new();
    let file = home.file("c.toml", "[gatway]\n", 0o644);
    let ran = home.run(&[
        "doctor",
        "--json",
        "--only",
        "config,disk",
        "--config",
        &file,
    ]);
    assert_eq!(ran.code, 7, "{ran:?}");
    let printed = ran.json();
    let broken = finding(&printed, "config");
    assert!(
        broken["cause"].as_str().unwrap().contains("c.toml:1: "),
        "{broken}"
    );
    assert_eq!(finding(&printed, "disk")["state"], "ok");
    let ran = home.run(&["doctor", "--only", "config", "--config", &file]);
    assert!(
        ran.out.contains("FAILED") && ran.out.contains("fix: "),
        "{ran:?}"
    );
}

#[test]
fn a_worker_that_is_not_there_is_named() {
    let home = Home::new();
    let ran = home.run(&[
        "doctor",
        "--json",
        "--only",
        "ffmpeg",
        "--worker",
        "/nonexistent",
    ]);
    assert_eq!(ran.code, 7, "{ran:?}");
    let printed = ran.json();
    let finding = finding(&printed, "ffmpeg");
    assert!(
        finding["cause"].as_str().unwrap().contains("/nonexistent"),
        "{finding}"
    );
    assert!(
        finding["fix"].as_str().unwrap().contains("--worker"),
        "{finding}"
    );
}

/// A machine without a driver says so of a card that was asked for, and carries on.
#[test]
fn a_card_that_cannot_be_used_is_named_with_what_is_missing() {
    let home = Home::new();
    let ran = home.run(&["doctor", "--json", "--only", "gpu", "--device", "nvidia:0"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let printed = ran.json();
    let findings = printed["data"].as_array().unwrap();
    assert_eq!(findings.len(), 2, "{printed}");
    let tried = &findings[1];
    let text = |member: &str| tried[member].as_str().unwrap().to_owned();
    if std::path::Path::new("/proc/driver/nvidia/version").exists() {
        eprintln!("skipped in part: this machine has a driver: {tried}");
        return;
    }
    if text("found") == "the cards were not tried" {
        eprintln!("skipped in part: no worker program beside this one: {tried}");
        return;
    }
    assert_eq!(tried["state"], "warning");
    assert!(
        text("found").starts_with("nvidia:0 cannot be used"),
        "{tried}"
    );
    assert!(text("cause").starts_with("driver-library: "), "{tried}");
    assert!(text("cause").contains("libcuda.so.1"), "{tried}");
    assert!(text("fix").contains("--gpus all"), "{tried}");
    let ran = home.run(&["doctor", "--json", "--device", "netint"]);
    assert!(ran.out.contains("nvidia:0,1"), "{ran:?}");
}

#[test]
fn the_report_holds_the_findings_and_no_secret() {
    let home = Home::new();
    let secret = home.file("secret", "swordfish", 0o600);
    let text = format!("[transcoder]\nsecret_file = \"{secret}\"\n");
    let file = home.file("c.toml", &text, 0o644);
    let report = home.path("report.json").display().to_string();
    let arguments = [
        "doctor", "--only", "config", "--config", &file, "--report", &report,
    ];
    let ran = home.run(&arguments);
    assert_eq!(ran.code, 0, "{ran:?}");
    let written = std::fs::read_to_string(&report).unwrap();
    assert!(!written.contains("swordfish"), "{written}");
    let written: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written["settings"][0]["key"], "transcoder.secret_file");
    assert_eq!(written["findings"][0]["check"], "config");
}

#[test]
fn what_is_known_and_not_offered_is_refused_with_a_sentence() {
    let home = Home::new();
    for arguments in [
        &["orchestrator", "--json", "--price", "1wei"][..],
        &["orchestrator", "--json", "--no-reward"],
        &["gateway", "--json", "--max-price", "1"],
        &["up", "--json", "--pilot"],
        &["wallet", "--json", "list"],
        &["join", "--json", "https://pool.example"],
    ] {
        let ran = home.run(arguments);
        assert_eq!(
            (ran.code, ran.failure_code().as_str()),
            (2, "not-offered"),
            "{ran:?}"
        );
        assert!(ran.json()["error"]["hint"] != "", "{ran:?}");
    }
    let ran = home.run(&["gateway", "--json", "--preset", "silly"]);
    assert_eq!(
        (ran.code, ran.failure_code().as_str()),
        (2, "preset"),
        "{ran:?}"
    );
}
