use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Method, Request};
use http_body_util::BodyExt;
use streamflow_runtime::{ManualClock, Metrics};
use streamflow_storage::SegmentStore;
use streamflow_types::{Container, ManifestId, Profile, SegmentNumber, SourceSegment};
use tower::ServiceExt;

use super::*;
use crate::{DeliveryPath, LibraryOptions, Place, RenditionToPublish};

const RENDITION: &str = "P240p30fps16x9";

async fn library_of(manifest: &ManifestId) -> Library {
    let (clock, metrics) = (Arc::new(ManualClock::default()), Metrics::new());
    let store = SegmentStore::in_memory(1_000_000, clock.clone(), &metrics);
    let library = Library::new(LibraryOptions::default(), store, clock, &metrics);
    let ladder = [Profile::preset(RENDITION).unwrap()];
    library.open_stream(manifest, &ladder).await.unwrap();
    library
}

async fn publish_source(library: &Library, manifest: &ManifestId, number: u64) -> Place {
    let segment = SourceSegment {
        manifest: manifest.clone(),
        number: SegmentNumber(number),
        duration: Duration::from_secs(2),
        container: Container::MpegTs,
        bytes: Bytes::from(format!("source {number}")),
        discontinuity: false,
    };
    library.publish_source(&segment, None).await.unwrap().place
}

async fn publish_rendition(library: &Library, manifest: &ManifestId, number: u64, place: Place) {
    let rendition = RenditionToPublish {
        profile: RENDITION.into(),
        container: Container::MpegTs,
        bytes: Bytes::from(format!("rendition {number}")),
        facts: None,
    };
    library
        .publish_renditions(manifest, place, DeliveryPath::Network, vec![rendition])
        .await
        .unwrap();
}

async fn library_with(name: &str) -> Library {
    let manifest = ManifestId::new(name).unwrap();
    let library = library_of(&manifest).await;
    for number in 0..2u64 {
        let place = publish_source(&library, &manifest, number).await;
        publish_rendition(&library, &manifest, number, place).await;
    }
    library
}

async fn doors() -> Router {
    router(
        library_with("demo").await,
        &RouterOptions {
            current: true,
            player: true,
        },
    )
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

async fn ask(router: &Router, method: Method, uri: &str, more: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    }
}

async fn fetch(router: &Router, uri: &str) -> Answer {
    ask(router, Method::GET, uri, &[]).await
}

/// Virtual time: nothing here waits for real.
#[tokio::test(start_paused = true)]
async fn a_master_playlist_waits_a_little_for_the_first_renditions() {
    let manifest = ManifestId::new("demo").unwrap();
    let library = library_of(&manifest).await;
    let router = router(library.clone(), &RouterOptions::default());
    let began = tokio::time::Instant::now();
    assert_eq!(fetch(&router, "/stream/demo.m3u8").await.status, 404);
    assert!(began.elapsed() < LADDER_LOOK);

    let place = publish_source(&library, &manifest, 0).await;
    let alone = fetch(&router, "/stream/demo.m3u8").await;
    assert!(!alone.text().contains("RESOLUTION=426x240"));
    assert!(began.elapsed() >= LADDER_PATIENCE);

    let began = tokio::time::Instant::now();
    let (master, ()) = tokio::join!(fetch(&router, "/stream/demo.m3u8"), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        publish_rendition(&library, &manifest, 0, place).await;
    });
    assert!(master.text().contains("RESOLUTION=426x240"));
    assert!(began.elapsed() < Duration::from_secs(2));

    let began = tokio::time::Instant::now();
    publish_source(&library, &manifest, 1).await;
    fetch(&router, "/stream/demo.m3u8").await;
    assert!(began.elapsed() < LADDER_LOOK);
}

#[tokio::test(start_paused = true)]
async fn a_master_playlist_does_not_wait_for_what_was_given_up() {
    let manifest = ManifestId::new("demo").unwrap();
    let library = library_of(&manifest).await;
    let router = router(library.clone(), &RouterOptions::default());
    let place = publish_source(&library, &manifest, 0).await;
    library.publish_gap(&manifest, place).await.unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(fetch(&router, "/stream/demo.m3u8").await.status, 200);
    assert!(began.elapsed() < LADDER_LOOK);
}

