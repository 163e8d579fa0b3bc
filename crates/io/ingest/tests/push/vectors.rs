//! The recorded answers of the network, replayed.

use bytes::Bytes;
use serde::Deserialize;
use streamflow_ingest::{PushAnswer, PushError, PushedBody, PushedRendition};
use streamflow_types::{Container, TranscodeFailure};

use crate::server::{Answer, Reply, Server};

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    case: String,
    accept: String,
    body_hex: Option<String>,
    content_type: String,
    request: String,
    response_text: Option<String>,
    result_error: Option<String>,
    status: String,
}

/// The boundary of the recording.
const BOUNDARY: &str = "00112233445566778899";

fn cases() -> Vec<Case> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../tests/vectors/push.json"
    );
    let vectors: Vectors = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(vectors.cases.len(), 8);
    vectors.cases
}

fn renditions(one: PushedBody, two: PushedBody) -> PushAnswer {
    let rendition = |profile: &str, container, body| PushedRendition {
        profile: profile.to_owned(),
        container,
        body,
    };
    PushAnswer::Renditions(vec![
        rendition("P240p30fps16x9", Container::MpegTs, one),
        rendition("b", Container::Mp4, two),
    ])
}

/// What the gate of the recorded node had to say.
fn answer(case: &Case) -> Answer {
    if case.status == "503" {
        return Err(PushError::NoSessions);
    }
    if let Some(error) = &case.result_error {
        assert_eq!(error, "No keyframes in input");
        return Err(PushError::BadSegment(TranscodeFailure::NoKeyframes));
    }
    if case.case.contains("URLs") {
        let url = |text: &str| PushedBody::Url(text.to_owned());
        return Ok(renditions(
            url("https://203.0.113.7:8935/stream/a/17.ts"),
            url("https://203.0.113.7:8935/stream/b/17.mp4"),
        ));
    }
    let bytes = |text: &'static str| PushedBody::Bytes(Bytes::from_static(text.as_bytes()));
    Ok(renditions(bytes("rendition one"), bytes("rendition two")))
}

async fn replay(case: &Case) -> Reply {
    let server = Server::answering(answer(case)).await;
    let line = case.request.replace("http://example.com", "");
    let accept = [("Accept", case.accept.as_str())];
    let headers = if case.accept.is_empty() {
        &accept[..0]
    } else {
        &accept[..]
    };
    server.send(&line, headers, "segment").await
}

/// Boundaries are drawn anew for every answer; here they become the recorded one.
fn with_recorded_boundary(reply: &Reply) -> (String, Vec<u8>) {
    let content_type = reply.header("content-type").unwrap_or_default();
    let Some(boundary) = content_type.strip_prefix("multipart/mixed; boundary=") else {
        return (content_type.to_owned(), reply.body.clone());
    };
    assert!(boundary.len() == 20 && boundary.bytes().all(|b| b.is_ascii_hexdigit()));
    let body = reply.text().replace(boundary, BOUNDARY);
    (content_type.replace(boundary, BOUNDARY), body.into_bytes())
}

#[tokio::test]
async fn answers_are_those_of_the_network_to_the_byte() {
    for case in cases() {
        let reply = replay(&case).await;
        // Of this one the network is stricter than we are; see below.
        if case.case == "Accept with a further type" {
            continue;
        }
        assert_eq!(reply.status.to_string(), case.status, "{}", case.case);
        let (content_type, body) = with_recorded_boundary(&reply);
        assert_eq!(content_type, case.content_type, "{}", case.case);
        if let Some(expected) = &case.body_hex {
            assert_eq!(hex::encode(&body), *expected, "{}", case.case);
        }
        if let Some(expected) = &case.response_text {
            assert_eq!(String::from_utf8(body).unwrap(), *expected);
        }
        let is_plain = case.content_type.starts_with("text/plain");
        let chunked = reply.header("transfer-encoding") == Some("chunked");
        assert_eq!(chunked, !is_plain, "{}: {:?}", case.case, reply.headers);
    }
}

/// Recorded: an empty answer. Ours: lists that contain the type count as well.
#[tokio::test]
async fn accept_lists_with_the_type_get_renditions_here() {
    let cases = cases();
    let case = cases
        .iter()
        .find(|case| case.case == "Accept with a further type")
        .unwrap();
    assert_eq!(
        (case.status.as_str(), case.content_type.as_str()),
        ("200", "")
    );
    let (content_type, body) = with_recorded_boundary(&replay(case).await);
    let exact = cases
        .iter()
        .find(|case| case.case == "renditions returned as bytes")
        .unwrap();
    assert_eq!(content_type, exact.content_type);
    assert_eq!(Some(hex::encode(body)), exact.body_hex);
}

#[tokio::test]
async fn a_stream_without_outputs_has_an_answer_of_length_zero() {
    let server = Server::answering(Ok(PushAnswer::NoOutputs)).await;
    let reply = server
        .send(
            "PUT /live/mani/17.ts",
            &[("Accept", "multipart/mixed")],
            "x",
        )
        .await;
    assert_eq!(
        (reply.status, reply.header("content-length")),
        (200, Some("0"))
    );
    assert_eq!((reply.header("content-type"), reply.body.len()), (None, 0));
}

#[tokio::test]
async fn every_refusal_has_its_status_and_text() {
    let url = "http://example.com/live/mani/17.ts";
    let stream = format!("Could not create stream ID: url={url}\n");
    let failed = format!(
        "http push error processing segment url={url} manifestID=mani err=\"TranscoderBusy\"\n"
    );
    let configuration = "failed to parse transcode config header: \"profiles: bad\"\n".to_owned();
    for (error, status, text) in [
        (PushError::Denied, 403, stream.clone()),
        (PushError::Stream("too many".to_owned()), 500, stream),
        (PushError::Failed(TranscodeFailure::Busy), 500, failed),
        (
            PushError::Configuration("profiles: bad".to_owned()),
            400,
            configuration,
        ),
    ] {
        let reply = Server::answering(Err(error))
            .await
            .send("PUT /live/mani/17.ts", &[], "x")
            .await;
        assert_eq!((reply.status, reply.text()), (status, text.as_str()));
        assert_eq!(
            reply.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
    }
    let server = Server::answering(Ok(PushAnswer::NoOutputs)).await;
    for (line, headers, status, text) in [
        (
            "GET /live/mani/1.ts?a=b",
            &[][..],
            405,
            "http push request wrong method=GET url=/live/mani/1.ts?a=b host=example.com\n",
        ),
        (
            "PUT /live/mani/1.m4v",
            &[],
            400,
            "ignoring file extension: .m4v\n",
        ),
        ("PUT /live/", &[], 400, "ignoring file extension: \n"),
        (
            "PUT /live/mani/1.ts",
            &[("Content-Slice-From", "1500"), ("Content-Slice-To", "100")],
            400,
            "Invalid slice config from=1.5s to=100ms\n",
        ),
    ] {
        let reply = server.send(line, headers, "").await;
        assert_eq!((reply.status, reply.text()), (status, text));
    }
    assert!(server.gate.begun.lock().unwrap().is_empty());
}
