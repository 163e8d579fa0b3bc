//! The answers to a push, to the byte as clients of the network know them.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use streamflow_rpc::multipart::Writer;
use streamflow_types::SegmentNumber;

use super::body::BodyError;
use super::request::{Head, HeadError};
use super::{PushAnswer, PushError, PushedBody, PushedRendition};

/// The answer to a segment that was taken; `left` is called where the client leaves within it.
pub(super) fn outcome(
    head: &Head,
    result: Result<PushAnswer, PushError>,
    left: impl FnOnce() + Send + 'static,
) -> Response {
    match result {
        // With its length of zero.
        Ok(PushAnswer::NoOutputs) => Response::new(Body::empty()),
        Ok(PushAnswer::Renditions(renditions)) if head.wants_renditions => {
            multipart(head.number, &renditions, left)
        }
        Ok(PushAnswer::Renditions(_)) => Response::new(of_unknown_length(Vec::new(), || ())),
        Err(error) => failure(head, &error),
    }
}

/// The answer to a head that is refused.
pub(super) fn refused_head(error: &HeadError) -> Response {
    let status = match error {
        HeadError::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
        _ => StatusCode::BAD_REQUEST,
    };
    plain(status, &error.to_string())
}

/// The answer to a body that was not taken.
pub(super) fn refused_body(error: &BodyError) -> Response {
    let status = match error {
        BodyError::Unreadable(_) => StatusCode::INTERNAL_SERVER_ERROR,
        BodyError::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
    };
    plain(status, &error.to_string())
}

/// The answer when the work on a segment broke off on our side.
pub(super) fn broken_off() -> Response {
    plain(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the work on this segment broke off",
    )
}

fn failure(head: &Head, error: &PushError) -> Response {
    let processing = |failure: &dyn std::fmt::Display| {
        let (url, manifest) = (&head.url, &head.manifest);
        format!(
            "http push error processing segment url={url} manifestID={manifest} err={:?}",
            failure.to_string()
        )
    };
    let no_stream = || format!("Could not create stream ID: url={}", head.url);
    match error {
        PushError::Configuration(why) => refused_head(&HeadError::Configuration(why.clone())),
        PushError::Denied => plain(StatusCode::FORBIDDEN, &no_stream()),
        PushError::Stream(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, &no_stream()),
        PushError::BadSegment(failure) => {
            plain(StatusCode::UNPROCESSABLE_ENTITY, &processing(failure))
        }
        PushError::Failed(failure) => {
            plain(StatusCode::INTERNAL_SERVER_ERROR, &processing(failure))
        }
        PushError::NoSessions => plain(StatusCode::SERVICE_UNAVAILABLE, "No sessions available"),
    }
}

fn plain(status: StatusCode, text: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, format!("{text}\n")).into_response()
}

fn multipart(
    number: SegmentNumber,
    renditions: &[PushedRendition],
    left: impl FnOnce() + Send + 'static,
) -> Response {
    let mut writer = Writer::new(&mut rand::rng());
    let content_type = writer.content_type();
    let mut pieces = Vec::with_capacity(renditions.len() * 2 + 1);
    for rendition in renditions {
        let (media_type, extension, bytes) = match &rendition.body {
            PushedBody::Bytes(bytes) => {
                let container = rendition.container;
                (container.media_type(), container.extension(), bytes.clone())
            }
            PushedBody::Url(url) => (
                "application/vnd+livepeer.uri",
                ".txt",
                Bytes::copy_from_slice(url.as_bytes()),
            ),
        };
        let profile = header_safe(&rendition.profile);
        let name = format!("{profile}_{number}{extension}");
        pieces.push(writer.part_head(&[
            (
                "Content-Disposition",
                &format!("attachment; filename=\"{name}\""),
            ),
            ("Content-Length", &bytes.len().to_string()),
            ("Content-Type", &format!("{media_type}; name=\"{name}\"")),
            ("Rendition-Name", &profile),
        ]));
        pieces.push(bytes);
    }
    pieces.push(writer.end());
    let mut response = Response::new(of_unknown_length(pieces, left));
    if let Ok(content_type) = HeaderValue::try_from(content_type) {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
    }
    response
}

/// Profile names come from clients; what could end a header or a quoted text becomes `_`.
fn header_safe(name: &str) -> String {
    let is_safe = |c: char| !c.is_control() && c != '"' && c != '\\';
    name.chars()
        .map(|c| if is_safe(c) { c } else { '_' })
        .collect()
}

/// A body that is sent in chunks, even when it is empty.
fn of_unknown_length(pieces: Vec<Bytes>, left: impl FnOnce() + Send + 'static) -> Body {
    let pieces = Pieces {
        rest: pieces.into_iter(),
        left: Some(left),
    };
    Body::from_stream(stream::iter(pieces.map(Ok::<_, Infallible>)))
}

/// What is left to send; says so when it is dropped before its end.
struct Pieces<F: FnOnce()> {
    rest: std::vec::IntoIter<Bytes>,
    left: Option<F>,
}

impl<F: FnOnce()> Iterator for Pieces<F> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        self.rest.next()
    }
}

impl<F: FnOnce()> Drop for Pieces<F> {
    fn drop(&mut self) {
        if self.rest.len() > 0
            && let Some(left) = self.left.take()
        {
            left();
        }
    }
}
