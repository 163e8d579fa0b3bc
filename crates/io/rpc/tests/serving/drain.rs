//! Leaving: what is in flight is finished, nothing new is taken, and it does end.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use crate::node::{Node, clients};

#[tokio::test]
async fn a_drain_finishes_what_is_in_flight_and_takes_nothing_new() {
    for node in [Node::tls().await, Node::plain().await] {
        let clients = clients();
        // An idle connection beside the busy one must not hold the drain up.
        clients
            .downloads()
            .get(node.url("/version"))
            .send()
            .await
            .unwrap();
        let client = clients.segments().clone();
        let url = node.url("/slow");
        let asking = tokio::spawn(async move { client.get(url).send().await?.text().await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        node.shutdown.drain();
        assert_eq!(asking.await.unwrap().unwrap(), "done");
        let left = tokio::time::timeout(Duration::from_secs(3), node.server).await;
        left.expect("the server ends once the last answer is out")
            .unwrap();
        assert!(TcpStream::connect(node.address).await.is_err());
    }
}

#[tokio::test]
async fn a_client_without_a_request_does_not_hold_up_a_drain() {
    let node = Node::tls().await;
    let _silent = TcpStream::connect(node.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    node.shutdown.drain();
    let left = tokio::time::timeout(Duration::from_secs(7), node.server).await;
    left.expect("the server ends within the handshake limit")
        .unwrap();
}

#[tokio::test]
async fn stopping_drops_what_is_in_flight() {
    let node = Node::plain().await;
    let url = node.url("/slow");
    let asking = tokio::spawn(async move { clients().segments().get(url).send().await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = Instant::now();
    node.shutdown.stop();
    node.server.await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(250));
    assert!(asking.await.unwrap().is_err());
}
