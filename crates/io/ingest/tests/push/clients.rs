//! How clients behave: they leave, hurry, repeat themselves and use curl.

use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use streamflow_ingest::push::{Left, Limits};
use streamflow_ingest::{PushAnswer, PushedBody, PushedRendition};
use streamflow_types::{Clip, Container};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::server::{Answer, Server};

const SOON: Duration = Duration::from_secs(10);

fn one_rendition(bytes: Vec<u8>) -> Answer {
    Ok(PushAnswer::Renditions(vec![PushedRendition {
        profile: "P240p30fps16x9".to_owned(),
        container: Container::MpegTs,
        body: PushedBody::Bytes(Bytes::from(bytes)),
    }]))
}

async fn until(done: impl Fn() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, waiting).await.expect("happens soon");
}

async fn curl(arguments: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["-s", "-S", "-i", "--max-time", "20"])
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("curl is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_pushes_a_large_segment_with_all_headers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("segment.ts");
    let segment: Vec<u8> = (0..3_000_000u32).map(|n| n as u8).collect();
    std::fs::write(&file, &segment).unwrap();
    let server = Server::answering(one_rendition(vec![7; 100_000])).await;
    let url = format!("http://{}/live/mani/12.ts", server.address);
    for chunked in [false, true] {
        let mut arguments = vec![
            "-T",
            file.to_str().unwrap(),
            "-H",
            "Accept: multipart/mixed",
        ];
        arguments.extend([
            "-H",
            "Content-Duration: 1999",
            "-H",
            "Content-Resolution: 1280x720",
        ]);
        arguments.extend(["-H", "Content-Slice-From: 10", "-H", "Content-Slice-To: 20"]);
        arguments.extend([
            "-H",
            r#"Livepeer-Transcode-Configuration: {"manifestID":"x"}"#,
        ]);
        if chunked {
            arguments.extend(["-H", "Transfer-Encoding: chunked"]);
        }
        arguments.push(&url);
        let reply = curl(&arguments).await;
        assert!(reply.contains("200 OK"), "{reply}");
        assert!(reply.contains("Rendition-Name: P240p30fps16x9"));
        let request = server.gate.begun.lock().unwrap().pop().unwrap();
        assert!(request.bytes == segment);
        assert_eq!(request.url, url);
        assert_eq!((request.manifest.as_str(), request.number.0), ("mani", 12));
        assert_eq!(request.duration, Duration::from_millis(1999));
        assert_eq!(request.resolution, Some((1280, 720)));
        let clip = Clip {
            from: Duration::from_millis(10),
            to: Some(Duration::from_millis(20)),
        };
        assert_eq!(request.clip, Some(clip));
        assert_eq!(
            request.configuration,
            Some(serde_json::json!({"manifestID": "x"}))
        );
        assert!(request.client.unwrap().ip().is_loopback());
    }
}

