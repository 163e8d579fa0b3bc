//! Which protocol is spoken with whom, and the HTTP/2 settings both sides announce.

use streamflow_rpc::client::with_causes;
use streamflow_rpc::{Clients, PeerPolicy};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::echo::say;
use crate::node::{Node, clients};
use crate::raw::{Frame, PREFACE, read_frame, read_preface};

async fn version(client: &reqwest::Client, node: &Node) -> String {
    client
        .get(node.url("/version"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

#[tokio::test]
async fn each_client_speaks_its_protocol() {
    let node = Node::tls().await;
    let clients = clients();
    assert_eq!(version(clients.segments(), &node).await, "HTTP/2.0");
    assert_eq!(version(clients.results(), &node).await, "HTTP/2.0");
    // Offers no protocol at all, which means HTTP/1.1.
    assert_eq!(version(clients.downloads(), &node).await, "HTTP/1.1");
}

#[tokio::test]
async fn handlers_learn_who_asks() {
    let node = Node::tls().await;
    let answer = clients()
        .segments()
        .get(node.url("/whoami"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.text().await.unwrap(), "127.0.0.1");
}

#[tokio::test]
async fn pinned_peers_are_accepted_and_others_refused() {
    let (node, other) = (Node::tls().await, Node::tls().await);
    let pinned = Clients::new(&PeerPolicy::Pinned(vec![node.identity.fingerprint()])).unwrap();
    assert_eq!(version(pinned.segments(), &node).await, "HTTP/2.0");
    let refused = pinned.segments().get(other.url("/version")).send().await;
    let reason = with_causes(&refused.unwrap_err());
    let theirs = hex::encode(other.identity.fingerprint());
    assert!(reason.contains(&theirs), "{reason}");
    assert!(reason.contains("none of those pinned"), "{reason}");
    let channel = pinned.grpc(&node.url("")).unwrap();
    assert_eq!(say(channel, "/test.Echo/Say", "hi").await.unwrap(), "hi");
    let channel = pinned.grpc(&other.url("")).unwrap();
    let refused = say(channel, "/test.Echo/Say", "hi").await.unwrap_err();
    let reason = with_causes(std::error::Error::source(&refused).unwrap());
    assert!(reason.contains("none of those pinned"), "{reason}");
}

#[tokio::test]
async fn addresses_that_are_no_node_are_refused() {
    for text in ["ftp://host:1", "unix:/tmp/x", "data:text/plain,x"] {
        let error = clients().grpc(&text.parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[tokio::test]
async fn the_server_announces_the_settings_of_the_network() {
    let node = Node::plain().await;
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream
        .write_all(&Frame::settings(&[]).bytes())
        .await
        .unwrap();
    let settings = read_frame(&mut stream).await;
    assert_eq!(settings.kind, Frame::SETTINGS);
    let settings = settings.as_settings();
    for expected in [(3, 250), (4, 1_048_576), (5, 1_048_576), (6, 1_048_896)] {
        assert!(settings.contains(&expected), "{expected:?} in {settings:?}");
    }
    let window = loop {
        let frame = read_frame(&mut stream).await;
        if frame.kind == Frame::WINDOW_UPDATE {
            break frame;
        }
    };
    assert_eq!((window.stream, window.as_number()), (0, 983_041));
}

#[tokio::test]
async fn the_result_client_announces_the_settings_of_the_network() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/transcodeResults", listener.local_addr().unwrap());
    let posting = tokio::spawn(async move { clients().results().post(url).send().await });
    let (mut stream, _) = listener.accept().await.unwrap();
    read_preface(&mut stream).await;
    let settings = read_frame(&mut stream).await.as_settings();
    for expected in [(2, 0), (4, 4_194_304), (5, 16_384)] {
        assert!(settings.contains(&expected), "{expected:?} in {settings:?}");
    }
    let window = read_frame(&mut stream).await;
    assert_eq!((window.kind, window.stream), (Frame::WINDOW_UPDATE, 0));
    assert_eq!(window.as_number(), 1_073_741_824);
    posting.abort();
}
