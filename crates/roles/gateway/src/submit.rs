//! One segment to one orchestrator: credentials, upload, result, renditions, checks.
//!
//! Read from top to bottom it is the whole exchange. Which attempt counts is not decided here.

mod download;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use streamflow_media::inspect::MediaInfo;
use streamflow_rpc::client::with_causes;
use streamflow_rpc::{Clients, body};
use streamflow_runtime::Clock;
use streamflow_sessions::Failure;
use streamflow_types::{ManifestId, Pixels, Profile, SegmentNumber, TranscodeFailure};
use streamflow_wire::capability::Capabilities;
use streamflow_wire::result::{
    AnswerError, MAX_RESULT_BYTES, ReportedSegments, SegmentAnswer, SegmentFailure, verify_hashes,
};
use streamflow_wire::segment::{
    BYTES_CONTENT_TYPE, PAYMENT_HEADER, SEGMENT_HEADER, SegmentRequest, Slice,
};
use streamflow_wire::signature::keccak;
use tokio::time::{Instant, timeout, timeout_at};

use crate::metrics::StreamMetrics;
use crate::pay::{PayError, Payer, Purchase};
use crate::session::{self, Asker, OfferError, RENEW_LIMIT, Session};
use crate::verify::{self, Mismatch};

/// Shortest time for the upload, and for the whole exchange.
const UPLOAD_FLOOR: Duration = Duration::from_secs(2);
const EXCHANGE_FLOOR: Duration = Duration::from_secs(8);

/// Most of a refusal's text that is read.
const MAX_REFUSAL_BYTES: usize = 4 * 1024;

/// A peer without room that names no time is asked again after this.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_BUSY_PAUSE: Duration = Duration::from_secs(60);

/// One segment as it is bought: the same for every attempt.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) manifest: ManifestId,
    pub(crate) number: SegmentNumber,
    pub(crate) duration: Duration,
    pub(crate) bytes: Bytes,
    pub(crate) hash: [u8; 32],
    pub(crate) source: MediaInfo,
    /// Every container named.
    pub(crate) profiles: Arc<Vec<Profile>>,
    pub(crate) capabilities: Capabilities,
    pub(crate) slice: Option<Slice>,
    pub(crate) reinit: bool,
    pub(crate) timeout_multiplier: u32,
}

/// A rendition that passed its checks.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) bytes: Bytes,
    pub(crate) info: MediaInfo,
    pub(crate) pixels: Pixels,
    /// Where it differs from what the source's headers promise.
    pub(crate) doubt: Option<Mismatch>,
}

