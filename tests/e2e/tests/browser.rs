//! The player page in a real browser, while an orchestrator dies under it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::Stdio;
use std::time::Duration;

use streamflow_e2e::network::{Network, clip, root};
use tokio::process::Command;

/// When the orchestrator dies: the picture has been moving for a while by then.
const DEATH_AFTER: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_plays_switches_levels_and_does_not_notice_a_death() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let data = tempfile::tempdir().unwrap();
    let network = Network::start(data.path(), Some(&clip())).await.unwrap();
    let levels = network.description.ladder.join(",");
    let screenshot = root().join("target/tmp/e2e-player.png");
    std::fs::create_dir_all(screenshot.parent().unwrap()).unwrap();

    let watching = Command::new("node")
        .arg("watch.mjs")
        .arg(&network.description.player)
        .args(["--seconds", "20", "--levels", &levels, "--screenshot"])
        .arg(&screenshot)
        .current_dir(root().join("tests/e2e/browser"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let (watched, ()) = tokio::join!(watching, async {
        tokio::time::sleep(DEATH_AFTER).await;
        network.kill("orchestrator-1").await.unwrap();
    });
    let watched = watched.unwrap();
    let report = String::from_utf8_lossy(&watched.stdout);
    println!("{report}");
    let errors = String::from_utf8_lossy(&watched.stderr);
    assert!(watched.status.success(), "{report}\n{errors}");
    network.stop().await.unwrap();
}
