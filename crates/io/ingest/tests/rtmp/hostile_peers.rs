//! Peers that are slow, silent, many or speak something else.

use std::time::Duration;

use streamflow_ingest::rtmp::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::door::{Door, Gate};
use crate::hand_written::Encoder;

/// A door that gives up on newcomers soon.
fn impatient() -> Limits {
    Limits {
        publish_within: Duration::from_millis(300),
        ..Limits::default()
    }
}

/// Whether the server ends the connection within this time.
async fn is_closed(stream: &mut TcpStream, within: Duration) -> bool {
    let closing = async {
        let mut buffer = [0; 4096];
        while let Ok(1..) = stream.read(&mut buffer).await {}
    };
    timeout(within, closing).await.is_ok()
}

#[tokio::test]
async fn a_peer_that_drips_its_handshake_is_sent_away_in_time() {
    let door = Door::open(Gate::default(), impatient()).await;
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let start = Instant::now();
    stream.write_all(&[3]).await.unwrap();
    // Bytes keep coming, but never enough.
    while stream.write_all(&[0]).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(start.elapsed() < Duration::from_secs(5), "still connected");
    }
    assert!(door.gate.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn silence_ends_a_connection_before_and_after_publishing() {
    let door = Door::open(Gate::default(), impatient()).await;
    let mut silent = TcpStream::connect(door.address).await.unwrap();
    assert!(is_closed(&mut silent, Duration::from_secs(5)).await);
    let limits = Limits {
        idle: Duration::from_millis(300),
        ..Limits::default()
    };
    let door = Door::open(Gate::default(), limits).await;
    let mut encoder = Encoder::connect(&door, "mani").await;
    while encoder.read().await {}
    door.wait_left(1).await;
}

#[tokio::test]
async fn a_publisher_that_never_completes_a_segment_is_sent_away() {
    let limits = Limits {
        segment: Duration::from_millis(30),
        ..Limits::default()
    };
    let door = Door::open(Gate::default(), limits).await;
    let mut encoder = Encoder::connect(&door, "mani").await;
    let start = Instant::now();
    // Something always comes, so it is not silent.
    while start.elapsed() < Duration::from_millis(400) {
        encoder.publisher.video(0, b"\x57\x00");
        encoder.flush().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        if !door.gate.left.lock().unwrap().is_empty() {
            break;
        }
    }
    let (_, text) = encoder.refusal().await;
    assert!(text.starts_with("no segment was complete within"), "{text}");
}

#[tokio::test]
async fn other_protocols_and_noise_are_turned_away_at_once() {
    let door = Door::open(Gate::default(), Limits::default()).await;
    let mut noise = vec![3; 1];
    noise.extend([0; 2 * 1536]);
    noise.extend((0..50_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8));
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x16\x03\x01", &noise] {
        let mut stream = TcpStream::connect(door.address).await.unwrap();
        // The server may close while we still write.
        let _ = stream.write_all(bytes).await;
        assert!(is_closed(&mut stream, Duration::from_secs(5)).await);
    }
    assert!(door.gate.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_places_come_back() {
    let limits = Limits {
        connections_per_address: 2,
        ..Limits::default()
    };
    let door = Door::open(Gate::default(), limits).await;
    let first = Encoder::connect(&door, "a").await;
    let _second = Encoder::connect(&door, "b").await;
    let mut third = TcpStream::connect(door.address).await.unwrap();
    assert!(is_closed(&mut third, Duration::from_secs(5)).await);
    drop(first);
    door.wait_left(1).await;
    let _fourth = Encoder::connect(&door, "c").await;
}

#[tokio::test]
async fn stopping_leaves_at_once() {
    let door = Door::open(Gate::default(), Limits::default()).await;
    let mut encoder = Encoder::connect(&door, "mani").await;
    door.shutdown.stop();
    timeout(Duration::from_secs(5), door.serving)
        .await
        .unwrap()
        .unwrap();
    while encoder.read().await {}
}
