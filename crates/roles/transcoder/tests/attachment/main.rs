//! A transcoder against an orchestrator over real sockets: what it says, what it posts, how it
//! leaves and comes back.

#![allow(clippy::unwrap_used, reason = "test helpers beside the tests")]

mod orchestrator;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{StatusCode, Version};
use streamflow_engine::{Job, Outcome, Transcoder};
use streamflow_rpc::PeerPolicy;
use streamflow_runtime::{Metrics, Readiness, Shutdown};
use streamflow_transcoder::{Capacity, Config, Deps, OrchestratorAddress, RunError, Secret, run};
use streamflow_types::{CapabilitySet, Pixels, Rendition, SessionId, TranscodeFailure};
use streamflow_wire::proto::{AuthToken, NotifySegment, SegData};
use streamflow_wire::{decode_message, proto};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tonic::Status;

use orchestrator::{Orchestrator, Post, Registered};

const VECTORS: &str = include_str!("../../../../../tests/vectors/transcoder.json");
const MESSAGES: &str = include_str!("../../../../../tests/vectors/messages.json");

/// Answers with what it was given, once it is let.
struct Scripted {
    answer: Result<Vec<(Bytes, u64, Option<Bytes>)>, TranscodeFailure>,
    go: Semaphore,
    started: AtomicUsize,
    ended: AtomicUsize,
}

impl Scripted {
    fn new(answer: Result<Vec<(Bytes, u64, Option<Bytes>)>, TranscodeFailure>) -> Arc<Self> {
        Arc::new(Self {
            answer,
            go: Semaphore::new(1000),
            started: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
        })
    }
}

#[async_trait]
impl Transcoder for Scripted {
    async fn transcode(&self, job: Job) -> Result<Outcome, TranscodeFailure> {
        assert_eq!(&job.source[..], b"the source");
        assert_eq!(job.session.as_str(), "f1405ced");
        assert!(job.deadline > tokio::time::Instant::now() + Duration::from_secs(3));
        self.started.fetch_add(1, Ordering::SeqCst);
        self.go.acquire().await.unwrap().forget();
        let renditions = self.answer.clone()?;
        Ok(Outcome {
            decoded_frames: 10,
            decoded_pixels: Pixels(1000),
            renditions: renditions
                .into_iter()
                .map(|(bytes, pixels, signature)| Rendition {
                    bytes,
                    pixels: Pixels(pixels),
                    signature,
                })
                .collect(),
            took: Duration::from_millis(1),
        })
    }

    async fn end_session(&self, session: &SessionId) {
        assert_eq!(session.as_str(), "f1405ced");
        self.ended.fetch_add(1, Ordering::SeqCst);
    }

    fn capabilities(&self) -> CapabilitySet {
        [0u32, 1, 12].into_iter().collect()
    }

    fn capacity(&self) -> Option<u32> {
        Some(5)
    }
}

struct Running {
    task: JoinHandle<Result<(), RunError>>,
    shutdown: Shutdown,
    readiness: Readiness,
}

fn start(orchestrator: &Orchestrator, transcoder: Arc<dyn Transcoder>) -> Running {
    let (shutdown, readiness) = (Shutdown::new(), Readiness::new());
    let config = Config {
        orchestrator: OrchestratorAddress::parse(&format!("127.0.0.1:{}", orchestrator.port))
            .unwrap(),
        secret: Secret::new("swordfish").unwrap(),
        capacity: Capacity::Auto,
        version: "0.9.1".to_owned(),
    };
    let deps = Deps {
        transcoder,
        peers: PeerPolicy::AnyCertificate,
        metrics: Metrics::new(),
        readiness: readiness.clone(),
    };
    Running {
        task: tokio::spawn(run(config, deps, shutdown.clone())),
        shutdown,
        readiness,
    }
}

fn two_renditions() -> Arc<Scripted> {
    Scripted::new(Ok(vec![
        rendition(1, 100_000, None),
        rendition(2, 200_000, None),
    ]))
}