/// What an attempt uses.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) clients: Clients,
    pub(crate) asker: Asker,
    pub(crate) payer: Arc<dyn Payer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: StreamMetrics,
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum AttemptError {
    /// The session could not be renewed.
    #[error("session refresh: {0}")]
    Renew(#[from] OfferError),
    /// Nothing could be paid.
    #[error(transparent)]
    Pay(#[from] PayError),
    /// The connection failed or was too slow.
    #[error("upload: {0}")]
    Upload(String),
    /// It was refused before or after the upload.
    #[error("{status}: {text}")]
    Status {
        status: StatusCode,
        text: String,
        retry_after: Option<Duration>,
    },
    /// The result did not come, or not whole.
    #[error("result: {0}")]
    Body(#[from] body::BodyError),
    /// The result cannot be read.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The result is about another segment.
    #[error("the result is for segment {0}")]
    OtherSegment(i64),
    /// The result says why there is none.
    #[error(transparent)]
    Failed(SegmentFailure),
    /// Another number of renditions than asked for.
    #[error("{found} renditions instead of {wanted}")]
    Count { found: usize, wanted: usize },
    /// A rendition could not be fetched.
    #[error("download: {0}")]
    Download(#[from] download::DownloadError),
    /// A rendition is not what was bought.
    #[error("{profile}: {mismatch}")]
    Mismatch { profile: String, mismatch: Mismatch },
    /// The result was not signed by whom it should.
    #[error("PM Check Failed")]
    Signature,
    /// This machine's own engine failed.
    #[error("local engine: {0}")]
    Local(TranscodeFailure),
    /// There is no session with this peer any more.
    #[error("no session")]
    NoSession,
}

impl AttemptError {
    /// What it means for what is done next.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Renew(OfferError::Capped) => Failure::Busy {
                retry_after: BUSY_PAUSE,
            },
            Self::Renew(OfferError::Incapable) | Self::NoSession | Self::Pay(_) => {
                Failure::Unusable
            }
            Self::Status {
                status,
                text,
                retry_after,
            } => of_status(*status, text, *retry_after),
            Self::Failed(failure) if failure.is_capacity() => Failure::Busy {
                retry_after: BUSY_PAUSE,
            },
            Self::Failed(SegmentFailure::NoCapableTranscoders) => Failure::Unusable,
            Self::Failed(failure) if !failure.is_retryable() => Failure::BadSegment,
            Self::Mismatch { mismatch, .. } if mismatch.is_fraud() => Failure::Fraud,
            Self::Signature => Failure::Fraud,
            Self::Local(TranscodeFailure::Busy) => Failure::Busy {
                retry_after: BUSY_PAUSE,
            },
            Self::Local(failure) if !failure.is_retryable() => Failure::BadSegment,
            _ => Failure::Broken,
        }
    }

    /// The failure as a transcoder would name it, where one did.
    pub(crate) fn transcode_failure(&self) -> Option<TranscodeFailure> {
        match self {
            Self::Failed(SegmentFailure::Transcode(failure)) | Self::Local(failure) => {
                Some(failure.clone())
            }
            _ => None,
        }
    }

    /// The code boards of the network know.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Failed(SegmentFailure::Busy) => "OrchestratorBusy",
            Self::Failed(SegmentFailure::Capped) | Self::Renew(OfferError::Capped) => {
                "OrchestratorCapped"
            }
            Self::Status { text, .. } if text.contains("OrchestratorCapped") => {
                "OrchestratorCapped"
            }
            Self::Failed(SegmentFailure::UnknownResponse) => "UnknownResponse",
            Self::Failed(failure) if !failure.is_retryable() => "NonRetryable",
            Self::Failed(_) | Self::Local(_) => "Transcode",
            Self::Answer(_) | Self::OtherSegment(_) | Self::Count { .. } => "ParseResponse",
            Self::Body(_) => "ReadBody",
            Self::Download(_) => "Download",
            _ => "Unknown",
        }
    }

    /// Whether a fresh session may help: the orchestrator forgot this one.
    fn wants_new_session(&self) -> bool {
        matches!(self, Self::Status { status, text, .. } if *status == StatusCode::FORBIDDEN
            && (text.ends_with("auth token") || text == "ErrSegSig"))
    }
}

fn of_status(status: StatusCode, text: &str, retry_after: Option<Duration>) -> Failure {
    let retry_after = retry_after.unwrap_or(BUSY_PAUSE).min(LONGEST_BUSY_PAUSE);
    match status {
        _ if text.contains("OrchestratorCapped") || text.contains("OrchestratorBusy") => {
            Failure::Busy { retry_after }
        }
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
            Failure::Busy { retry_after }
        }
        StatusCode::FORBIDDEN if text.contains("incompatible capabilities") => Failure::Unusable,
        _ => Failure::Broken,
    }
}

/// How an attempt ended, and the session as it is now.
pub(crate) struct Report {
    pub(crate) session: Option<Session>,
    pub(crate) result: Result<Vec<Checked>, AttemptError>,
}

/// Sends the segment and fetches what was made of it.
pub(crate) async fn submit(means: &Means, order: &Order, session: Session) -> Report {
    let mut session = session;
    let result = exchange(means, order, &mut session).await;
    if let Err(error) = &result
        && matches!(error, AttemptError::Status { .. } | AttemptError::Upload(_))
    {
        let code = upload_code(error);
        means.metrics.upload_failed(session.peer.as_str(), &code);
    }
    Report {
        session: Some(session),
        result,
    }
}

