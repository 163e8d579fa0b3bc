//! `POST /segment` and `POST /payment`.

use std::time::{Duration, Instant};

use serde_json::Value;
use streamflow_orchestrator::{Identity, SessionLimit};
use streamflow_types::{Pixels, Rendition, TranscodeFailure};
use streamflow_wire::result::SegmentAnswer;
use streamflow_wire::segment::{PAYMENT_HEADER, SEGMENT_HEADER};

use super::node::{Fixed, Node, Setup, vectors};

/// Why a recorded case is not replayed here: it is decided by the books of payments.
fn pays(row: &Value) -> bool {
    let case = row["case"].as_str().unwrap();
    // 400 is the status of refused payments, but for a segment that could not be fetched.
    (row["status"] == "400" && row["response_text"] != "BadRequest\n")
        || row["new_ticket_params_error"].is_string()
        || case.contains("balance")
}

fn setup(row: &Value) -> Setup {
    let mut setup = Setup::recorded();
    if row["offchain"] == true {
        setup.identity = Identity::OffChain;
    }
    if let Some(sessions) = row["max_sessions"].as_str() {
        setup.sessions = SessionLimit::Fixed(sessions.parse().unwrap());
    }
    if let Some(bytes) = row["max_segment_bytes"].as_str() {
        setup.max_segment_bytes = bytes.parse().unwrap();
    }
    let mut engine = Fixed::default();
    if let Some(text) = row["transcoder_error"].as_str() {
        engine.failure = Some(TranscodeFailure::from_text(text));
    }
    if row["renditions"] == "1" {
        engine.renditions.truncate(1);
    }
    if let Some(sizes) = row["rendition_bytes"].as_array() {
        for (rendition, size) in engine.renditions.iter_mut().zip(sizes) {
            let size: usize = size.as_str().unwrap().parse().unwrap();
            rendition.bytes = rendition.bytes.slice(..size);
        }
    }
    setup.engine = Some(engine);
    match row["transcoder"].as_str() {
        Some("remote, none attached") => {
            (setup.engine, setup.transcoders) = (None, true);
        }
        Some(other) => panic!("{other}"),
        None => {}
    }
    setup
}

fn header<'a>(file: &'a Value, row: &'a Value, name: &str, short: &str) -> &'a str {
    match row[format!("{short}_header")].as_str() {
        Some(entry) => file["headers"][entry].as_str().unwrap(),
        None => row[format!("header_{name}").replace('-', "_")]
            .as_str()
            .unwrap(),
    }
}

async fn post(node: &Node, file: &Value, row: &Value, path: &str) -> reqwest::Response {
    let body = match (row["body"].as_str(), row["body_hex"].as_str()) {
        (Some("segment_body"), _) => hex::decode(file["segment_body"].as_str().unwrap()).unwrap(),
        (Some("<url>"), _) => b"http://127.0.0.1:9/nothing".to_vec(),
        (None, Some(hex)) => hex::decode(hex).unwrap(),
        (None, None) => Vec::new(),
        (Some(other), _) => panic!("{other}"),
    };
    node.clients
        .segments()
        .post(node.url(path))
        .header(PAYMENT_HEADER, header(file, row, PAYMENT_HEADER, "payment"))
        .header(SEGMENT_HEADER, header(file, row, SEGMENT_HEADER, "segment"))
        .header(
            "content-type",
            row["content_type"].as_str().unwrap_or("video/MP2T"),
        )
        .body(body)
        .send()
        .await
        .unwrap()
}