/// The bytes the vectors were made with.
fn rendition(
    fill: u8,
    pixels: u64,
    signature: Option<&'static [u8]>,
) -> (Bytes, u64, Option<Bytes>) {
    let mut bytes = vec![fill; 188];
    bytes[0] = 0x47;
    (bytes.into(), pixels, signature.map(Bytes::from_static))
}

/// A message of the vectors.
fn message<M: prost::Message + Default>(case: &str) -> M {
    let vectors: serde_json::Value = serde_json::from_str(MESSAGES).unwrap();
    let messages = vectors["messages"].as_array().unwrap();
    let found = messages.iter().find(|m| m["case"] == case).unwrap();
    decode_message(&hex::decode(found["protobuf"].as_str().unwrap()).unwrap()).unwrap()
}

/// The job of the vectors, its source at this orchestrator.
fn notice(orchestrator: &Orchestrator) -> NotifySegment {
    let mut notice: NotifySegment = message(
        "job as sent by the orchestrator, task id 0 and no capacities given by the gateway",
    );
    notice.url = orchestrator.source_url("good");
    notice.task_id = 12;
    notice
}

fn seg_data(notice: &mut NotifySegment) -> &mut SegData {
    notice.seg_data.as_mut().unwrap()
}

async fn orchestrator() -> Orchestrator {
    Orchestrator::start(Bytes::from_static(b"the source")).await
}

async fn send(call: &Registered, notice: NotifySegment) {
    call.notices.send(Ok(notice)).await.unwrap();
}

async fn leave(running: Running) {
    running.shutdown.drain();
    let left = tokio::time::timeout(Duration::from_secs(5), running.task).await;
    left.unwrap().unwrap().unwrap();
}

/// A case of the vectors: what the transcoder does, and what that makes of the job.
fn scene(case: &str, orchestrator: &Orchestrator) -> (Arc<Scripted>, NotifySegment) {
    let mut notice = notice(orchestrator);
    let mut transcoder = two_renditions();
    match case {
        "two mpegts renditions" => {}
        "two renditions, second mp4, with perceptual hashes" => {
            let data = seg_data(&mut notice);
            data.calc_perceptual_hash = true;
            let profiles = &mut data.full_profiles;
            profiles[1].format = proto::video_profile::Format::Mp4 as i32;
            transcoder = Scripted::new(Ok(vec![
                rendition(1, 100_000, Some(b"phash0")),
                rendition(2, 200_000, Some(b"phash1")),
            ]));
        }
        "perceptual hash requested, none produced" => {
            seg_data(&mut notice).calc_perceptual_hash = true;
        }
        "transcoding error" => transcoder = Scripted::new(Err(TranscodeFailure::NoKeyframes)),
        "fewer renditions than profiles" => {
            transcoder = Scripted::new(Ok(vec![rendition(1, 100_000, None)]));
        }
        "capability missing" => {
            let capabilities = seg_data(&mut notice).capabilities.as_mut().unwrap();
            capabilities.bitstring = vec![4099 | 1 << 15];
        }
        "metadata invalid" => seg_data(&mut notice).duration = -1,
        "source answers 404" => notice.url = orchestrator.source_url("missing"),
        other => panic!("a case nobody plays here: {other}"),
    }
    (transcoder, notice)
}

fn assert_same(post: &Post, expected: &serde_json::Value) {
    let case = &expected["case"];
    assert_eq!(post.method, expected["method"], "{case}");
    assert_eq!(post.path, expected["path"], "{case}");
    assert_eq!(post.version, Version::HTTP_2, "{case}");
    // Boundaries are chosen at random, always of the same length.
    let theirs = "00112233445566778899";
    let content_type = post.headers["content-type"].to_str().unwrap();
    let ours = content_type
        .split_once("boundary=")
        .map(|(_, boundary)| boundary);
    let put = |text: &str| match ours {
        Some(ours) => text.replace(theirs, ours),
        None => text.to_owned(),
    };
    for (name, value) in expected["headers"].as_object().unwrap() {
        let found = post.headers.get(name).unwrap().to_str().unwrap();
        assert_eq!(found, put(value.as_str().unwrap()), "{case}: {name}");
    }
    let body = match (&expected["body_hex"], &expected["body_text"]) {
        (serde_json::Value::String(hexadecimal), _) => hex::decode(hexadecimal).unwrap(),
        (_, text) => text.as_str().unwrap().as_bytes().to_vec(),
    };
    let body: Vec<u8> = match ours {
        Some(ours) => replaced(&body, theirs.as_bytes(), ours.as_bytes()),
        None => body,
    };
    assert_eq!(post.body, body, "{case}");
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut out = bytes.to_vec();
    for at in 0..=out.len().saturating_sub(from.len()) {
        if &out[at..at + from.len()] == from {
            out[at..at + from.len()].copy_from_slice(to);
        }
    }
    out
}

