//! Peers that are slow, silent, many or speak something else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use streamflow_ingest::rtmp::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
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

/// A connection from another address of this machine.
async fn from(address: &str, door: &Door) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(address.parse().unwrap())?;
    socket.connect(door.address).await
}

/// Publishes the smallest frames there are as fast as they go, and comes back when sent away for
/// never completing a segment.
async fn flood(door: Arc<Door>, name: &'static str, sent: Arc<AtomicUsize>) {
    let bytes = [0xc6, 0x57, 0].repeat(8 * 1024);
    loop {
        let stream = from("127.0.0.3:0", &door).await.unwrap();
        let mut encoder = Encoder::greet(stream, &door, name).await;
        encoder.publisher.video(0, &[0x57, 0]);
        encoder.flush().await;
        while encoder.send(&bytes).await {
            sent.fetch_add(bytes.len(), Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    }
}

/// A key frame each 200 ms for two seconds; returns how late each segment came, for the time at
/// which the key frame behind it was written.
async fn lateness(door: &Door, name: &str) -> Vec<Duration> {
    let mut encoder = Encoder::connect(door, name).await;
    encoder.start();
    let (start, mut late) = (Instant::now(), Vec::new());
    let taken = |door: &Door| {
        let segments = door.segments();
        let own = segments
            .iter()
            .filter(|segment| segment.manifest.as_str() == name);
        own.count()
    };
    for index in 0..11u32 {
        tokio::time::sleep_until(start + Duration::from_millis(200) * index).await;
        encoder.picture(index * 200, true);
        encoder.flush().await;
        let written = Instant::now();
        while taken(door) < index as usize {
            assert!(
                written.elapsed() < Duration::from_secs(5),
                "segment {index} never came"
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        late.push(written.elapsed());
    }
    late
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_hostile_connections_leave_another_publisher_its_timing() {
    let limits = Limits {
        segment: Duration::from_millis(200),
        publish_within: Duration::from_secs(20),
        ..Limits::default()
    };
    let door = Arc::new(Door::open(Gate::default(), limits).await);
    let (mut hostile, sent) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    for name in ["flood1", "flood2"] {
        hostile.spawn(flood(door.clone(), name, sent.clone()));
    }
    let (mut held, mut closed) = (Vec::new(), 0);
    for _ in 0..1_000 {
        let mut stream = from("127.0.0.2:0", &door).await.unwrap();
        // A handshake that is never finished. Those beyond the limit are closed at once.
        let _ = stream.write_all(&[3; 100]).await;
        held.push(stream);
    }
    let late = lateness(&door, "good").await;
    for stream in &mut held {
        closed += usize::from(is_closed(stream, Duration::from_millis(1)).await);
    }
    hostile.abort_all();
    let sent = sent.load(Ordering::Relaxed);
    assert!(sent > 1_000_000, "a flood of {sent} bytes is none");
    let most_open = Limits::default().connections_per_address;
    assert!(
        closed >= 1_000 - most_open,
        "only {closed} of 1,000 were closed"
    );
    let worst = late.iter().max().unwrap();
    println!("at worst {worst:?} late while {sent} bytes came");
    assert!(*worst < Duration::from_millis(500), "late by {late:?}");
}

#[tokio::test]
async fn who_publishes_twice_or_without_connect_is_sent_away_at_once() {
    let door = Door::open(Gate::default(), Limits::default()).await;
    let mut twice = Encoder::connect(&door, "mani").await;
    twice.command(&["publish", "other"]).await;
    let start = Instant::now();
    while twice.read().await {}
    door.wait_left(1).await;
    let mut early = TcpStream::connect(door.address).await.unwrap();
    let mut bytes = vec![3];
    bytes.extend([0; 2 * 1536]);
    bytes.extend(Encoder::command_bytes(&["publish", "mani"]));
    early.write_all(&bytes).await.unwrap();
    assert!(is_closed(&mut early, Duration::from_secs(5)).await);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(door.gate.requests.lock().unwrap().len(), 1);
}
