//! Members of the network die and hang while a film is on the air; a reader outside misses nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::{Duration, Instant};

use streamflow_e2e::judge::{self, Expected};
use streamflow_e2e::network::{Network, clip};
use streamflow_e2e::reader::Reader;
use streamflow_e2e::{playlists, report};

/// A hang is this long: much longer than any segment's deadline.
const HANG: Duration = Duration::from_secs(30);

/// Time between two faults, for the network to get back to normal.
const BETWEEN: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_rendition_is_missing_when_members_die_or_hang() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let data = tempfile::tempdir().unwrap();
    let network = Network::start(data.path(), Some(&clip())).await.unwrap();
    let expected: Vec<_> = network
        .description
        .ladder
        .iter()
        .map(|name| Expected {
            name: name.clone(),
            size: None,
        })
        .collect();
    let reader = Reader::new(&network.description.playlist).unwrap();
    reader
        .wait_for(expected.len() + 1, Duration::from_secs(60))
        .await
        .unwrap();

    let until = Instant::now() + BETWEEN * 6 + HANG * 2;
    let (seen, ()) = tokio::join!(reader.read(until), async {
        tokio::time::sleep(BETWEEN).await;
        network.kill("transcoder-1").await.unwrap();
        tokio::time::sleep(BETWEEN).await;
        network.kill("orchestrator-1").await.unwrap();
        tokio::time::sleep(BETWEEN).await;
        network.freeze("transcoder-1", HANG).await.unwrap();
        tokio::time::sleep(BETWEEN).await;
        network.freeze("orchestrator-1", HANG).await.unwrap();
    });
    let seen = seen.unwrap();

    let verdicts = judge::judge(&seen, &expected, until).await.unwrap();
    let summary = report::summarise(&verdicts, &seen, playlists::validate(&seen));
    println!("{summary}");
    assert!(
        summary.offered >= 40,
        "only {} segments were offered",
        summary.offered
    );
    assert!(summary.ok, "{summary}");

    let now = network.describe().await.unwrap();
    for name in ["transcoder-1", "orchestrator-1"] {
        let member = now
            .members
            .iter()
            .find(|member| member.name == name)
            .unwrap();
        assert!(member.restarts >= 1, "{name} was not started again");
    }
    network.stop().await.unwrap();
}