#[tokio::test]
async fn results_are_posted_byte_for_byte_as_the_network_posts_them() {
    let vectors: serde_json::Value = serde_json::from_str(VECTORS).unwrap();
    for expected in vectors["posts"].as_array().unwrap() {
        let orchestrator = orchestrator().await;
        let (transcoder, notice) = scene(expected["case"].as_str().unwrap(), &orchestrator);
        let running = start(&orchestrator, transcoder);
        let call = orchestrator.registered().await;
        send(&call, notice).await;
        assert_same(&orchestrator.posted().await, expected);
        leave(running).await;
    }
}

#[tokio::test]
async fn it_registers_as_the_network_does_and_says_when_it_is_attached() {
    let orchestrator = orchestrator().await;
    let running = start(&orchestrator, two_renditions());
    let call = orchestrator.registered().await;
    let expected: proto::RegisterRequest =
        message("software transcoder with capabilities 0, 1, 12");
    assert_eq!(call.request, expected);
    let reasons: Vec<_> = running
        .readiness
        .reasons()
        .into_iter()
        .map(|r| r.code)
        .collect();
    assert_eq!(reasons, ["not-attached"]);
    send(&call, notice(&orchestrator)).await;
    orchestrator.posted().await;
    assert!(running.readiness.is_ready());
    leave(running).await;
}

#[tokio::test]
async fn a_session_end_reaches_the_engine_and_posts_nothing() {
    let orchestrator = orchestrator().await;
    let transcoder = two_renditions();
    let running = start(&orchestrator, transcoder.clone());
    let call = orchestrator.registered().await;
    send(&call, message("session end")).await;
    send(&call, NotifySegment::default()).await;
    send(&call, notice(&orchestrator)).await;
    orchestrator.posted().await;
    assert_eq!(transcoder.ended.load(Ordering::SeqCst), 1);
    assert!(
        orchestrator
            .nothing_posted(Duration::from_millis(100))
            .await
    );
    leave(running).await;
}

