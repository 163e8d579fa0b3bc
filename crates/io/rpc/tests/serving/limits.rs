//! Clients that do nothing, or almost nothing, lose their connection; a handler that panics costs
//! one answer.

use std::time::{Duration, Instant};

use streamflow_rpc::ServerLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::node::{Node, clients};

fn quick() -> ServerLimits {
    ServerLimits {
        connections: 64,
        connections_per_ip: 64,
        header_timeout: Duration::from_millis(500),
        idle_timeout: Duration::from_secs(3),
        write_timeout: Duration::from_secs(1),
        serve_after_close: false,
    }
}

/// How long the connection stays open after these bytes were sent, and what came back.
async fn open_time(node: &Node, bytes: &[u8]) -> (Duration, Vec<u8>) {
    let started = Instant::now();
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    // A reset ends it as well.
    let _ = tokio::time::timeout(Duration::from_secs(10), reading)
        .await
        .expect("it is closed");
    (started.elapsed(), answer)
}

#[tokio::test]
async fn headers_that_do_not_come_or_do_not_end_close_the_connection() {
    for tls in [false, true] {
        let node = Node::start(tls, quick()).await;
        for bytes in [&b""[..], b"GET /version HTTP/1.1\r\nHost: x\r\nA:"] {
            let (time, _) = open_time(&node, bytes).await;
            assert!(time < Duration::from_secs(3), "{time:?} for {bytes:?}");
        }
    }
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_its_time_and_then_closed() {
    let node = Node::start(false, quick()).await;
    let (time, answer) = open_time(&node, b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(
        answer.ends_with(b"HTTP/1.1"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    assert!(
        time > Duration::from_millis(2_500) && time < Duration::from_secs(7),
        "{time:?}"
    );
}

#[tokio::test]
async fn a_full_server_lets_the_next_wait_until_one_leaves() {
    let node = Node::start(
        false,
        ServerLimits {
            connections: 1,
            ..quick()
        },
    )
    .await;
    let first = TcpStream::connect(node.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let url = node.url("/version");
    let waiting = tokio::spawn(async move { clients().segments().get(url).send().await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    drop(first);
    assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_panic_in_a_handler_answers_500_and_the_connection_lives_on() {
    for node in [Node::tls().await, Node::plain().await] {
        let clients = clients();
        let answer = clients
            .segments()
            .get(node.url("/panic"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 500);
        let answer = clients
            .segments()
            .get(node.url("/version"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
    }
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answer_loses_its_connection() {
    for tls in [false, true] {
        let node = Node::start(tls, quick()).await;
        let answer = clients()
            .downloads()
            .get(node.url("/large"))
            .send()
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!(answer.bytes().await.is_err());
    }
}