/// Opens the sessions a case says are open.
async fn open_sessions(node: &Node, file: &Value, row: &Value) {
    for session in row["sessions_open"].as_array().into_iter().flatten() {
        let mut opener = file["segment"][0].clone();
        if session != "f1405ced" {
            // Another session of the same sender, from a case that has one.
            let other = file["segment"].as_array().unwrap().iter();
            let other = other
                .clone()
                .find(|r| r["balance_before_of_manifest_id"].is_string());
            opener = other.unwrap().clone();
            opener["payment_header"] = "payment_one_ticket".into();
        }
        assert_eq!(post(node, file, &opener, "/segment").await.status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_are_admitted_refused_and_answered_as_recorded() {
    let file = vectors("admission");
    let (mut replayed, mut skipped) = (0, 0);
    for row in file["segment"].as_array().unwrap() {
        let case = row["case"].as_str().unwrap();
        // Fault injections without a cause here, and a second engine that never exists.
        let is_injected = row["transcoding_error"].is_string() || row["transcoder"] == "none";
        // URLs are fetched from allowed places only; see the test of its own.
        let is_fetched = case == "body is a URL of the segment";
        if pays(row) || is_injected || is_fetched {
            skipped += 1;
            continue;
        }
        let node = setup(row).start().await;
        open_sessions(&node, &file, row).await;
        let answer = post(&node, &file, row, "/segment").await;
        assert_eq!(answer.status().as_str(), row["status"], "{case}");
        if answer.status() == 200 {
            check_result(case, row, &answer.bytes().await.unwrap());
        } else {
            check_refusal(case, row, answer).await;
        }
        replayed += 1;
    }
    assert_eq!((replayed, skipped), (57, 22));
}

fn check_result(case: &str, row: &Value, bytes: &[u8]) {
    let answer = SegmentAnswer::decode(bytes).unwrap();
    assert_eq!(answer.seq.to_string(), row["result_seq"], "{case}");
    assert!(answer.info.is_some(), "{case}");
    match answer.outcome {
        Err(failure) => assert_eq!(failure.to_string(), row["result_error"], "{case}"),
        Ok(segments) => {
            assert_eq!(
                hex::encode(&segments.signature),
                row["result_sig"],
                "{case}"
            );
            let expected = row["result_segments"].as_array().unwrap();
            assert_eq!(segments.renditions.len(), expected.len(), "{case}");
            for (found, expected) in segments.renditions.iter().zip(expected) {
                assert_eq!(found.url, expected["url"], "{case}");
                assert_eq!(found.pixels.0.to_string(), expected["pixels"], "{case}");
                let signature = expected["perceptual_hash_url"].as_str().unwrap_or_default();
                assert_eq!(found.signature_url, signature, "{case}");
            }
        }
    }
}

async fn check_refusal(case: &str, row: &Value, answer: reqwest::Response) {
    let headers = answer.headers().clone();
    assert_eq!(
        headers["content-type"], "text/plain; charset=utf-8",
        "{case}"
    );
    assert_eq!(headers["x-content-type-options"], "nosniff", "{case}");
    let text = answer.text().await.unwrap();
    assert_eq!(headers["content-length"], text.len().to_string(), "{case}");
    match row["response_text_prefix"].as_str() {
        Some(prefix) => assert!(
            text.starts_with(prefix) && text.ends_with('\n'),
            "{case}: {text}"
        ),
        None => assert_eq!(text, row["response_text"], "{case}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_between_segments_are_answered_as_recorded() {
    let file = vectors("admission");
    let mut replayed = 0;
    for row in file["payment"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| !pays(row))
    {
        let case = row["case"].as_str().unwrap();
        let node = Setup::recorded().start().await;
        let answer = post(&node, &file, row, "/payment").await;
        assert_eq!(answer.status().as_str(), row["status"], "{case}");
        if answer.status() == 200 {
            use prost::Message;
            let bytes = answer.bytes().await.unwrap();
            let result = streamflow_wire::proto::PaymentResult::decode(bytes).unwrap();
            let token = result.info.unwrap().auth_token.unwrap();
            assert_eq!(token.session_id, row["answer_session_id"], "{case}");
        } else {
            check_refusal(case, row, answer).await;
        }
        replayed += 1;
    }
    assert_eq!(replayed, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_comes_before_the_work_and_five_segments_are_taken() {
    let file = vectors("admission");
    let takes = Duration::from_millis(700);
    let engine = Some(Fixed {
        takes,
        ..Fixed::default()
    });
    let node = Setup {
        engine,
        ..Setup::recorded()
    }
    .start()
    .await;
    let row = &file["segment"][0];
    let started = Instant::now();
    let answers: Vec<_> =
        futures_util::future::join_all((0..10).map(|_| post(&node, &file, row, "/segment"))).await;
    assert!(started.elapsed() < takes, "a 200 waited for the work");
    let results = futures_util::future::join_all(answers.into_iter().map(reqwest::Response::bytes));
    let outcomes: Vec<_> = results
        .await
        .into_iter()
        .map(|bytes| SegmentAnswer::decode(&bytes.unwrap()).unwrap().outcome)
        .collect();
    let accepted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(accepted.to_string(), file["session_queue"]["accepted"]);
    for failure in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(failure.to_string(), file["session_queue"]["next_error"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn renditions_can_be_fetched_over_http_1_and_are_gone_with_their_session() {
    let file = vectors("admission");
    let node = Setup::recorded().start().await;
    let bytes = post(&node, &file, &file["segment"][0], "/segment")
        .await
        .bytes()
        .await
        .unwrap();
    let segments = SegmentAnswer::decode(&bytes).unwrap().outcome.unwrap();
    let path = segments.renditions[1]
        .url
        .strip_prefix("https://203.0.113.7:8935")
        .unwrap();
    let answer = node
        .clients
        .downloads()
        .get(node.url(path))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.version(), reqwest::Version::HTTP_11);
    assert_eq!(answer.headers()["content-type"], "video/mp2t");
    let expected: Vec<Rendition> = Fixed::default().renditions;
    assert_eq!(answer.bytes().await.unwrap(), expected[1].bytes);
    assert_eq!(segments.renditions[1].pixels, Pixels(200_000));

    let missing = node.url("/stream/f1405ced/P240p30fps16x9/99.ts");
    assert_eq!(
        node.clients
            .downloads()
            .get(missing)
            .send()
            .await
            .unwrap()
            .status(),
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_are_fetched_from_allowed_places_only() {
    let file = vectors("admission");
    let rows = file["segment"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["case"] == "body is a URL of the segment")
        .unwrap();
    let segment = hex::decode(file["segment_body"].as_str().unwrap()).unwrap();
    let store = axum::Router::new().route(
        "/own/0.ts",
        axum::routing::get(move || async move { segment.clone() }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = format!("http://{}/own/", listener.local_addr().unwrap());
    let allowed = place.parse::<url::Url>().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, store).await });

    for (allowed, status) in [(vec![allowed], 200), (Vec::new(), 400)] {
        let node = Setup {
            fetch_allowed: allowed,
            ..Setup::recorded()
        }
        .start()
        .await;
        let answer = node
            .clients
            .segments()
            .post(node.url("/segment"))
            .header(
                PAYMENT_HEADER,
                header(&file, row, PAYMENT_HEADER, "payment"),
            )
            .header(
                SEGMENT_HEADER,
                header(&file, row, SEGMENT_HEADER, "segment"),
            )
            .header("content-type", "application/vnd+livepeer.uri")
            .body(format!("{place}0.ts"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status);
        if status == 200 {
            check_result("fetched", row, &answer.bytes().await.unwrap());
        }
    }
    serving.abort();
}