#[tokio::test]
async fn a_wrong_secret_no_capacity_or_a_dismissal_ends_it_for_good() {
    for (status, expected) in [
        (Status::unknown("invalid secret"), "secret"),
        (Status::unknown("zero capacity"), "capacity of at least 1"),
        (Status::cancelled("go away"), "for good"),
    ] {
        let orchestrator = orchestrator().await;
        orchestrator.refuse(status);
        let running = start(&orchestrator, two_renditions());
        let ended = tokio::time::timeout(Duration::from_secs(5), running.task).await;
        let error = ended.unwrap().unwrap().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_lost_line_is_taken_up_again() {
    let orchestrator = orchestrator().await;
    orchestrator.refuse(Status::unavailable("starting"));
    let running = start(&orchestrator, two_renditions());
    let call = orchestrator.registered().await;
    send(&call, notice(&orchestrator)).await;
    orchestrator.posted().await;
    drop(call);
    let call = orchestrator.registered().await;
    send(&call, notice(&orchestrator)).await;
    orchestrator.posted().await;
    leave(running).await;
}

#[tokio::test]
async fn leaving_finishes_and_posts_what_runs() {
    let orchestrator = orchestrator().await;
    let transcoder = Arc::new(Scripted {
        answer: two_renditions().answer.clone(),
        go: Semaphore::new(0),
        started: AtomicUsize::new(0),
        ended: AtomicUsize::new(0),
    });
    let running = start(&orchestrator, transcoder.clone());
    let call = orchestrator.registered().await;
    send(&call, notice(&orchestrator)).await;
    while transcoder.started.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.shutdown.drain();
    // The call ends at once, the job does not.
    tokio::time::timeout(Duration::from_secs(5), call.notices.closed())
        .await
        .unwrap();
    assert!(!running.task.is_finished());
    transcoder.go.add_permits(1);
    let post = orchestrator.posted().await;
    assert_eq!(post.headers["pixels"], "1000");
    running.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_does_not_wait_for_jobs() {
    let orchestrator = orchestrator().await;
    let transcoder = Arc::new(Scripted {
        answer: Err(TranscodeFailure::Stopped),
        go: Semaphore::new(0),
        started: AtomicUsize::new(0),
        ended: AtomicUsize::new(0),
    });
    let running = start(&orchestrator, transcoder.clone());
    let call = orchestrator.registered().await;
    send(&call, notice(&orchestrator)).await;
    while transcoder.started.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.shutdown.stop();
    tokio::time::timeout(Duration::from_secs(2), running.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_result_that_did_not_arrive_is_posted_again() {
    let orchestrator = orchestrator().await;
    let running = start(&orchestrator, two_renditions());
    let call = orchestrator.registered().await;
    orchestrator.answer_next_post(StatusCode::SERVICE_UNAVAILABLE);
    send(&call, notice(&orchestrator)).await;
    let first = orchestrator.posted().await;
    let again = orchestrator.posted().await;
    assert_eq!(first.body, again.body);
    assert!(
        orchestrator
            .nothing_posted(Duration::from_millis(300))
            .await
    );
    // A refusal is final.
    orchestrator.answer_next_post(StatusCode::UNAUTHORIZED);
    send(&call, notice(&orchestrator)).await;
    orchestrator.posted().await;
    assert!(
        orchestrator
            .nothing_posted(Duration::from_millis(300))
            .await
    );
    leave(running).await;
}

#[tokio::test]
async fn jobs_run_side_by_side() {
    let orchestrator = orchestrator().await;
    let transcoder = Arc::new(Scripted {
        answer: two_renditions().answer.clone(),
        go: Semaphore::new(0),
        started: AtomicUsize::new(0),
        ended: AtomicUsize::new(0),
    });
    let running = start(&orchestrator, transcoder.clone());
    let call = orchestrator.registered().await;
    for task in 1..=8 {
        let mut notice = notice(&orchestrator);
        notice.task_id = task;
        send(&call, notice).await;
    }
    while transcoder.started.load(Ordering::SeqCst) < 8 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    transcoder.go.add_permits(8);
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let post = orchestrator.posted().await;
        tasks.push(post.headers["taskid"].to_str().unwrap().to_owned());
    }
    tasks.sort();
    assert_eq!(tasks, ["1", "2", "3", "4", "5", "6", "7", "8"]);
    leave(running).await;
}

#[tokio::test]
async fn messages_that_are_no_job_get_an_answer_in_words() {
    let orchestrator = orchestrator().await;
    let running = start(&orchestrator, two_renditions());
    let call = orchestrator.registered().await;
    let mut nameless = notice(&orchestrator);
    seg_data(&mut nameless).manifest_id = Bytes::from_static(b"\xff\x00");
    let mut unreachable = notice(&orchestrator);
    unreachable.url = "ftp://127.0.0.1/file".to_owned();
    let mut empty = notice(&orchestrator);
    empty.seg_data = Some(SegData {
        auth_token: Some(AuthToken::default()),
        ..SegData::default()
    });
    for notice in [nameless, unreachable, empty] {
        send(&call, notice).await;
        let post = orchestrator.posted().await;
        assert_eq!(post.headers["content-type"], "livepeer/transcoding-error");
        assert!(!post.body.is_empty());
    }
    leave(running).await;
}
