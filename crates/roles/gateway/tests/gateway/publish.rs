//! An RTMP publisher, through the whole gateway.

use std::time::Duration;

use tokio::process::Command;

use crate::media::write_film;
use crate::node::{Gateway, eventually};
use crate::orchestrator::{Behaviour, Orchestrator};

/// Publishes the film once, as fast as it plays or at once.
pub(crate) async fn publish(gateway: &Gateway, name: &str, live: bool) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.ts");
    write_film(&path);
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-loglevel", "error"]);
    if live {
        command.arg("-re");
    }
    let url = format!("rtmp://{}/live/{name}", gateway.rtmp);
    let publishing = command
        .arg("-i")
        .arg(&path)
        .args(["-c", "copy", "-f", "flv", &url])
        .kill_on_drop(true)
        .status();
    let status = tokio::time::timeout(Duration::from_secs(30), publishing).await;
    status.unwrap().unwrap().success()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_stream_is_live_with_its_source_whoever_transcodes() {
    // The orchestrators of these tests only know the film's own segments, not those cut anew.
    let orchestrator = Orchestrator::start(Behaviour::Refuse(403, "OrchestratorCapped")).await;
    let gateway = Gateway::of(&[&orchestrator]).await;
    assert!(publish(&gateway, "film", false).await);
    let listed = async || {
        let (_, media) = gateway.text("/stream/film/source.m3u8").await;
        media.matches("#EXTINF:").count() >= 4
    };
    eventually("the source is listed", listed).await;
    let stream = gateway.control("/api/v1/streams/film").await;
    assert_eq!(stream["ingest"], "rtmp");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_who_comes_back_takes_the_stream_up_again() {
    let orchestrator = Orchestrator::start(Behaviour::Refuse(403, "OrchestratorCapped")).await;
    let gateway = Gateway::of(&[&orchestrator]).await;
    let sequence = async || {
        let (_, media) = gateway.text("/stream/back/source.m3u8").await;
        let line = media
            .lines()
            .find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"));
        let first: usize = line.and_then(|line| line.parse().ok()).unwrap_or(0);
        (
            first + media.matches("#EXTINF:").count(),
            media.contains("#EXT-X-DISCONTINUITY"),
        )
    };
    assert!(publish(&gateway, "back", false).await);
    eventually("the first part is listed", async || sequence().await.0 >= 4).await;
    assert!(publish(&gateway, "back", false).await);
    eventually("the second part follows", async || {
        sequence().await == (8, true)
    })
    .await;
}
