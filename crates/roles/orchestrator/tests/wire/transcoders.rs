//! Transcoders: registration, jobs, results; their deaths.

use std::time::Duration;

use serde_json::Value;
use streamflow_wire::proto::transcoder_client::TranscoderClient;
use streamflow_wire::proto::{NotifySegment, RegisterRequest};
use streamflow_wire::result::{SegmentAnswer, SegmentFailure};
use streamflow_wire::segment::{PAYMENT_HEADER, SEGMENT_HEADER};
use tonic::Streaming;

use super::node::{Node, SECRET, Setup, vectors};

fn for_transcoders() -> Setup {
    Setup {
        engine: None,
        transcoders: true,
        ..Setup::recorded()
    }
}

async fn attach(
    node: &Node,
    secret: &str,
    capacity: i64,
) -> Result<Streaming<NotifySegment>, tonic::Status> {
    let origin = node.url("/").as_str().parse().unwrap();
    let channel = node.clients.grpc(&node.url("/")).unwrap();
    let request = RegisterRequest {
        secret: secret.to_owned(),
        capacity,
        capabilities: None,
    };
    let mut client = TranscoderClient::with_origin(channel, origin);
    Ok(client.register_transcoder(request).await?.into_inner())
}

/// Posts the recorded segment; the result comes when it comes.
async fn segment(node: &Node) -> SegmentAnswer {
    let file = vectors("admission");
    let body = hex::decode(file["segment_body"].as_str().unwrap()).unwrap();
    let answer = node
        .clients
        .segments()
        .post(node.url("/segment"))
        .header(
            PAYMENT_HEADER,
            file["headers"]["payment_one_ticket"].as_str().unwrap(),
        )
        .header(SEGMENT_HEADER, file["headers"]["segment"].as_str().unwrap())
        .header("content-type", "video/MP2T")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    SegmentAnswer::decode(&answer.bytes().await.unwrap()).unwrap()
}

