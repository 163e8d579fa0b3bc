//! Segments pushed over HTTP come back transcoded, and viewers see them.

use std::time::{Duration, Instant};

use streamflow_gateway::Ladder;

use crate::media::{film, ladder};
use crate::node::{Gateway, config, deps, eventually};
use crate::orchestrator::{Behaviour, Orchestrator};

#[tokio::test(flavor = "multi_thread")]
async fn renditions_come_back_as_they_were_made_and_stand_in_the_playlists() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let gateway = Gateway::of(&[&orchestrator]).await;
    for (number, film) in film().iter().enumerate() {
        let pushed = gateway.push("mani", number, &film.source).await;
        assert_eq!(pushed.status, 200, "{}", pushed.text);
        let names: Vec<&str> = pushed
            .renditions
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["small", "tiny"]);
        for (name, bytes) in &pushed.renditions {
            assert_eq!(*bytes, film.rendition(name).0);
        }
    }
    let (status, master) = gateway.text("/stream/mani.m3u8").await;
    assert_eq!(status, 200);
    for variant in ["source", "small", "tiny"] {
        assert!(master.contains(&format!("mani/{variant}.m3u8")), "{master}");
        let (_, media) = gateway.text(&format!("/stream/mani/{variant}.m3u8")).await;
        assert_eq!(
            media.matches("#EXTINF:").count(),
            film().len(),
            "{variant}: {media}"
        );
        assert!(!media.contains("GAP"));
    }
    let stream = gateway.control("/api/v1/streams/mani").await;
    assert_eq!(stream["path"], "network");
    assert_eq!(stream["resolution"], "320x180");
    assert_eq!(stream["segments"]["succeeded"], film().len());
    assert_eq!(
        stream["recent"][0]["attempts"][0]["error"],
        serde_json::Value::Null
    );
    gateway.drain().await;
    assert_eq!(orchestrator.ended(), 1, "the session is ended by word");
}

