//! Answers that come before the upload is through reach the client, on every protocol.

use tokio::net::TcpListener;

use crate::node::{Node, clients};
use crate::raw::{Frame, read_frame, read_preface, write_frames};

/// Far more than all buffers on the way take.
const UPLOAD_BYTES: usize = 32 << 20;

async fn refused(client: &reqwest::Client, node: &Node) {
    for _ in 0..5 {
        let body = vec![7u8; UPLOAD_BYTES];
        let answer = client
            .post(node.url("/refuse"))
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 403);
        assert_eq!(answer.text().await.unwrap(), "OrchestratorCapped\n");
    }
}

#[tokio::test]
async fn a_refusal_is_delivered_over_http2() {
    refused(clients().segments(), &Node::tls().await).await;
}

#[tokio::test]
async fn a_refusal_is_delivered_over_http1_with_tls() {
    refused(clients().downloads(), &Node::tls().await).await;
}

#[tokio::test]
async fn a_refusal_is_delivered_over_http1_in_plaintext() {
    refused(clients().segments(), &Node::plain().await).await;
}

#[tokio::test]
async fn an_upload_that_is_accepted_arrives_whole() {
    for node in [Node::tls().await, Node::plain().await] {
        let body = vec![0u8; 5 << 20];
        let digest = hex::encode(&alloy_primitives::keccak256(&body)[..4]);
        let answer = clients()
            .segments()
            .post(node.url("/upload"))
            .body(body)
            .send()
            .await;
        assert_eq!(
            answer.unwrap().text().await.unwrap(),
            format!("5242880 {digest}")
        );
    }
}

#[tokio::test]
async fn a_reset_without_error_after_the_answer_does_not_hide_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/segment", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_preface(&mut stream).await;
        write_frames(&mut stream, &[Frame::settings(&[])]).await;
        while read_frame(&mut stream).await.kind != Frame::DATA {}
        let frame = |kind, flags, payload: &[u8]| Frame {
            kind,
            flags,
            stream: 1,
            payload: payload.to_vec(),
        };
        // 0x8c is the one-byte form of `:status: 400`.
        let answer = [
            frame(Frame::HEADERS, Frame::END_HEADERS, &[0x8c]),
            frame(Frame::DATA, Frame::END_STREAM, b"BadRequest\n"),
            frame(Frame::RESET, 0, &[0; 4]),
        ];
        write_frames(&mut stream, &answer).await;
        stream
    });
    let body = vec![7u8; UPLOAD_BYTES];
    let answer = clients()
        .results()
        .post(url)
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.text().await.unwrap(), "BadRequest\n");
    drop(server.await.unwrap());
}