async fn exchange(
    means: &Means,
    order: &Order,
    session: &mut Session,
) -> Result<Vec<Checked>, AttemptError> {
    let unix = i64::try_from(means.clock.unix().as_secs()).unwrap_or(i64::MAX);
    if session.info.token.wants_renewal(unix) {
        renew(means, order, session).await?;
    }
    let limit = order.duration.saturating_mul(4).max(EXCHANGE_FLOOR);
    let deadline = Instant::now() + limit.saturating_mul(order.timeout_multiplier);
    let reported = match post(means, order, session, deadline).await {
        Err(error) if error.wants_new_session() => {
            // A restarted orchestrator knows no tokens; that is no failure yet.
            renew(means, order, session).await?;
            post(means, order, session, deadline).await?
        }
        other => other?,
    };
    let began = Instant::now();
    let renditions = fetch(means, order, session, &reported, deadline).await?;
    means.metrics.downloaded(renditions.len(), began.elapsed());
    check_signature(session, &renditions, &reported)?;
    Ok(renditions)
}

async fn renew(means: &Means, order: &Order, session: &mut Session) -> Result<(), OfferError> {
    let fresh = means
        .asker
        .ask(&session.asked_at, Some(&order.capabilities), RENEW_LIMIT)
        .await?;
    let peer = session.peer.clone();
    *session = Session { peer, ..fresh };
    Ok(())
}

/// Posts the segment and reads the result.
async fn post(
    means: &Means,
    order: &Order,
    session: &mut Session,
    deadline: Instant,
) -> Result<ReportedSegments, AttemptError> {
    let credentials = credentials(means, order, session);
    let purchase = Purchase {
        session: &session.info.token.session,
        work: expected_work(order),
    };
    let payment = means.payer.pay(purchase).await?;
    let upload = (order.duration / 2)
        .max(UPLOAD_FLOOR)
        .saturating_mul(order.timeout_multiplier);
    let request = means
        .clients
        .segments()
        .post(endpoint(session))
        .header(SEGMENT_HEADER, credentials)
        .header(
            PAYMENT_HEADER,
            base64::Engine::encode(&base64_standard(), payment),
        )
        .header(http::header::CONTENT_TYPE, BYTES_CONTENT_TYPE)
        .body(order.bytes.clone());
    let began = Instant::now();
    let response = timeout(upload, request.send())
        .await
        .map_err(|_| AttemptError::Upload("Timeout".to_owned()))?
        .map_err(|error| AttemptError::Upload(with_causes(&error)))?;
    if response.status() != StatusCode::OK {
        return Err(refusal(response, deadline).await);
    }
    means
        .metrics
        .uploaded(session.peer.as_str(), began.elapsed());
    let answer = reqwest::Body::from(response);
    let answer = body::read(answer, MAX_RESULT_BYTES, 0, deadline).await?;
    let answer = SegmentAnswer::decode(&answer)?;
    if let Some(info) = &answer.info
        && let Ok(now) = session::of_message(&session.asked_at, info, means.clients.reach())
    {
        let peer = session.peer.clone();
        *session = Session { peer, ..now };
    }
    let reported = answer.outcome.map_err(AttemptError::Failed)?;
    if answer.seq != seq(order) {
        return Err(AttemptError::OtherSegment(answer.seq));
    }
    let (found, wanted) = (reported.renditions.len(), order.profiles.len());
    if found != wanted {
        return Err(AttemptError::Count { found, wanted });
    }
    Ok(reported)
}

