//! `./demo --check` as a person runs it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Command;

use streamflow_e2e::network::root;

#[test]
fn the_demo_checks_itself_and_prints_one_json_summary() {
    let output = Command::new("./demo")
        .args(["--check", "--offline", "--seconds", "30"])
        .env("STREAMFLOW_PROFILE", "dev")
        .current_dir(root())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    println!("{text}\n{errors}");
    assert!(output.status.success(), "the demo failed");

    let summary: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(summary["ok"], true);
    assert_eq!(summary["lost"], 0);
    for (name, width, height) in [("480p", 854, 480), ("360p", 640, 360), ("240p", 426, 240)] {
        let rendition = &summary["renditions"][name];
        assert_eq!(rendition["resolution"][0], format!("{width}x{height}"));
        assert_eq!(rendition["codec"], "h264");
        assert!(
            rendition["segments"].as_u64().unwrap() >= 8,
            "{name}: {rendition}"
        );
        assert_eq!(
            rendition["frames"],
            summary["renditions"]["source"]["frames"]
        );
    }
}
