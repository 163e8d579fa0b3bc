//! gRPC: latency, the shape of answers, what is not offered.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tonic::Code;

use crate::echo::say;
use crate::node::{Node, clients};

#[tokio::test]
async fn a_unary_call_does_not_wait_for_delayed_acknowledgements() {
    let node = Node::tls().await;
    let channel = clients().grpc(&node.url("")).unwrap();
    say(channel.clone(), "/test.Echo/Say", "dial")
        .await
        .unwrap();
    let mut times = Vec::new();
    for _ in 0..50 {
        let started = Instant::now();
        assert_eq!(
            say(channel.clone(), "/test.Echo/Say", "hi").await.unwrap(),
            "hi"
        );
        times.push(started.elapsed());
    }
    times.sort();
    assert!(
        times[25] < Duration::from_millis(20),
        "median {:?}",
        times[25]
    );
}

#[tokio::test]
async fn one_port_serves_grpc_in_plaintext_too() {
    let node = Node::plain().await;
    let channel = clients().grpc(&node.url("")).unwrap();
    assert_eq!(say(channel, "/test.Echo/Say", "hi").await.unwrap(), "hi");
    let text = clients()
        .segments()
        .get(node.url("/version"))
        .send()
        .await
        .unwrap();
    assert_eq!(text.text().await.unwrap(), "HTTP/1.1");
}

#[tokio::test]
async fn failures_and_unknown_services_have_their_status() {
    let node = Node::tls().await;
    let channel = clients().grpc(&node.url("")).unwrap();
    let error = say(channel.clone(), "/test.Echo/Say", "fail")
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::Unknown, "told to fail")
    );
    let error = say(channel, "/net.Transcoder/RegisterTranscoder", "")
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::Unimplemented, "unknown service net.Transcoder")
    );
}

#[tokio::test]
async fn a_node_that_is_away_is_unavailable() {
    let node = Node::tls().await;
    node.shutdown.stop();
    node.server.await.unwrap();
    let url = format!("https://{}", node.address).parse().unwrap();
    let channel = clients().grpc(&url).unwrap();
    let error = say(channel, "/test.Echo/Say", "hi").await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "{error:?}");
}

/// Calls the echo service with a client that shows frames as they are.
async fn raw_call(node: &Node, version: http::Version) -> http::Response<hyper::body::Incoming> {
    let client = Client::builder(TokioExecutor::new())
        .http2_only(version == http::Version::HTTP_2)
        .build_http();
    // A message frame whose text is `fail`.
    let message = Bytes::from_static(b"\0\0\0\0\x06\x0a\x04fail");
    let request = Request::post(node.url("/test.Echo/Say").as_str())
        .version(version)
        .header("content-type", "application/grpc+proto")
        .body(Full::new(message))
        .unwrap();
    client.request(request).await.unwrap()
}

#[tokio::test]
async fn a_failure_has_separate_headers_and_trailers_and_no_compression() {
    let node = Node::plain().await;
    let response = raw_call(&node, http::Version::HTTP_2).await;
    assert_eq!(response.status(), 200);
    let headers = response.headers().clone();
    let announced: Vec<_> = headers.get_all("trailer").iter().collect();
    assert_eq!(
        announced,
        ["Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin"]
    );
    for absent in [
        "grpc-status",
        "grpc-message",
        "grpc-encoding",
        "grpc-accept-encoding",
    ] {
        assert!(!headers.contains_key(absent), "{absent}");
    }
    let body = response.into_body().collect().await.unwrap();
    let trailers = body.trailers().unwrap().clone();
    assert_eq!(trailers["grpc-status"], "2");
    assert_eq!(trailers["grpc-message"], "told%20to%20fail");
    assert!(body.to_bytes().is_empty());
}

#[tokio::test]
async fn grpc_over_http1_is_not_found() {
    let node = Node::plain().await;
    assert_eq!(raw_call(&node, http::Version::HTTP_11).await.status(), 404);
}
