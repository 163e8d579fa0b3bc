//! `POST /segment` and `POST /payment`: admit, take in, work, answer.
//!
//! The order of checks is the network's: what is refused before the body is read is refused with
//! a status, what fails after the early 200 is told inside the result.

use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use prost::Message;
use streamflow_engine::Job;
use streamflow_types::{Address, Rendition, SegmentNumber, Work};
use streamflow_wire::decode_message;
use streamflow_wire::proto::{OrchestratorInfo, Payment, PaymentResult};
use streamflow_wire::result::{
    MIN_RENDITION_BYTES, ReportedRendition, ReportedSegments, SegmentAnswer, SegmentFailure,
    message_of_hashes,
};
use streamflow_wire::segment::{PAYMENT_HEADER, SEGMENT_HEADER, SegmentRequest};
use streamflow_wire::signature::keccak;
use streamflow_wire::token::AuthToken;
use tokio::time::Instant;

use crate::payments::Payer;
use crate::renditions::file_name;
use crate::sessions::{Place, Refused};
use crate::source::{self, Source, SourceError};
use crate::state::{State, exchange_limit};

/// Longest payment header taken, in base64 characters: 600 tickets need 62 kB.
const MAX_PAYMENT_HEADER_BYTES: usize = 256 * 1024;

/// What a refusal before the early 200 says.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let nosniff = [("x-content-type-options", "nosniff")];
        (self.0, nosniff, format!("{}\n", self.1)).into_response()
    }
}

/// A segment that may come in.
struct Admitted {
    payer: Payer,
    request: SegmentRequest,
    info: OrchestratorInfo,
}

/// `POST /segment`.
pub(crate) async fn segment(Shared(state): Shared<State>, request: Request) -> Response {
    match take_in(&state, request).await {
        Ok(accepted) => accepted.answer(state),
        Err(refusal) => {
            state.meters.refused(refusal.0);
            tracing::debug!(status = %refusal.0, reason = refusal.1, "segment refused");
            refusal.into_response()
        }
    }
}

