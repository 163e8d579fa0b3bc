//! One job: read what is asked, fetch the source, transcode, post.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use streamflow_engine::{Job, Transcoder};
use streamflow_media::inspect::container_of;
use streamflow_runtime::{Counter, Gauge, Histogram, Metrics};
use streamflow_types::{IdError, Pixels, SegmentNumber, SessionId, TranscodeFailure, Work};
use streamflow_wire::capability::Capabilities;
use streamflow_wire::proto::NotifySegment;
use streamflow_wire::segment::{SegmentRequest, Slice};
use streamflow_wire::work::OFF_CHAIN;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::fetch::Fetcher;
use crate::report::{Report, Reporter};

/// Jobs at once, running, being fetched or being posted. The engine's queue refuses long before.
const MAX_JOBS: usize = 512;

/// Jobs beyond that which are at least told that this node is busy.
const MAX_REFUSALS: usize = 64;

/// Longest name of an orchestrator put into outputs; an address has 42 characters.
const MAX_OWNER_CHARS: usize = 64;

/// Time for a job: nobody waits longer for it.
const SHORTEST_JOB: Duration = Duration::from_secs(8);
const JOB_RATIO: u32 = 4;

/// Time kept for posting: the engine gives up this much before the deadline.
const POSTING_RESERVE: Duration = Duration::from_millis(250);

/// Time to post past the deadline: a result on its way then is still of use to a patient peer.
const GRACE: Duration = Duration::from_secs(2);

/// Bounds of the histogram of what the engine takes for a job.
const SECONDS: [f64; 11] = [0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0];

/// Does the jobs of a transcoder.
pub(crate) struct Worker {
    transcoder: Arc<dyn Transcoder>,
    fetcher: Fetcher,
    reporter: Reporter,
    version: String,
    counts: Counts,
}

struct Counts {
    done: Counter,
    failed: Counter,
    unposted: Counter,
    dropped: Counter,
    running: Gauge,
    decoded: Counter,
    encoded: Counter,
    seconds: Histogram,
}

impl Worker {
    pub(crate) fn new(
        transcoder: Arc<dyn Transcoder>,
        fetcher: Fetcher,
        reporter: Reporter,
        version: &str,
        metrics: &Metrics,
    ) -> Self {
        let outcome =
            |outcome| metrics.counter("streamflow_transcoder_jobs_total", &[("outcome", outcome)]);
        let pixels =
            |side| metrics.counter("streamflow_transcoder_pixels_total", &[("side", side)]);
        Self {
            counts: Counts {
                done: outcome("done"),
                failed: outcome("failed"),
                unposted: outcome("unposted"),
                dropped: outcome("dropped"),
                running: metrics.gauge("streamflow_transcoder_jobs_running", &[]),
                decoded: pixels("decoded"),
                encoded: pixels("encoded"),
                seconds: metrics.histogram("streamflow_transcoder_job_seconds", &SECONDS, &[]),
            },
            transcoder,
            fetcher,
            reporter,
            version: version.to_owned(),
        }
    }

    /// Takes one notice: starts its job, or ends a session.
    pub(crate) async fn take(self: Arc<Self>, notice: NotifySegment, jobs: &mut JoinSet<()>) {
        if notice.url.is_empty() {
            if let Some(session) = session_of(&notice) {
                tracing::debug!(orchSessionID = %session, "session over");
                self.transcoder.end_session(&session).await;
            }
            return;
        }
        let received = Instant::now();
        if jobs.len() < MAX_JOBS {
            jobs.spawn(async move { self.work(notice, received).await });
        } else if jobs.len() < MAX_JOBS + MAX_REFUSALS {
            let busy = failed(&TranscodeFailure::Busy);
            jobs.spawn(async move {
                self.post(notice.task_id, busy, received + SHORTEST_JOB)
                    .await;
            });
        } else {
            self.counts.dropped.increment();
            tracing::error!(task = notice.task_id, "a job is dropped: too many at once");
        }
    }

    async fn work(&self, notice: NotifySegment, received: Instant) {
        self.counts.running.add(1.0);
        let message = notice.seg_data.clone().unwrap_or_default();
        let request = SegmentRequest::from_proto(&message);
        let duration = request
            .as_ref()
            .map_or(Duration::ZERO, |asked| asked.duration);
        let deadline = received + SHORTEST_JOB.max(duration.saturating_mul(JOB_RATIO));
        let report = match request {
            Ok(request) => {
                let working = self.attempt(&notice, request, deadline);
                match timeout_at(deadline, working).await {
                    Ok(report) => report,
                    Err(_) => failed(&TranscodeFailure::Stopped),
                }
            }
            Err(error) => failed(&error),
        };
        // Nobody waits for a result after the deadline; one that is a little late is still sent.
        self.post(notice.task_id, report, deadline + GRACE).await;
        self.counts.running.add(-1.0);
    }

