//! `POST /transcodeResults`: what transcoders send back.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State as Shared};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use streamflow_rpc::body;
use streamflow_rpc::multipart::{Part, ReadError, Reader, ReaderLimits};
use streamflow_types::{MAX_SEGMENT_BYTES, Pixels, Rendition, TranscodeFailure};
use streamflow_wire::work::{
    CREDENTIALS_HEADER, ERROR_CONTENT_TYPE, PIXELS_HEADER, RENDITIONS_CONTENT_TYPE,
    RESULTS_AUTHORIZATION, SIGNATURE_CONTENT_TYPE, TASK_HEADER, text,
};
use tokio::time::{Instant, timeout_at};

use super::{TaskResult, Workers};
use crate::state::State;

/// A result comes in within this time: longer than any segment's deadline.
const RESULT_LIMIT: Duration = Duration::from_secs(60);

/// Longest error text.
const MAX_ERROR_BYTES: usize = 16 * 1024;

/// Parts read of a result: ten renditions with their signatures, and room for ignored ones.
const MAX_PARTS: usize = 64;

/// Bytes read of one result.
const MAX_RESULT_BYTES: usize = 2 * MAX_SEGMENT_BYTES;

/// A refusal with its text.
struct Refusal(StatusCode, String);

impl Refusal {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self(status, text.into())
    }
}

/// `POST /transcodeResults`.
pub(crate) async fn take_results(Shared(state): Shared<State>, request: Request) -> Response {
    let Some(workers) = state.workshop.workers() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match take(workers, request).await {
        Ok(()) => "OK".into_response(),
        Err(Refusal(status, text)) => {
            let nosniff = [("x-content-type-options", "nosniff")];
            (status, nosniff, format!("{text}\n")).into_response()
        }
    }
}

async fn take(workers: &Workers, request: Request) -> Result<(), Refusal> {
    let until = Instant::now() + RESULT_LIMIT;
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    let credentials = header_text(headers, CREDENTIALS_HEADER).unwrap_or_default();
    let authorization = header_text(headers, header::AUTHORIZATION.as_str());
    if authorization != Some(RESULTS_AUTHORIZATION) || !workers.is_secret(credentials) {
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "Unauthorized"));
    }
    let unsupported = |text: &str| Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text);
    let kind = header_text(headers, header::CONTENT_TYPE.as_str())
        .ok_or_else(|| unsupported("mime: no media type"))?;
    let task = header_text(headers, TASK_HEADER)
        .and_then(|text| text.parse::<i64>().ok())
        .ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, text::INVALID_TASK))?;
    if kind == ERROR_CONTENT_TYPE {
        workers.deliver(task, read_error(body, until).await?);
        return Ok(());
    }
    let is_number = |text: &str| text.parse::<i64>().is_ok();
    if !header_text(headers, PIXELS_HEADER).is_some_and(is_number) {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, text::INVALID_PIXELS));
    }
    if !kind.starts_with(RENDITIONS_CONTENT_TYPE) {
        return Err(unsupported(&format!("{kind} is no result of transcoding")));
    }
    match read_renditions(kind, body, until).await {
        Ok(renditions) => {
            workers.deliver(task, Ok(renditions));
            Ok(())
        }
        Err(text) => {
            workers.deliver(task, Err(TranscodeFailure::Other(text.clone())));
            Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text))
        }
    }
}

async fn read_error(body: Body, until: Instant) -> Result<TaskResult, Refusal> {
    let bytes = body::read(body, MAX_ERROR_BYTES, body::MIN_RATE, until)
        .await
        .map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(Err(TranscodeFailure::from_text(&String::from_utf8_lossy(
        &bytes,
    ))))
}

/// The renditions of a result, each with the signature that follows it; or the text of what is
/// wrong.
async fn read_renditions(kind: &str, body: Body, until: Instant) -> Result<Vec<Rendition>, String> {
    let limits = ReaderLimits {
        parts: MAX_PARTS,
        part_bytes: MAX_SEGMENT_BYTES,
        total_bytes: MAX_RESULT_BYTES,
    };
    let mut reader =
        Reader::new(kind, body.into_data_stream(), limits).map_err(|error| error.to_string())?;
    let mut renditions: Vec<Rendition> = Vec::new();
    loop {
        let part = timeout_at(until, reader.next())
            .await
            .map_err(|_| "timed out".to_owned())?;
        match part {
            Ok(Some(part)) => add(part, &mut renditions)?,
            Ok(None) => return Ok(renditions),
            Err(ReadError::Truncated) if renditions.is_empty() => {
                return Err("multipart: NextPart: EOF".into());
            }
            Err(ReadError::Truncated) => return Err("unexpected EOF".into()),
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn add(part: Part, renditions: &mut Vec<Rendition>) -> Result<(), String> {
    if let Some(pixels) = header_text(&part.headers, PIXELS_HEADER) {
        let invalid = || format!("strconv.ParseInt: parsing {pixels:?}: invalid syntax");
        let pixels = pixels.parse::<u64>().map_err(|_| invalid())?;
        renditions.push(Rendition {
            bytes: part.bytes,
            pixels: Pixels(pixels),
            signature: None,
        });
        return Ok(());
    }
    let kind = header_text(&part.headers, header::CONTENT_TYPE.as_str());
    if kind == Some(SIGNATURE_CONTENT_TYPE) {
        let last = renditions
            .last_mut()
            .ok_or_else(|| text::UNKNOWN_SIGNATURE.to_owned())?;
        last.signature = Some(part.bytes);
    }
    Ok(())
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