#[tokio::test(flavor = "multi_thread")]
async fn orchestrators_are_asked_exactly_for_what_was_configured() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let gateway = Gateway::of(&[&orchestrator]).await;
    let film = film();
    assert_eq!(gateway.push("asked", 17, &film[0].source).await.status, 200);
    let request = orchestrator.requests().remove(0);
    assert_eq!(request.manifest, b"asked");
    assert_eq!(
        (request.seq, request.duration),
        (17, Duration::from_secs(2))
    );
    let names: Vec<&str> = request.profiles.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["small", "tiny"]);
    assert!(request.signature.is_empty() && !request.force_session_reinit);
    assert!(
        request.slice.is_some(),
        "pushed segments carry segment parameters"
    );
    assert!(request.capabilities.set.contains(12) && request.capabilities.set.contains(26));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_header_defines_the_stream_once() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let gateway = Gateway::of(&[&orchestrator]).await;
    let film = film();
    let small = r#"{"profiles":[{"name":"small","width":160,"height":90,"bitrate":200000}]}"#;
    let tiny = r#"{"profiles":[{"name":"tiny","width":146,"height":82,"bitrate":150000}]}"#;
    let first = gateway
        .push_with("own", 0, &film[0].source, Some(small))
        .await;
    let second = gateway
        .push_with("own", 1, &film[1].source, Some(tiny))
        .await;
    for pushed in [first, second] {
        assert_eq!(
            (pushed.status, pushed.renditions.len()),
            (200, 1),
            "{}",
            pushed.text
        );
        assert_eq!(pushed.renditions[0].0, "small");
    }
    let none = gateway
        .push_with("none", 0, &film[0].source, Some(r#"{"profiles":[]}"#))
        .await;
    assert_eq!((none.status, none.renditions.len()), (200, 0));
    let bad = r#"{"profiles":[{"name":"x","width":-1,"height":90,"bitrate":1}]}"#;
    assert_eq!(
        gateway
            .push_with("bad", 0, &film[0].source, Some(bad))
            .await
            .status,
        500
    );
    let shape = r#"{"profiles":7}"#;
    assert_eq!(
        gateway
            .push_with("shape", 0, &film[0].source, Some(shape))
            .await
            .status,
        400
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_number_is_answered_and_listed_once() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let gateway = Gateway::of(&[&orchestrator]).await;
    let film = film();
    for _ in 0..2 {
        let pushed = gateway.push("again", 5, &film[0].source).await;
        assert_eq!((pushed.status, pushed.renditions.len()), (200, 2));
    }
    let (_, media) = gateway.text("/stream/again/small.m3u8").await;
    assert_eq!(media.matches("#EXTINF:").count(), 1, "{media}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_uploads_at_once_share_one_session() {
    let orchestrator = Orchestrator::start(Behaviour::Slow(Duration::from_millis(200))).await;
    let gateway = Gateway::of(&[&orchestrator]).await;
    let film = film();
    let (a, b) = tokio::join!(
        gateway.push("both", 0, &film[0].source),
        gateway.push("both", 1, &film[1].source),
    );
    assert_eq!((a.status, b.status), (200, 200));
    let sessions: Vec<String> = orchestrator
        .requests()
        .iter()
        .map(|request| request.auth_token.clone().unwrap().session_id)
        .collect();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0], sessions[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_video_are_the_clients_fault() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let gateway = Gateway::of(&[&orchestrator]).await;
    let garbage = bytes::Bytes::from(vec![7u8; 5_000]);
    let pushed = gateway.push("junk", 0, &garbage).await;
    assert_eq!(pushed.status, 422);
    assert!(
        pushed.text.contains("TranscoderInvalidVideo"),
        "{}",
        pushed.text
    );
    assert_eq!(orchestrator.segments(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_stream_ends_and_tells_its_orchestrators() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let mut config = config(&[&orchestrator]);
    config.push_idle = Duration::from_millis(300);
    let gateway = Gateway::start(config, deps()).await;
    let film = film();
    assert_eq!(gateway.push("idle", 0, &film[0].source).await.status, 200);
    eventually("the stream ends", async || orchestrator.ended() == 1).await;
    assert!(
        gateway
            .control("/api/v1/streams")
            .await
            .as_array()
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        gateway.push("idle", 1, &film[1].source).await.status,
        200,
        "and begins anew"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ladder_follows_the_source_where_nobody_says() {
    let orchestrator = Orchestrator::start(Behaviour::Fail("TranscoderStopped")).await;
    let mut config = config(&[&orchestrator]);
    config.ladder = Ladder::Auto;
    config.max_attempts = Some(1);
    let gateway = Gateway::start(config, deps()).await;
    let film = film();
    let pushed = gateway.push("auto", 0, &film[0].source).await;
    assert_eq!(pushed.status, 500, "{}", pushed.text);
    let stream = gateway.control("/api/v1/streams/auto").await;
    assert!(
        !stream["profiles"].as_array().unwrap().is_empty(),
        "{stream}"
    );
    for profile in &orchestrator.requests()[0].profiles {
        assert!(profile.width <= 320 && profile.height <= 180, "{profile:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_streams_than_allowed_are_refused() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let mut config = config(&[&orchestrator]);
    config.max_streams = 1;
    let gateway = Gateway::start(config, deps()).await;
    let film = film();
    assert_eq!(gateway.push("one", 0, &film[0].source).await.status, 200);
    assert_eq!(gateway.push("two", 0, &film[0].source).await.status, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_finishes_what_is_in_hand_and_takes_nothing_new() {
    let orchestrator = Orchestrator::start(Behaviour::Slow(Duration::from_millis(700))).await;
    let gateway = Gateway::of(&[&orchestrator]).await;
    let film = film();
    let began = Instant::now();
    let (pushed, ()) = tokio::join!(gateway.push("last", 0, &film[0].source), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        gateway.shutdown.drain();
    });
    assert_eq!(pushed.status, 200, "{}", pushed.text);
    assert_eq!(pushed.renditions.len(), ladder().len());
    assert_eq!(gateway.push("last", 1, &film[1].source).await.status, 503);
    gateway.drain().await;
    assert!(
        began.elapsed() < Duration::from_secs(6),
        "{:?}",
        began.elapsed()
    );
}