    async fn attempt(
        &self,
        notice: &NotifySegment,
        request: SegmentRequest,
        deadline: Instant,
    ) -> Report {
        let ours = Capabilities::of_node(self.transcoder.capabilities(), &self.version);
        if !ours.satisfy(&request.capabilities) {
            return failed(&"incompatible segment capabilities");
        }
        let source = match self.fetcher.fetch(&notice.url).await {
            Ok(source) => source,
            Err(error) => return failed(&error),
        };
        let container = container_of(&source.bytes).unwrap_or_default();
        let containers = request
            .profiles
            .iter()
            .map(|profile| profile.container.unwrap_or(container))
            .collect();
        let signatures = request.perceptual_hash;
        let wanted = request.profiles.len();
        let job = match job(
            notice,
            request,
            source.bytes.clone(),
            deadline,
            &self.version,
        ) {
            Ok(job) => job,
            Err(error) => return failed(&error),
        };
        let (manifest, number, session) = (job.manifest.clone(), job.number, job.session.clone());
        let result = self.transcoder.transcode(job).await;
        let task = notice.task_id;
        match result {
            Ok(outcome) if outcome.renditions.len() != wanted => Report::Failed {
                text: "segment / profile mismatch".to_owned(),
                decoded: outcome.decoded_pixels,
            },
            Ok(outcome) => {
                self.counts.seconds.record(outcome.took.as_secs_f64());
                tracing::debug!(
                    manifestID = %manifest, seqNo = %number, orchSessionID = %session, task,
                    took_ms = outcome.took.as_millis(), "segment transcoded"
                );
                Report::Done {
                    outcome,
                    containers,
                    signatures,
                }
            }
            Err(failure) => {
                tracing::warn!(
                    manifestID = %manifest, seqNo = %number, orchSessionID = %session, task,
                    %failure, "segment not transcoded"
                );
                failed(&failure)
            }
        }
    }

    async fn post(&self, task: i64, report: Report, deadline: Instant) {
        match &report {
            Report::Done { outcome, .. } => {
                self.counts.done.increment();
                self.counts.decoded.add(outcome.decoded_pixels.0 as f64);
                let encoded: Pixels = outcome.renditions.iter().map(|one| one.pixels).sum();
                self.counts.encoded.add(encoded.0 as f64);
            }
            Report::Failed { .. } => self.counts.failed.increment(),
        }
        if let Err(error) = self.reporter.post(task, &report, deadline).await {
            self.counts.unposted.increment();
            tracing::warn!(task, %error, "a result did not reach the orchestrator");
        }
    }
}

/// Why a message is no job.
#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error("{0}")]
    Id(#[from] IdError),
}

/// The engine's job for a request.
fn job(
    notice: &NotifySegment,
    request: SegmentRequest,
    source: Bytes,
    deadline: Instant,
    version: &str,
) -> Result<Job, JobError> {
    let manifest = request.manifest_id()?;
    let session = match session_of(notice) {
        Some(session) => session,
        // Without a token the stream is the only name there is.
        None => SessionId::new(manifest.as_str())?,
    };
    let mut work = Work::new(request.profiles);
    work.clip = request.slice.and_then(Slice::clip);
    work.signature = request.perceptual_hash;
    work.metadata = credit(version, &notice.orch_id);
    Ok(Job {
        session,
        manifest,
        number: SegmentNumber(request.seq.unsigned_abs()),
        duration: request.duration,
        source,
        work,
        deadline: deadline - POSTING_RESERVE,
    })
}

/// What outputs say of who made them.
fn credit(version: &str, orchestrator: &str) -> String {
    let owner: String = orchestrator
        .chars()
        .filter(char::is_ascii_graphic)
        .take(MAX_OWNER_CHARS)
        .collect();
    let owner = if owner.is_empty() { OFF_CHAIN } else { &owner };
    format!("Livepeer Transcoder {version} ({owner})")
}

/// The session a message names.
fn session_of(notice: &NotifySegment) -> Option<SessionId> {
    let token = notice.seg_data.as_ref()?.auth_token.as_ref()?;
    SessionId::new(&token.session_id).ok()
}

fn failed(error: &impl ToString) -> Report {
    Report::Failed {
        text: error.to_string(),
        decoded: Pixels(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_name_version_and_orchestrator() {
        let address = "0x5A0b54D5dc17e0AadC383d2db43B0a0D3E029c4c";
        let expected = format!("Livepeer Transcoder 1.2.3 ({address})");
        assert_eq!(credit("1.2.3", address), expected);
        assert_eq!(credit("1.2.3", ""), "Livepeer Transcoder 1.2.3 (offchain)");
        assert!(credit("1.2.3", &"\nx".repeat(1000)).len() < 120);
    }
}
