//! The shape of gRPC answers on this network: headers and trailers are separate frames, for
//! failures too, and nothing is said about compression.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body::{Body as HttpBody, Frame};

/// Announced in the headers of every answer, under these spellings.
const ANNOUNCED: [&str; 3] = ["Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin"];

/// What moves from the headers of a failure to its trailers.
const TRAILERS: [HeaderName; 3] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
];

/// Gives an answer the network's shape.
pub(super) fn with_separate_trailers(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.remove("grpc-encoding");
    headers.remove("grpc-accept-encoding");
    for name in ANNOUNCED {
        headers.append(header::TRAILER, HeaderValue::from_static(name));
    }
    let mut trailers = HeaderMap::new();
    for name in TRAILERS {
        if let Some(value) = headers.remove(&name) {
            trailers.insert(name, value);
        }
    }
    if trailers.is_empty() {
        return response;
    }
    headers.remove(header::CONTENT_LENGTH);
    response.map(|_| Body::new(TrailersOnly(Some(trailers))))
}

/// A body of no bytes and one trailer frame.
struct TrailersOnly(Option<HeaderMap>);

impl HttpBody for TrailersOnly {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.0.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}