/// `POST /payment`: credit between segments.
pub(crate) async fn payment(Shared(state): Shared<State>, request: Request) -> Response {
    let headers = request.headers();
    match admit(&state, headers).await {
        Ok((admitted, _)) => {
            let result = PaymentResult {
                info: Some(admitted.info),
            }
            .encode_to_vec();
            Response::new(Body::from(result))
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// A segment that is here, with its place in its session.
struct Accepted {
    admitted: Admitted,
    place: Result<Place, Refused>,
    source: Source,
    deadline: Instant,
}

async fn take_in(state: &State, request: Request) -> Result<Accepted, Refusal> {
    let arrived = Instant::now();
    let (parts, body) = request.into_parts();
    let (admitted, _) = admit(state, &parts.headers).await?;
    let deadline = arrived + exchange_limit(admitted.request.duration);
    let source = source::take(state, &parts.headers, body, deadline)
        .await
        .map_err(|error| {
            tracing::debug!(%error, "segment not taken in");
            match error {
                SourceError::Fetch(_) => Refusal(StatusCode::BAD_REQUEST, "BadRequest".into()),
                SourceError::Body(_) | SourceError::NoRoom => internal(),
            }
        })?;
    if source.hashed.keccak != admitted.request.hash {
        return Err(Refusal(StatusCode::FORBIDDEN, "Forbidden".into()));
    }
    let (session, duration) = (&admitted.payer.session, admitted.request.duration);
    let now = state.clock.now();
    let place = state
        .sessions
        .enter(session, duration, state.session_limit(), now);
    Ok(Accepted {
        admitted,
        place,
        source,
        deadline,
    })
}

/// Everything that is decided from the headers.
async fn admit(state: &State, headers: &HeaderMap) -> Result<(Admitted, Payment), Refusal> {
    let payment = read_payment(headers)?;
    let forbidden = |text: String| Refusal(StatusCode::FORBIDDEN, text);
    let text = header_text(headers, SEGMENT_HEADER);
    let request =
        SegmentRequest::from_header(text).map_err(|error| forbidden(error.to_string()))?;
    let sender = match payment.sender.as_ref() {
        [] => Address::ZERO,
        bytes => Address::from_slice(bytes).unwrap_or(Address::ZERO),
    };
    if !state.identity.accepts_segment(sender, &request) {
        return Err(forbidden("ErrSegSig".into()));
    }
    if !state.offer().satisfy(&request.capabilities) {
        return Err(forbidden("incompatible capabilities".into()));
    }
    let token = AuthToken::from_proto(request.auth_token.as_ref())
        .and_then(|token| {
            state
                .tokens
                .check(&token, state.unix_seconds())
                .map(|()| token)
        })
        .map_err(|error| forbidden(error.to_string()))?;
    if !state
        .sessions
        .admits(&token.session, state.session_limit(), state.clock.now())
    {
        return Err(forbidden(SegmentFailure::Capped.to_string()));
    }
    let payer = Payer {
        sender,
        session: token.session.clone(),
    };
    let info = state.info(sender, token).await.map_err(|_| internal())?;
    state
        .payments
        .receive(&payer, &payment)
        .await
        .map_err(|error| Refusal(StatusCode::BAD_REQUEST, error.to_string()))?;
    Ok((
        Admitted {
            payer,
            request,
            info,
        },
        payment,
    ))
}

fn read_payment(headers: &HeaderMap) -> Result<Payment, Refusal> {
    let refused = |text: String| Refusal(StatusCode::PAYMENT_REQUIRED, text);
    let text = header_text(headers, PAYMENT_HEADER);
    if text.len() > MAX_PAYMENT_HEADER_BYTES {
        return Err(refused(
            "base64 decode error: longer than any payment".into(),
        ));
    }
    let bytes = STANDARD
        .decode(text)
        .map_err(|error| refused(format!("base64 decode error: {error}")))?;
    decode_message(&bytes).map_err(|error| refused(format!("protobuf unmarshal error: {error}")))
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    // What is no text is no base64 either.
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap_or("!"))
}

fn internal() -> Refusal {
    Refusal(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Internal Server Error".into(),
    )
}

impl Accepted {
    /// The early 200, and the result as its body. A gateway that hangs up drops the body, and with
    /// it the work.
    fn answer(self, state: State) -> Response {
        let result = stream::once(async move {
            let answer = self.work(&state).await;
            Ok::<_, std::convert::Infallible>(Bytes::from(answer.encode()))
        });
        let mut response = Response::new(Body::from_stream(result));
        // Peers send none on results.
        response.headers_mut().remove(header::CONTENT_TYPE);
        response
    }

    async fn work(self, state: &State) -> SegmentAnswer {
        let Self {
            admitted,
            place,
            source,
            deadline,
        } = self;
        let Admitted {
            payer,
            request,
            info,
        } = admitted;
        let job = Job {
            session: payer.session.clone(),
            manifest: match request.manifest_id() {
                Ok(manifest) => manifest,
                Err(error) => return failed(&request, info, other(error.to_string())),
            },
            number: SegmentNumber(request.seq.unsigned_abs()),
            duration: request.duration,
            source: source.hashed.bytes,
            work: work_of(state, &request),
            deadline,
        };
        let meter = state.meters.segment(&request.profiles);
        let outcome = match place {
            Ok(place) => {
                let _turn = place.turn().await;
                transcode(state, &request, job).await
            }
            Err(Refused::Busy) => Err(SegmentFailure::Busy),
            Err(Refused::Capped) => Err(SegmentFailure::Capped),
        };
        drop(source.room);
        let outcome = outcome.map(|renditions| report(state, &payer, &request, renditions));
        match &outcome {
            Ok(reported) => {
                let pixels = reported
                    .renditions
                    .iter()
                    .map(|rendition| rendition.pixels)
                    .sum();
                meter.succeeded(pixels, request.duration);
                state.payments.charge(&payer, pixels).await;
            }
            Err(failure) => {
                meter.failed();
                tracing::warn!(
                    manifestID = %String::from_utf8_lossy(&request.manifest),
                    seqNo = request.seq,
                    orchSessionID = %payer.session,
                    sender = %payer.sender,
                    %failure,
                    "segment failed"
                );
            }
        }
        SegmentAnswer {
            seq: request.seq,
            outcome,
            info: Some(info),
        }
    }
}

fn work_of(state: &State, request: &SegmentRequest) -> Work {
    let mut work = Work::new(request.profiles.clone());
    work.clip = request
        .slice
        .and_then(streamflow_wire::segment::Slice::clip);
    work.signature = request.perceptual_hash;
    let owner = match state.identity.address() {
        Address::ZERO => streamflow_wire::work::OFF_CHAIN.to_owned(),
        address => address.to_string(),
    };
    work.metadata = format!("Livepeer Transcoder {} ({owner})", state.config.version);
    work
}

async fn transcode(
    state: &State,
    request: &SegmentRequest,
    job: Job,
) -> Result<Vec<Rendition>, SegmentFailure> {
    let renditions = state.workshop.transcode(request, job).await?;
    if renditions.len() != request.profiles.len() {
        return Err(SegmentFailure::MismatchedSegments);
    }
    if renditions
        .iter()
        .any(|rendition| rendition.bytes.len() < MIN_RENDITION_BYTES)
    {
        return Err(SegmentFailure::ZeroSegments);
    }
    Ok(renditions)
}

/// Keeps the renditions and says where; signs them where the node has a key.
fn report(
    state: &State,
    payer: &Payer,
    request: &SegmentRequest,
    renditions: Vec<Rendition>,
) -> ReportedSegments {
    let number = SegmentNumber(request.seq.unsigned_abs());
    let mut hashes = Vec::new();
    let mut reported = Vec::new();
    for (profile, rendition) in request.profiles.iter().zip(renditions) {
        let name = file_name(number, profile.container.unwrap_or_default());
        let keep = |name: &str, bytes: Bytes| {
            let path = state
                .renditions
                .put(&payer.session, &profile.name, name, bytes);
            format!("{}{path}", state.service())
        };
        if !state.identity.address().is_zero() {
            hashes.push(keccak(&rendition.bytes));
        }
        let signature_url = rendition
            .signature
            .map(|signature| keep(&format!("{name}.phash"), signature))
            .unwrap_or_default();
        let url = keep(&name, rendition.bytes);
        reported.push(ReportedRendition {
            url,
            pixels: rendition.pixels,
            signature_url,
        });
    }
    let signature = match state.identity.address() {
        Address::ZERO => Vec::new(),
        _ => state.identity.sign(&message_of_hashes(&hashes)),
    };
    ReportedSegments {
        renditions: reported,
        signature,
    }
}

fn failed(
    request: &SegmentRequest,
    info: OrchestratorInfo,
    failure: SegmentFailure,
) -> SegmentAnswer {
    SegmentAnswer {
        seq: request.seq,
        outcome: Err(failure),
        info: Some(info),
    }
}

fn other(text: String) -> SegmentFailure {
    SegmentFailure::Transcode(streamflow_types::TranscodeFailure::Other(text))
}
