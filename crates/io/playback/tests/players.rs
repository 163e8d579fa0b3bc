//! Real players against a library that is fed with real film: FFmpeg's, and hls.js on the player
//! page in Chromium.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "players/film.rs"]
mod film;
#[path = "players/station.rs"]
mod station;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use serde_json::Value;
use streamflow_media::hls_check::{HlsCheck, Rule};
use streamflow_media::inspect::inspect;
use streamflow_playback::{RouterOptions, router};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tower::ServiceExt;

use film::Film;
use station::Station;

/// The longest a browser may take for all of its programme.
const PATIENCE: Duration = Duration::from_secs(240);

/// What npm is asked for: exactly what the lock file names.
const INSTALL: [&str; 5] = [
    "ci",
    "--silent",
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
];

fn film() -> Arc<Film> {
    static FILM: OnceLock<Arc<Film>> = OnceLock::new();
    FILM.get_or_init(|| Arc::new(Film::make())).clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ffprobe_finds_all_variants_of_the_master_and_reads_their_pictures() {
    let station = Station::open(film()).await;
    station
        .library
        .open_stream(&station.manifest, &Film::ladder())
        .await
        .unwrap();
    for number in 0..8 {
        station.publish(number, false, Duration::ZERO).await;
    }
    let master = format!("{}/stream/bunny.m3u8", station.address);
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json", "-show_programs", &master])
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut sizes = Vec::new();
    for program in found["programs"].as_array().unwrap() {
        let streams = program["streams"].as_array().unwrap();
        let video = streams.iter().find(|s| s["codec_type"] == "video").unwrap();
        assert!(streams.iter().any(|s| s["codec_name"] == "aac"));
        sizes.push((
            video["width"].as_u64().unwrap(),
            video["height"].as_u64().unwrap(),
        ));
    }
    assert_eq!(sizes, [(1280, 720), (640, 360), (426, 240)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ffmpeg_reads_a_rendition_across_a_gap() {
    let station = Station::open(film()).await;
    station
        .library
        .open_stream(&station.manifest, &Film::ladder())
        .await
        .unwrap();
    for number in 0..4 {
        station.publish(number, false, Duration::ZERO).await;
    }
    station.lose(4).await;
    station.publish(5, false, Duration::ZERO).await;

    let url = format!("{}/stream/bunny/240p.m3u8", station.address);
    let text = text(&station, "/stream/bunny/240p.m3u8").await;
    assert_eq!(text.matches("#EXT-X-GAP\n").count(), 1, "{text}");
    // Five segments of two seconds are there, from 0 to 12 with a hole.
    let output = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-live_start_index",
            "0",
            "-t",
            "11.5",
            "-i",
            &url,
        ])
        .args(["-map", "0:v", "-f", "framemd5", "-"])
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let frames = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|l| !l.starts_with('#'))
        .count();
    assert!(output.status.success(), "{errors}");
    assert!((280..=300).contains(&frames), "{frames} frames; {errors}");
}

async fn text(station: &Station, path: &str) -> String {
    String::from_utf8(fetch(station, path).await.to_vec()).unwrap()
}

async fn fetch(station: &Station, path: &str) -> Bytes {
    let doors = router(station.library.clone(), &RouterOptions::default());
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = doors.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.into_body().collect().await.unwrap().to_bytes()
}

/// A reader that looks after every publication and fetches every segment once.
struct StrictReader {
    check: HlsCheck,
    seen: BTreeSet<String>,
}

impl StrictReader {
    async fn look(&mut self, station: &Station) {
        let master = text(station, "/stream/bunny.m3u8").await;
        self.check.master(&master);
        for variant in master.lines().filter(|line| line.ends_with(".m3u8")) {
            let media = text(station, &format!("/stream/{variant}")).await;
            self.check.media(variant, &media);
            let mut is_gap = false;
            for line in media.lines() {
                is_gap |= line == "#EXT-X-GAP";
                if line.ends_with(".ts") && !std::mem::take(&mut is_gap) {
                    self.look_at_segment(station, variant, line).await;
                }
            }
        }
    }

    async fn look_at_segment(&mut self, station: &Station, variant: &str, uri: &str) {
        if self.seen.insert(uri.to_owned()) {
            let info = inspect(&fetch(station, uri).await).unwrap();
            self.check.segment(variant, uri, &info);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strict_reader_finds_nothing_wrong_through_gaps_and_a_return_of_the_publisher() {
    let station = Station::open(film()).await;
    let mut reader = StrictReader {
        check: HlsCheck::new(),
        seen: BTreeSet::new(),
    };
    for round in 0..2 {
        station
            .library
            .open_stream(&station.manifest, &Film::ladder())
            .await
            .unwrap();
        for number in 0..14 {
            match number {
                5 | 6 => station.lose(number).await,
                _ => {
                    station
                        .publish(number, round > 0 && number == 0, Duration::ZERO)
                        .await
                }
            }
            reader.look(&station).await;
        }
        station.library.end_stream(&station.manifest).await;
    }
    let report = reader.check.finish();
    // How the film's segments are packed is the test's own doing.
    let packing = [Rule::Clock, Rule::Transport, Rule::Tables];
    let ours = report
        .findings
        .iter()
        .filter(|found| !packing.contains(&found.rule));
    let texts: Vec<String> = ours.map(ToString::to_string).collect();
    assert!(texts.is_empty(), "{texts:#?}");
    assert!(report.segments >= 3 * 24 && report.playlists > 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_plays_switches_and_recovers_when_the_publisher_comes_back() {
    let Some(node) = browser().await else { return };
    let station = Arc::new(Station::open(film()).await);
    let on_air = station.on_air(false).await;
    let url = format!("{}/play/bunny", station.address);
    let mut child = Command::new(node)
        .arg("watch.mjs")
        .arg(&url)
        .args([
            "--levels",
            "source,360p,240p",
            "--restart-after-line",
            "--screenshot",
        ])
        .arg(screenshot("player.png"))
        .current_dir(browser_folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut to_browser = child.stdin.take().unwrap();
    let watching = async {
        let mut last = String::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            if line == "ready" {
                // The publisher leaves, and comes back counting from 0.
                on_air.abort();
                station.library.end_stream(&station.manifest).await;
                tokio::time::sleep(Duration::from_secs(4)).await;
                station.on_air(true).await;
                to_browser.write_all(b"back\n").await.unwrap();
            }
            last = line;
        }
        last
    };
    let last = tokio::time::timeout(PATIENCE, watching)
        .await
        .expect("the browser is done in time");
    println!("{last}");
    let report: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["switches"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_in_the_dark_plays_and_takes_up_qualities_that_come_later() {
    let Some(node) = browser().await else { return };
    let station = Arc::new(Station::open(film()).await);
    let _on_air = station.on_air_with_ladder_from(6, false).await;
    let url = format!("{}/play/bunny", station.address);
    let watching = Command::new(node)
        .arg("watch.mjs")
        .arg(&url)
        .args([
            "--levels",
            "source,360p,240p",
            "--phone",
            "--dark",
            "--screenshot",
        ])
        .arg(screenshot("player-phone.png"))
        .current_dir(browser_folder())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, watching)
        .await
        .expect("done in time")
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    let report: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert!(
        output.status.success() && report["ok"] == true,
        "{report:#}"
    );
}

#[tokio::test]
async fn what_the_page_carries_is_what_npm_has() {
    if browser().await.is_none() {
        return;
    }
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../web");
    if !web.join("node_modules/hls.js").exists() {
        let installed = Command::new("npm")
            .args(INSTALL)
            .current_dir(&web)
            .status()
            .await;
        assert!(installed.unwrap().success(), "npm ci in web failed");
    }
    let check = Command::new("node")
        .arg("check-vendor.mjs")
        .current_dir(&web)
        .output()
        .await;
    let check = check.unwrap();
    assert!(
        check.status.success(),
        "{}",
        String::from_utf8_lossy(&check.stderr)
    );
}

/// Where to look at what the browser saw, after the test.
fn screenshot(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn browser_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/e2e/browser")
}

/// Node with all the browser check needs; `None`, with a word, where it is not installed.
/// `STREAMFLOW_REQUIRE_BROWSER=1` makes that a failure.
async fn browser() -> Option<&'static str> {
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _turn = TURN.lock().await;
    let Some(missing) = missing_for_browser().await else {
        return Some("node");
    };
    let is_required = std::env::var("STREAMFLOW_REQUIRE_BROWSER").is_ok_and(|value| value == "1");
    assert!(
        !is_required,
        "{missing}, and STREAMFLOW_REQUIRE_BROWSER=1 asks for a browser"
    );
    eprintln!("not tried in a browser: {missing}");
    None
}

async fn missing_for_browser() -> Option<String> {
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".into());
    if !Path::new(&chromium).exists() {
        return Some(format!("there is no {chromium}"));
    }
    let runs = async |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(browser_folder())
            .stdout(Stdio::null());
        command
            .stdin(Stdio::null())
            .status()
            .await
            .is_ok_and(|status| status.success())
    };
    if !runs("node", &["--version"]).await {
        return Some("node is not installed".into());
    }
    if !browser_folder()
        .join("node_modules/playwright-core")
        .exists()
        && !runs("npm", &INSTALL).await
    {
        return Some("npm ci in tests/e2e/browser failed".into());
    }
    None
}