#[tokio::test]
async fn a_client_that_leaves_does_not_cancel_the_work() {
    let server = Server::new(one_rendition(Vec::new()), 0, Limits::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = b"PUT /live/mani/5.ts HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
    stream.write_all(request).await.unwrap();
    until(|| !server.gate.begun.lock().unwrap().is_empty()).await;
    drop(stream);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(server.gate.finished.lock().unwrap().is_empty());
    server.gate.may_answer.add_permits(1);
    timeout(SOON, server.door.finished()).await.unwrap();
    assert_eq!(*server.gate.finished.lock().unwrap(), [5]);
    let left = server.gate.left.lock().unwrap().clone();
    assert_eq!(left, [(5, Left::BeforeAnswer)]);
}

#[tokio::test]
async fn a_client_that_leaves_within_an_answer_is_told_to_the_gate() {
    let more_than_sockets_hold = vec![7; 32 << 20];
    let server = Server::answering(one_rendition(more_than_sockets_hold)).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = b"PUT /live/mani/6.ts HTTP/1.1\r\nHost: h\r\nAccept: multipart/mixed\r\n\
                    Content-Length: 3\r\n\r\nabc";
    stream.write_all(request).await.unwrap();
    stream.read_exact(&mut [0; 1000]).await.unwrap();
    assert!(server.gate.left.lock().unwrap().is_empty());
    drop(stream);
    until(|| *server.gate.left.lock().unwrap() == [(6, Left::WithinAnswer)]).await;
}

#[tokio::test]
async fn uploads_of_one_stream_run_side_by_side_and_numbers_may_repeat() {
    let server = Server::new(one_rendition(vec![1]), 0, Limits::default()).await;
    let accept = [("Accept", "multipart/mixed")];
    let push = |line| server.send(line, &accept, "segment");
    let (first, second, again, ()) = tokio::join!(
        push("PUT /live/mani/3.ts"),
        push("POST /live/mani/4.ts"),
        push("PUT /live/mani/3.ts"),
        async {
            until(|| server.gate.begun.lock().unwrap().len() == 3).await;
            server.gate.may_answer.add_permits(3);
        }
    );
    for reply in [first, second, again] {
        assert_eq!(reply.status, 200);
        assert!(reply.text().contains("Rendition-Name"));
    }
}

#[tokio::test]
async fn a_cookie_is_set_once_and_is_that_of_the_node() {
    let server = Server::answering(Ok(PushAnswer::NoOutputs)).await;
    let first = server.send("PUT /live/mani/1.ts", &[], "x").await;
    let cookie = first.header("set-cookie").unwrap().to_owned();
    assert!(
        cookie.ends_with("; Path=/live; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
    let other = server
        .send("PUT /live/other/1.ts", &[("Cookie", "a=b")], "x")
        .await;
    assert_eq!(other.header("set-cookie"), Some(cookie.as_str()));
    let sent = format!("a=b; {}", cookie.split(';').next().unwrap());
    let again = server
        .send("PUT /live/mani/2.ts", &[("Cookie", &sent)], "x")
        .await;
    assert_eq!(again.header("set-cookie"), None);
}

#[tokio::test]
async fn bodies_and_uploads_beyond_the_limits_are_refused() {
    let limits = Limits {
        body_bytes: 100,
        requests_in_flight: 1,
        body_idle: Duration::from_secs(2),
        ..Limits::default()
    };
    let server = Server::new(Ok(PushAnswer::NoOutputs), Semaphore::MAX_PERMITS, limits).await;
    let large = server
        .send("PUT /live/mani/1.ts", &[], &"x".repeat(101))
        .await;
    let text = "Error reading http request body: larger than 100 bytes\n";
    assert_eq!((large.status, large.text()), (500, text));
    let request = b"PUT /live/m/1.ts HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 9\r\n\r\nabc";
    let (silent, crowded) = tokio::join!(server.exchange(request), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.send("PUT /live/mani/2.ts", &[], "x").await
    });
    let text = "Error reading http request body: nothing came for too long\n";
    assert_eq!((silent.status, silent.text()), (500, text));
    assert_eq!(
        (crowded.status, crowded.text()),
        (503, "Too many uploads in flight\n")
    );
    assert_eq!(
        server.send("PUT /live/mani/3.ts", &[], "x").await.status,
        200
    );
}

#[tokio::test]
async fn profile_names_cannot_break_out_of_their_headers() {
    let answer = PushAnswer::Renditions(vec![PushedRendition {
        profile: "a\"\r\nEvil: 1".to_owned(),
        container: Container::Mp4,
        body: PushedBody::Bytes(Bytes::new()),
    }]);
    let server = Server::answering(Ok(answer)).await;
    let accept = [("Accept", "multipart/mixed")];
    let reply = server.send("PUT /live/mani/1.mp4", &accept, "x").await;
    assert!(
        reply.text().contains("Rendition-Name: a___Evil: 1\r\n"),
        "{}",
        reply.text()
    );
}