#[tokio::test]
async fn playlists_and_segments_have_their_paths_types_and_headers() {
    let router = doors().await;
    let master = fetch(&router, "/stream/demo.m3u8").await;
    assert_eq!(
        (master.status, master.header("content-type")),
        (200, "application/x-mpegURL")
    );
    assert!(
        master.text().contains("\ndemo/source.m3u8\n"),
        "{}",
        master.text()
    );
    assert!(master.text().contains("RESOLUTION=426x240"));

    let media = fetch(&router, "/stream/demo/source.m3u8").await;
    assert_eq!(media.header("content-type"), "application/x-mpegURL");
    assert!(
        media
            .text()
            .contains("#EXTINF:2.000,\n/stream/demo/source/1.ts\n")
    );

    let segment = fetch(&router, &format!("/stream/demo/{RENDITION}/1.ts")).await;
    assert_eq!((segment.status, segment.text()), (200, "rendition 1"));
    assert_eq!(segment.header("content-type"), "video/mp2t");
    for answer in [&master, &media, &segment] {
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(
            answer.header("access-control-expose-headers"),
            "Content-Length"
        );
        assert_eq!(answer.header("cache-control"), "max-age=5");
        assert_eq!(
            answer.header("content-length"),
            answer.body.len().to_string()
        );
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_404_with_the_known_text() {
    let router = doors().await;
    let missing = [
        "/stream/other.m3u8",
        "/stream/demo/144p.m3u8",
        "/stream/demo/source/2.ts",
        "/stream/demo/source/1.mp4",
        "/stream/demo/source/x.ts",
        "/stream/demo/source/1",
        "/stream/demo/source/1/1.ts",
        "/stream/demo",
        "/stream/other.json",
        "/stream/%ff.m3u8",
    ];
    for uri in missing {
        let answer = fetch(&router, uri).await;
        assert!(
            answer.status == 404 || uri.contains('%') && answer.status == 400,
            "{uri}"
        );
        if answer.status == 404 {
            assert_eq!(answer.text(), "ErrNotFound", "{uri}");
            assert_eq!(answer.header("access-control-allow-origin"), "*");
        }
    }
}

#[tokio::test]
async fn head_and_ranges_are_answered_as_http_says() {
    let router = doors().await;
    let uri = "/stream/demo/source/0.ts";
    let head = ask(&router, Method::HEAD, uri, &[]).await;
    assert_eq!(
        (head.status, head.header("content-length"), head.body.len()),
        (200, "8", 0)
    );
    assert_eq!(head.header("accept-ranges"), "bytes");

    let part = ask(&router, Method::GET, uri, &[("range", "bytes=2-4")]).await;
    assert_eq!((part.status, part.text()), (206, "urc"));
    assert_eq!(part.header("content-range"), "bytes 2-4/8");
    assert_eq!(part.header("content-length"), "3");

    let beyond = ask(&router, Method::GET, uri, &[("range", "bytes=8-")]).await;
    assert_eq!(
        (beyond.status, beyond.header("content-range")),
        (416, "bytes */8")
    );

    let if_range = [("range", "bytes=2-4"), ("if-range", "\"x\"")];
    assert_eq!(ask(&router, Method::GET, uri, &if_range).await.status, 200);
    assert_eq!(ask(&router, Method::POST, uri, &[]).await.status, 405);
    let preflight = ask(&router, Method::OPTIONS, uri, &[]).await;
    assert_eq!(preflight.header("access-control-allow-headers"), "Range");
}

#[tokio::test]
async fn names_with_odd_characters_play_under_the_paths_playlists_give() {
    let router = router(
        library_with("a b?ü".replace('ü', "#").as_str()).await,
        &RouterOptions::default(),
    );
    let master = fetch(&router, "/stream/a%20b%3F%23.m3u8").await;
    assert!(
        master.text().contains("\na%20b%3F%23/source.m3u8\n"),
        "{}",
        master.text()
    );
    let media = fetch(&router, "/stream/a%20b%3F%23/source.m3u8").await;
    let uri = media.text().lines().last().unwrap().to_owned();
    assert_eq!(uri, "/stream/a%20b%3F%23/source/1.ts");
    assert_eq!(fetch(&router, &uri).await.text(), "source 1");
}

#[tokio::test]
async fn the_newest_live_stream_is_current_where_wanted() {
    let library = library_with("demo").await;
    let with = router(
        library.clone(),
        &RouterOptions {
            current: true,
            player: false,
        },
    );
    let without = router(library.clone(), &RouterOptions::default());
    assert_eq!(fetch(&with, "/stream/current.m3u8").await.status, 200);
    assert_eq!(fetch(&without, "/stream/current.m3u8").await.status, 404);
    library.end_stream(&ManifestId::new("demo").unwrap()).await;
    assert_eq!(fetch(&with, "/stream/current.m3u8").await.status, 404);
    assert_eq!(fetch(&with, "/stream/demo.m3u8").await.status, 200);
}

#[tokio::test]
async fn streams_are_told_as_json() {
    let router = doors().await;
    let list = fetch(&router, "/stream/index.json").await;
    assert_eq!(
        (list.header("content-type"), list.header("cache-control")),
        ("application/json", "no-store")
    );
    let list: serde_json::Value = serde_json::from_slice(&list.body).unwrap();
    let one = fetch(&router, "/stream/demo.json").await;
    let one: serde_json::Value = serde_json::from_slice(&one.body).unwrap();
    assert_eq!(list["streams"][0], one["stream"]);
    let stream = &one["stream"];
    assert_eq!(
        (&stream["live"], &stream["playlist"]),
        (&true.into(), &"/stream/demo.m3u8".into())
    );
    let rendition = &stream["variants"][1];
    assert_eq!(rendition["name"], RENDITION);
    assert_eq!(rendition["path"], "network");
    assert_eq!(
        (&rendition["segments"], &rendition["last_number"]),
        (&2.into(), &1.into())
    );
}

#[tokio::test]
async fn the_player_page_comes_with_all_it_names_and_nothing_from_elsewhere() {
    let router = doors().await;
    for uri in ["/", "/play/demo"] {
        let page = fetch(&router, uri).await;
        assert_eq!(
            (page.status, page.header("content-type")),
            (200, "text/html; charset=utf-8")
        );
        assert!(
            page.header("content-security-policy")
                .starts_with("default-src 'none'")
        );
        assert!(!page.text().contains("://"), "the page points elsewhere");
        let named = page
            .text()
            .split('"')
            .filter(|text| text.starts_with("/player/"));
        let mut count = 0;
        for file in named {
            let file = fetch(&router, file).await;
            assert_eq!(file.status, 200);
            count += 1;
        }
        assert!(count >= 4, "{count} files");
    }
    assert_eq!(fetch(&router, "/player/other.js").await.status, 404);
    let script = fetch(&router, "/player/player.js").await;
    let tag = [("if-none-match", script.header("etag"))];
    let again = ask(&router, Method::GET, "/player/player.js", &tag).await;
    assert_eq!((again.status, again.body.len()), (304, 0));

    let without = router_without_player().await;
    assert_eq!(fetch(&without, "/").await.status, 404);
}

async fn router_without_player() -> Router {
    router(library_with("demo").await, &RouterOptions::default())
}