/// Fetches all renditions side by side and checks each as soon as it is there.
async fn fetch(
    means: &Means,
    order: &Order,
    session: &Session,
    reported: &ReportedSegments,
    deadline: Instant,
) -> Result<Vec<Checked>, AttemptError> {
    let each = reported
        .renditions
        .iter()
        .zip(order.profiles.iter())
        .map(|(reported, profile)| {
            let is_clip = order.slice.and_then(Slice::clip).is_some();
            let purchase = verify::Purchase {
                source: &order.source,
                profile,
                is_clip,
            };
            async move {
                let most = verify::most_bytes(&purchase);
                let bytes = download::fetch(&means.clients, session, &reported.url, most).await?;
                let checked = verify::check(&purchase, &bytes, reported.pixels);
                let inspected = checked.map_err(|mismatch| AttemptError::Mismatch {
                    profile: profile.name.clone(),
                    mismatch,
                })?;
                Ok::<_, AttemptError>(Checked {
                    bytes,
                    info: inspected.info,
                    pixels: reported.pixels,
                    doubt: inspected.doubt,
                })
            }
        });
    timeout_at(deadline, futures_util::future::try_join_all(each))
        .await
        .map_err(|_| AttemptError::Body(body::BodyError::Late))?
}

fn check_signature(
    session: &Session,
    renditions: &[Checked],
    reported: &ReportedSegments,
) -> Result<(), AttemptError> {
    // Off chain nobody signs.
    if session.info.address.is_zero() || session.info.ticket_params.is_none() {
        return Ok(());
    }
    let hashes: Vec<[u8; 32]> = renditions.iter().map(|one| keccak(&one.bytes)).collect();
    verify_hashes(session.info.address, &hashes, &reported.signature)
        .map_err(|_| AttemptError::Signature)
}

fn credentials(means: &Means, order: &Order, session: &Session) -> String {
    let mut request = SegmentRequest {
        manifest: order.manifest.as_str().as_bytes().to_vec(),
        seq: seq(order),
        hash: order.hash,
        duration: order.duration,
        profiles: order.profiles.as_ref().clone(),
        capabilities: order.capabilities.clone(),
        auth_token: Some(session.info.token.to_proto()),
        signature: Vec::new(),
        perceptual_hash: false,
        slice: order.slice,
        storage: None,
        force_session_reinit: order.reinit,
    };
    request.signature = means.payer.sign(&request.flattened());
    request.to_header()
}

/// An upper bound of the pixels bought.
fn expected_work(order: &Order) -> Pixels {
    let frames = order
        .source
        .video
        .as_ref()
        .map_or(0, |video| video.frame_count());
    let each = order.profiles.iter().map(|profile| {
        let fps = profile
            .fps
            .ratio()
            .map_or(0, |(num, den)| u64::from(num.get() / den.get()) + 1);
        let frames = frames.max(fps.saturating_mul(order.duration.as_secs() + 1));
        Pixels::of_frames(profile.width, profile.height, frames).unwrap_or(Pixels(u64::MAX))
    });
    each.sum()
}

fn seq(order: &Order) -> i64 {
    i64::try_from(order.number.0).unwrap_or(i64::MAX)
}

fn endpoint(session: &Session) -> String {
    format!("{}/segment", session.service.as_str().trim_end_matches('/'))
}

const fn base64_standard() -> base64::engine::GeneralPurpose {
    base64::engine::general_purpose::STANDARD
}

async fn refusal(response: reqwest::Response, deadline: Instant) -> AttemptError {
    let status = response.status();
    let seconds = response
        .headers()
        .get(http::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let text = body::read(
        reqwest::Body::from(response),
        MAX_REFUSAL_BYTES,
        0,
        deadline,
    )
    .await;
    let text = text.unwrap_or_default();
    AttemptError::Status {
        status,
        text: String::from_utf8_lossy(&text)
            .trim()
            .chars()
            .take(200)
            .collect(),
        retry_after: seconds.map(Duration::from_secs),
    }
}

fn upload_code(error: &AttemptError) -> String {
    match error {
        AttemptError::Status { text, .. } if text.contains("OrchestratorCapped") => {
            "OrchestratorCapped".to_owned()
        }
        AttemptError::Status { text, .. } if text.contains("Insufficient balance") => {
            "InsufficientBalance".to_owned()
        }
        AttemptError::Status { status, .. } => status.to_string(),
        AttemptError::Upload(text) if text == "Timeout" => "Timeout".to_owned(),
        _ => "Unknown".to_owned(),
    }
}
