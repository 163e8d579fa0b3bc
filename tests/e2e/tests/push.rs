//! Clients that push over HTTP, with what such clients really send: curl and ffmpeg.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use streamflow_e2e::network::{Network, clip, looping_clip};

/// Cuts the clip into its two segments.
fn segments(folder: &Path) -> Vec<std::path::PathBuf> {
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(clip())
        .args([
            "-c",
            "copy",
            "-f",
            "segment",
            "-segment_time",
            "2",
            "-segment_format",
            "mpegts",
        ])
        .arg(folder.join("s%d.ts"))
        .status()
        .unwrap();
    assert!(status.success());
    vec![folder.join("s0.ts"), folder.join("s1.ts")]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_and_ffmpeg_push_and_get_every_rendition() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let data = tempfile::tempdir().unwrap();
    let network = Network::start(data.path(), None).await.unwrap();
    let gateway = network
        .description
        .members
        .iter()
        .find(|m| m.name == "gateway")
        .unwrap()
        .clone();
    let ladder = network.description.ladder.clone();

    for (number, segment) in segments(data.path()).iter().enumerate() {
        push_with_curl(&gateway.address, number, segment, &ladder, data.path());
    }
    push_with_ffmpeg(&gateway.address, &ladder);
    network.stop().await.unwrap();
}

fn push_with_curl(gateway: &str, number: usize, segment: &Path, ladder: &[String], folder: &Path) {
    let (head, body) = (folder.join("head"), folder.join("body"));
    let status = Command::new("curl")
        .args([
            "-sS",
            "-m",
            "30",
            "-X",
            "PUT",
            "-H",
            "Accept: multipart/mixed",
        ])
        .args([
            "-H",
            "Content-Duration: 2000",
            "-H",
            "Content-Resolution: 1280x720",
        ])
        .arg("--data-binary")
        .arg(format!("@{}", segment.display()))
        .arg("-D")
        .arg(&head)
        .arg("-o")
        .arg(&body)
        .arg(format!("{gateway}/live/curl/{number}.ts"))
        .status()
        .unwrap();
    assert!(status.success());
    let head = std::fs::read_to_string(&head).unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let boundary = head
        .split("boundary=")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .trim();

    let body = std::fs::read(&body).unwrap();
    let parts = parts(&body, boundary);
    assert_eq!(parts.len(), ladder.len(), "{head}");
    for (part, name) in parts.iter().zip(ladder) {
        let (part_head, video) = part;
        assert!(
            part_head.contains(&format!("Rendition-Name: {name}")),
            "{part_head}"
        );
        assert!(
            part_head.contains(&format!("Content-Length: {}", video.len())),
            "{part_head}"
        );
        let file = folder.join("part.ts");
        std::fs::write(&file, video).unwrap();
        assert_eq!(frames(&file), 60, "{name}");
    }
}

/// Head and body of each part.
fn parts(body: &[u8], boundary: &str) -> Vec<(String, Vec<u8>)> {
    let marker = format!("--{boundary}");
    let at: Vec<usize> = (0..body.len())
        .filter(|&i| body[i..].starts_with(marker.as_bytes()))
        .collect();
    assert!(body.ends_with(format!("\r\n--{boundary}--\r\n").as_bytes()));
    at.windows(2)
        .map(|pair| {
            let part = &body[pair[0] + marker.len() + 2..pair[1] - 2];
            let split = part.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
            (
                String::from_utf8_lossy(&part[..split]).into_owned(),
                part[split + 4..].to_vec(),
            )
        })
        .collect()
}

fn frames(file: &Path) -> usize {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-count_frames",
            "-select_streams",
            "v",
            "-show_entries",
            "stream=nb_read_frames",
            "-of",
            "csv=p=0",
        ])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .next()
        .unwrap()
        .trim_end_matches(',')
        .parse()
        .unwrap()
}

/// ffmpeg's HLS output writes each segment to the gateway; the ladder plays as ffprobe reads it.
fn push_with_ffmpeg(gateway: &str, ladder: &[String]) {
    let folder = tempfile::tempdir().unwrap();
    let film = looping_clip(folder.path()).unwrap();
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-re", "-stream_loop", "2", "-i"])
        .arg(&film)
        .args([
            "-c",
            "copy",
            "-f",
            "hls",
            "-hls_time",
            "2",
            "-hls_list_size",
            "0",
            "-method",
            "PUT",
        ])
        .args([
            "-headers",
            "Accept: multipart/mixed\r\nContent-Duration: 2000\r\n",
        ])
        .arg("-hls_segment_filename")
        .arg(format!("{gateway}/live/ffpush/%d.ts"))
        .arg(folder.path().join("local.m3u8"))
        .status()
        .unwrap();
    assert!(status.success());

    let until = Instant::now() + Duration::from_secs(15);
    for name in std::iter::once("source").chain(ladder.iter().map(String::as_str)) {
        let url = format!("{gateway}/stream/ffpush/{name}.m3u8");
        loop {
            let text = Command::new("curl")
                .args(["-sf", "-m", "5", &url])
                .output()
                .unwrap()
                .stdout;
            let listed = String::from_utf8_lossy(&text).matches("#EXTINF").count();
            if listed >= 5 {
                break;
            }
            assert!(Instant::now() < until, "{url} lists {listed} segments");
            std::thread::sleep(Duration::from_millis(200));
        }
        let probe = Command::new("ffprobe")
            .args([
                "-v",
                "error",
                "-live_start_index",
                "0",
                "-show_entries",
                "stream=codec_name",
                "-of",
                "csv=p=0",
                &url,
            ])
            .output()
            .unwrap();
        let streams = String::from_utf8_lossy(&probe.stdout);
        assert!(
            streams.contains("h264") && streams.contains("aac"),
            "{url}: {streams}"
        );
    }
}