async fn post_result(node: &Node, row: &Value, task: i64) -> reqwest::Response {
    let body = hex::decode(row["body_hex"].as_str().unwrap()).unwrap();
    let mut request = node
        .clients
        .results()
        .post(node.url("/transcodeResults"))
        .body(body);
    for (name, value) in row["headers"].as_object().unwrap() {
        let value = value.as_str().unwrap();
        // The recorded task is 12; here it is what the job said.
        let value = if (name.as_str(), value) == ("TaskId", "12") {
            task.to_string()
        } else {
            value.to_owned()
        };
        request = request.header(name, value);
    }
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_are_refused_as_recorded() {
    let node = for_transcoders().start().await;
    for row in vectors("transcoder")["registration"].as_array().unwrap() {
        let capacity = row["capacity"].as_str().unwrap().parse().unwrap();
        // Refusals too come as headers and, after them, trailers.
        let mut line = attach(&node, row["secret"].as_str().unwrap(), capacity)
            .await
            .unwrap();
        let refused = line.message().await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Unknown, "{row}");
        assert_eq!(refused.message(), row["error"], "{row}");
    }
    attach(&node, SECRET, 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn results_are_answered_as_recorded() {
    let node = for_transcoders().start().await;
    for row in vectors("transcoder")["transcode_results"]
        .as_array()
        .unwrap()
    {
        let case = row["case"].as_str().unwrap();
        let answer = post_result(&node, row, 12).await;
        if case == "other media type" {
            // Where the recorded node takes it and leaves the job waiting, this one refuses.
            assert_eq!(answer.status(), 415, "{case}");
            continue;
        }
        let (status, kind) = (answer.status(), answer.headers()["content-type"].clone());
        let text = answer.text().await.unwrap();
        assert_eq!(text, row["response_text"], "{case}: {status}");
        assert_eq!(status.as_str(), row["status"], "{case}");
        assert_eq!(kind, "text/plain; charset=utf-8", "{case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_reaches_its_transcoder_and_its_error_reaches_the_gateway() {
    let node = for_transcoders().start().await;
    let mut line = attach(&node, SECRET, 2).await.unwrap();
    let (answer, ()) = tokio::join!(segment(&node), async {
        let job = line.message().await.unwrap().unwrap();
        assert_eq!(
            job.url,
            "https://203.0.113.7:8935/stream/f1405ced/0.tempfile"
        );
        assert_eq!(job.orch_id, "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
        assert_eq!(job.profiles.as_ref(), b"invalid");
        let data = job.seg_data.unwrap();
        assert!(data.sig.is_empty() && data.hash.iter().all(|byte| *byte == 0));
        assert_eq!(data.capabilities.unwrap().capacities.len(), 3);
        let source = node.url("/stream/f1405ced/0.tempfile");
        let source = node.clients.downloads().get(source).send().await.unwrap();
        assert_eq!(source.headers()["content-type"], "");
        let expected = vectors("admission")["segment_body"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(hex::encode(source.bytes().await.unwrap()), expected);
        let rows = vectors("transcoder");
        let rows = rows["transcode_results"].as_array().unwrap();
        let row = rows
            .iter()
            .find(|row| row["case"] == "error post: pixels are not read")
            .unwrap();
        assert_eq!(post_result(&node, row, job.task_id).await.status(), 200);
    });
    let failure = answer.outcome.unwrap_err();
    assert_eq!(failure.to_string(), "No keyframes in input");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcoder_that_hangs_up_costs_its_job_nothing() {
    let node = for_transcoders().start().await;
    let mut first = attach(&node, SECRET, 2).await.unwrap();
    let mut second = attach(&node, SECRET, 2).await.unwrap();
    let started = std::time::Instant::now();
    let (answer, ()) = tokio::join!(segment(&node), async {
        let lost = first.message().await.unwrap().unwrap();
        drop(first);
        let again = second.message().await.unwrap().unwrap();
        assert_ne!(lost.task_id, again.task_id);
        assert_eq!(lost.url, again.url);
        let rows = vectors("transcoder");
        let rows = rows["transcode_results"].as_array().unwrap();
        let row = rows
            .iter()
            .find(|row| row["job_error"] == "No keyframes in input")
            .unwrap();
        // Late: nobody waits for it any more.
        assert_eq!(post_result(&node, row, lost.task_id).await.status(), 200);
        assert_eq!(post_result(&node, row, again.task_id).await.status(), 200);
    });
    assert_eq!(
        answer.outcome.unwrap_err().to_string(),
        "No keyframes in input"
    );
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_transcoder_gets_another_one_beside_it() {
    let node = for_transcoders().start().await;
    let mut silent = attach(&node, SECRET, 2).await.unwrap();
    let mut other = attach(&node, SECRET, 2).await.unwrap();
    let (answer, ()) = tokio::join!(segment(&node), async {
        silent.message().await.unwrap().unwrap();
        let again = tokio::time::timeout(Duration::from_secs(4), other.message()).await;
        let again = again.unwrap().unwrap().unwrap();
        let rows = vectors("transcoder");
        let rows = rows["transcode_results"].as_array().unwrap();
        let row = rows
            .iter()
            .find(|row| row["job_error"] == "No keyframes in input")
            .unwrap();
        assert_eq!(post_result(&node, row, again.task_id).await.status(), 200);
    });
    assert_eq!(
        answer.outcome.unwrap_err().to_string(),
        "No keyframes in input"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn renditions_that_are_no_video_are_not_passed_on() {
    let node = for_transcoders().start().await;
    let mut line = attach(&node, SECRET, 2).await.unwrap();
    let (answer, ()) = tokio::join!(segment(&node), async {
        let job = line.message().await.unwrap().unwrap();
        let rows = vectors("transcoder");
        let row = &rows["transcode_results"].as_array().unwrap()[0];
        assert_eq!(row["case"], "accepted");
        assert_eq!(post_result(&node, row, job.task_id).await.status(), 200);
    });
    assert!(answer.outcome.unwrap_err().is_retryable());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_transcoder_a_segment_fails_at_once() {
    let node = for_transcoders().start().await;
    assert_eq!(
        segment(&node).await.outcome,
        Err(SegmentFailure::NoTranscoders)
    );
}
