//! What media servers put on the wire, byte for byte, over sockets of our own: one that streams each
//! segment as it is made and keeps its connections (as MistServer does), and one that makes its
//! stream first and sends whole segments (as Wowza's module does).

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use streamflow_gateway::ApiKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::media::film;
use crate::node::{Gateway, config, deps, eventually};
use crate::orchestrator::{Behaviour, Orchestrator};

/// The ladder such a server sends with each segment.
const CONFIGURATION: &str = concat!(
    r#"{"manifestID":"mist+live","profiles":["#,
    r#"{"name":"small","width":160,"height":90,"bitrate":200000,"fps":0,"fpsDen":1,"#,
    r#""profile":"H264ConstrainedHigh","gop":"2.0"}]}"#
);

/// An answer as it came.
struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines();
        let mut fields = lines.filter_map(|line| line.split_once(": "));
        let found = fields.find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends bytes and reads one answer with a body in chunks or of a known length.
async fn ask(socket: &mut TcpStream, request: &[u8]) -> Answer {
    socket.write_all(request).await.unwrap();
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break end;
        }
        assert!(
            socket.read_buf(&mut bytes).await.unwrap() > 0,
            "closed before it answered"
        );
    };
    let mut rest = bytes.split_off(end + 4);
    let head = String::from_utf8(bytes).unwrap();
    let mut answer = Answer {
        head,
        body: Vec::new(),
    };
    if let Some(length) = answer.header("content-length") {
        let length: usize = length.parse().unwrap();
        while rest.len() < length {
            assert!(
                socket.read_buf(&mut rest).await.unwrap() > 0,
                "half an answer"
            );
        }
        answer.body = rest;
        return answer;
    }
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    loop {
        let line = rest.windows(2).position(|w| w == b"\r\n");
        let Some(line) = line else {
            assert!(
                socket.read_buf(&mut rest).await.unwrap() > 0,
                "half an answer"
            );
            continue;
        };
        let size = std::str::from_utf8(&rest[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        while rest.len() < line + 2 + size + 2 {
            assert!(
                socket.read_buf(&mut rest).await.unwrap() > 0,
                "half an answer"
            );
        }
        answer
            .body
            .extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest.drain(..line + 2 + size + 2);
        if size == 0 {
            return answer;
        }
    }
}

/// `PUT` in chunks, as a segment that is still being made goes out.
fn streamed(path: &str, more: &str, segment: &Bytes) -> Vec<u8> {
    let mut request = format!(
        "PUT {path} HTTP/1.1\r\nHost: gateway\r\nUser-Agent: MistServer/3.4\r\n\
         Accept: multipart/mixed\r\nContent-Duration: 2000\r\nContent-Resolution: 320x180\r\n\
         Livepeer-Transcode-Configuration: {CONFIGURATION}\r\n{more}Transfer-Encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for chunk in segment.chunks(7_000) {
        request.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

/// `POST` of a whole segment.
fn whole(path: &str, segment: &Bytes) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: gateway\r\nAccept: multipart/mixed\r\n\
         Content-Duration: 2000\r\nContent-Resolution: 320x180\r\nContent-Type: video/mp2t\r\n\
         Content-Length: {}\r\nConnection: keep-alive\r\n\r\n",
        segment.len()
    )
    .into_bytes();
    request.extend_from_slice(segment);
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_streams_segments_gets_them_back_on_the_connections_it_keeps() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let gateway = Gateway::of(&[&orchestrator]).await;
    let film = film();
    // Numbers start anywhere and skip; two connections are used in turns.
    let mut sockets = [
        TcpStream::connect(gateway.http).await.unwrap(),
        TcpStream::connect(gateway.http).await.unwrap(),
    ];
    let mut cookie = String::new();
    for (turn, number) in [(0, 41), (1, 42), (0, 45)] {
        let segment = &film[turn % film.len()];
        let request = streamed(
            &format!("/live/mist+live/{number}.ts"),
            &cookie,
            &segment.source,
        );
        let answer = ask(&mut sockets[turn], &request).await;
        assert!(
            answer.head.starts_with("HTTP/1.1 200 OK"),
            "{}",
            answer.head
        );
        let boundary = answer.header("content-type").unwrap();
        let boundary = boundary.strip_prefix("multipart/mixed; boundary=").unwrap();
        let (wanted, _) = segment.rendition("small");
        let mut expected = format!(
            "--{boundary}\r\nContent-Disposition: attachment; filename=\"small_{number}.ts\"\r\n\
             Content-Length: {}\r\nContent-Type: video/mp2t; name=\"small_{number}.ts\"\r\n\
             Rendition-Name: small\r\n\r\n",
            wanted.len()
        )
        .into_bytes();
        expected.extend_from_slice(&wanted);
        expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        assert!(answer.body == expected, "{}", answer.text());
        // Balancers pin the stream by it; who sends it needs no other.
        match answer.header("set-cookie") {
            Some(set) => cookie = format!("Cookie: {}\r\n", set.split(';').next().unwrap()),
            None => assert!(!cookie.is_empty(), "a cookie is set"),
        }
    }
    let numbers: Vec<i64> = orchestrator
        .requests()
        .iter()
        .map(|request| request.seq)
        .collect();
    assert_eq!(numbers, [41, 42, 45]);
    // What follows a skipped number waits a little for it, then stands without it.
    eventually("all three are listed", async || {
        let (_, media) = gateway.text("/stream/mist+live/small.m3u8").await;
        media.matches("#EXTINF:").count() == 3
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_makes_its_stream_first_pushes_under_the_id_it_was_given() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let mut config = config(&[&orchestrator]);
    config.api_keys = vec![ApiKey::new("sesame")];
    let gateway = Gateway::start(config, deps()).await;
    let mut socket = TcpStream::connect(gateway.http).await.unwrap();
    let list = ask(
        &mut socket,
        b"GET /api/broadcaster HTTP/1.1\r\nHost: gateway\r\n\r\n",
    )
    .await;
    let list: Value = serde_json::from_slice(&list.body).unwrap();
    assert!(list[0]["address"].is_string(), "{list}");
    let body = json!({
        "name": "wowza",
        "presets": [],
        "profiles": [{"name": "tiny", "width": 146, "height": 82, "bitrate": 150_000, "fps": 0}],
        "wowza": {"sourceInfo": {"width": 320}, "streamNameGroups": []},
    })
    .to_string();
    let request = format!(
        "POST /api/stream HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer sesame\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let made = ask(&mut socket, request.as_bytes()).await;
    let made: Value = serde_json::from_slice(&made.body).unwrap();
    assert_eq!(made["profiles"][0]["width"], 146, "{made}");
    let id = made["id"].as_str().unwrap();
    let film = film();
    let request = whole(&format!("/live/{id}/0.ts"), &film[0].source);
    // A retry of the same number is answered as well, and listed once.
    for _ in 0..2 {
        let answer = ask(&mut socket, &request).await;
        assert!(answer.head.starts_with("HTTP/1.1 200"), "{}", answer.head);
        assert!(answer.text().contains("Rendition-Name: tiny"));
    }
    let (_, media) = gateway
        .text(made["renditions"]["tiny"].as_str().unwrap())
        .await;
    assert_eq!(media.matches("#EXTINF:").count(), 1, "{media}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_segment_is_422_and_a_want_of_capacity_is_not() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let gateway = Gateway::of(&[&orchestrator]).await;
    let mut socket = TcpStream::connect(gateway.http).await.unwrap();
    let bad = Bytes::from(vec![9; 4_000]);
    let answer = ask(&mut socket, &whole("/live/bad/0.ts", &bad)).await;
    assert!(answer.head.starts_with("HTTP/1.1 422"), "{}", answer.head);

    let alone = Gateway::of(&[]).await;
    let mut socket = TcpStream::connect(alone.http).await.unwrap();
    let answer = ask(&mut socket, &whole("/live/none/0.ts", &film()[0].source)).await;
    assert!(answer.head.starts_with("HTTP/1.1 503"), "{}", answer.head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_left_does_not_cancel_what_was_bought() {
    let orchestrator = Orchestrator::start(Behaviour::Slow(Duration::from_millis(400))).await;
    let gateway = Gateway::of(&[&orchestrator]).await;
    let mut socket = TcpStream::connect(gateway.http).await.unwrap();
    let request = streamed("/live/mist+live/3.ts", "", &film()[0].source);
    socket.write_all(&request).await.unwrap();
    eventually("the segment is sent on", async || {
        orchestrator.segments() == 1
    })
    .await;
    drop(socket);
    eventually("its rendition is listed", async || {
        let (status, media) = gateway.text("/stream/mist+live/small.m3u8").await;
        status == 200 && media.contains("#EXTINF:")
    })
    .await;
}
