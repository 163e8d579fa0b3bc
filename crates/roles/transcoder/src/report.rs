//! Posting the result of a job to the orchestrator.
//!
//! A post that fails on the wire is tried again over a fresh connection while the job's deadline
//! allows: the orchestrator takes the first result of a task and ignores later ones.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, header};
use rand::SeedableRng;
use rand::rngs::StdRng;
use streamflow_engine::Outcome;
use streamflow_rpc::client::ClientsError;
use streamflow_rpc::multipart::{Multipart, Writer};
use streamflow_rpc::{Clients, PeerPolicy};
use streamflow_runtime::{Backoff, Counter, Metrics};
use streamflow_types::{Container, Pixels};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::config::Secret;

/// What marks a post of this protocol.
const AUTHORIZATION: &str = "Livepeer-Transcoder-1.0";

/// Content type of an error post.
const ERROR_TYPE: &str = "livepeer/transcoding-error";

/// Delays between attempts.
const FIRST_DELAY: Duration = Duration::from_millis(100);
const DELAY_FACTOR: f64 = 2.0;
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// One attempt. A connection that is dead without a word must not eat the whole deadline.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(4);

/// What is posted for a task.
#[derive(Clone, Debug)]
pub(crate) enum Report {
    /// Renditions in the order of the profiles, each with its container.
    Done {
        outcome: Outcome,
        containers: Vec<Container>,
        signatures: bool,
    },
    /// The job failed with this text. Pixels are those decoded before it did.
    Failed { text: String, decoded: Pixels },
}

/// Why a result did not arrive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ReportError {
    #[error("the orchestrator answered {0}")]
    Refused(http::StatusCode),
    #[error("the deadline passed; last: {0}")]
    TooLate(String),
    #[error(transparent)]
    Clients(#[from] ClientsError),
}

/// Posts results.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    client: reqwest::Client,
    peers: PeerPolicy,
    address: Url,
    secret: Secret,
    retried: Counter,
}

impl Reporter {
    pub(crate) fn new(
        clients: &Clients,
        peers: PeerPolicy,
        orchestrator: &Url,
        secret: Secret,
        metrics: &Metrics,
    ) -> Self {
        let mut address = orchestrator.clone();
        address.set_path("/transcodeResults");
        Self {
            client: clients.results().clone(),
            peers,
            address,
            secret,
            retried: metrics.counter("streamflow_transcoder_posts_retried_total", &[]),
        }
    }

    /// Posts until the orchestrator answers or the deadline passes.
    pub(crate) async fn post(
        &self,
        task: i64,
        report: &Report,
        deadline: Instant,
    ) -> Result<(), ReportError> {
        let mut rng = StdRng::from_os_rng();
        let body = Body::new(report, &mut rng);
        let mut backoff = Backoff::new(FIRST_DELAY, DELAY_FACTOR, LONGEST_DELAY);
        let mut client = self.client.clone();
        loop {
            let limit = deadline.min(Instant::now() + ATTEMPT_LIMIT.max(body.time()));
            let failure = match timeout_at(limit, self.attempt(&client, task, &body)).await {
                Ok(Ok(status)) if status.is_success() => return Ok(()),
                Ok(Ok(status)) if !status.is_server_error() => {
                    return Err(ReportError::Refused(status));
                }
                Ok(Ok(status)) => status.to_string(),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer".to_owned(),
            };
            let delay = backoff.next_delay(&mut rng);
            if Instant::now() + delay >= deadline {
                return Err(ReportError::TooLate(failure));
            }
            tracing::debug!(task, failure, "posting a result again");
            tokio::time::sleep(delay).await;
            self.retried.increment();
            client = Clients::new(&self.peers)?.results().clone();
        }
    }

    async fn attempt(
        &self,
        client: &reqwest::Client,
        task: i64,
        body: &Body,
    ) -> Result<http::StatusCode, reqwest::Error> {
        let response = client
            .post(self.address.clone())
            .header(
                header::AUTHORIZATION,
                HeaderValue::from_static(AUTHORIZATION),
            )
            .header("Credentials", self.secret.expose())
            .header("TaskId", task)
            .header("Pixels", body.pixels.0)
            .header(header::CONTENT_TYPE, &body.content_type)
            .header(header::CONTENT_LENGTH, body.length)
            .body(body.payload.to_body())
            .send()
            .await?;
        let status = response.status();
        // The answer is read to its end so that the connection is free for the next result.
        response.bytes().await?;
        Ok(status)
    }
}

/// A written post.
#[derive(Debug)]
struct Body {
    content_type: String,
    pixels: Pixels,
    length: u64,
    payload: Payload,
}

#[derive(Debug)]
enum Payload {
    Text(Bytes),
    Parts(Multipart),
}

impl Payload {
    fn to_body(&self) -> reqwest::Body {
        match self {
            Self::Text(text) => text.clone().into(),
            Self::Parts(parts) => reqwest::Body::wrap(parts.clone()),
        }
    }
}

/// Slowest upload that is not taken for a dead connection.
const SLOWEST_BYTES_PER_SECOND: u64 = 1_000_000;

impl Body {
    fn new(report: &Report, rng: &mut StdRng) -> Self {
        match report {
            Report::Failed { text, decoded } => Self {
                content_type: ERROR_TYPE.to_owned(),
                pixels: *decoded,
                length: text.len() as u64,
                payload: Payload::Text(Bytes::copy_from_slice(text.as_bytes())),
            },
            Report::Done {
                outcome,
                containers,
                signatures,
            } => {
                let mut writer = Writer::new(rng);
                for (rendition, container) in outcome.renditions.iter().zip(containers) {
                    let length = rendition.bytes.len().to_string();
                    let pixels = rendition.pixels.0.to_string();
                    let headers = [
                        ("Content-Length", length.as_str()),
                        ("Content-Type", container.media_type()),
                        ("Pixels", pixels.as_str()),
                    ];
                    writer.part(&headers, rendition.bytes.clone());
                    if *signatures {
                        let hash = rendition.signature.clone().unwrap_or_default();
                        let length = hash.len().to_string();
                        let headers = [
                            ("Content-Length", length.as_str()),
                            ("Content-Type", "application/octet-stream"),
                        ];
                        writer.part(&headers, hash);
                    }
                }
                let content_type = writer.content_type();
                let parts = writer.finish();
                Self {
                    content_type,
                    pixels: outcome.decoded_pixels,
                    length: parts.content_length(),
                    payload: Payload::Parts(parts),
                }
            }
        }
    }

    /// What sending it may take.
    fn time(&self) -> Duration {
        Duration::from_secs(self.length / SLOWEST_BYTES_PER_SECOND)
    }
}
