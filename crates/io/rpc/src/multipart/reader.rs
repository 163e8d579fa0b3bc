//! Reading parts, each into one piece of memory, within a number and a size.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::HeaderMap;
use multer::{Constraints, Multipart, SizeLimit};
use tower::BoxError;

/// Headers, boundaries and line breaks around each part.
const PART_OVERHEAD_BYTES: u64 = 16 * 1024;

/// How much is read.
#[derive(Clone, Copy, Debug)]
pub struct ReaderLimits {
    /// Parts.
    pub parts: usize,
    /// Bytes of one part.
    pub part_bytes: usize,
    /// Bytes of all parts together.
    pub total_bytes: usize,
}

/// One part.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Why reading ended before the end of the body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The content type is not multipart, or names no boundary.
    #[error("the content type {0:?} is not multipart with a boundary")]
    ContentType(String),
    /// The body ended in the middle of a part, or holds none where one must stand.
    #[error("the multipart body ended too early")]
    Truncated,
    /// More than the limits allow.
    #[error("the multipart body has more than {0}")]
    TooLarge(&'static str),
    /// Not multipart as promised.
    #[error("the multipart body is malformed: {0}")]
    Malformed(String),
    /// The sender broke off.
    #[error("the multipart body broke off")]
    Broken(#[source] BoxError),
}

/// A body being read part by part.
#[derive(Debug)]
pub struct Reader {
    multipart: Multipart<'static>,
    limits: ReaderLimits,
    parts: usize,
}

impl Reader {
    /// Reads the body of this content type. The caller bounds the time.
    pub fn new<S, E>(content_type: &str, body: S, limits: ReaderLimits) -> Result<Self, ReadError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        let boundary = boundary_of(content_type)
            .ok_or_else(|| ReadError::ContentType(content_type.to_owned()))?;
        let overhead = PART_OVERHEAD_BYTES.saturating_mul(limits.parts as u64 + 1);
        let sizes = SizeLimit::new()
            .per_field(limits.part_bytes as u64)
            .whole_stream((limits.total_bytes as u64).saturating_add(overhead));
        let constraints = Constraints::new().size_limit(sizes);
        let body = body.map(|piece| piece.map_err(Into::into));
        let multipart = Multipart::with_constraints(body, boundary, constraints);
        Ok(Self {
            multipart,
            limits,
            parts: 0,
        })
    }

    /// The next part, `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Part>, ReadError> {
        let Some(field) = self.multipart.next_field().await.map_err(read_error)? else {
            return Ok(None);
        };
        self.parts += 1;
        if self.parts > self.limits.parts {
            return Err(ReadError::TooLarge("the parts allowed"));
        }
        let headers = field.headers().clone();
        let bytes = field.bytes().await.map_err(read_error)?;
        Ok(Some(Part { headers, bytes }))
    }
}

fn read_error(error: multer::Error) -> ReadError {
    match error {
        multer::Error::FieldSizeExceeded { .. } => ReadError::TooLarge("the bytes of a part"),
        multer::Error::StreamSizeExceeded { .. } => ReadError::TooLarge("the bytes of all parts"),
        multer::Error::IncompleteFieldData { .. }
        | multer::Error::IncompleteHeaders
        | multer::Error::IncompleteStream => ReadError::Truncated,
        multer::Error::StreamReadFailed(error) => ReadError::Broken(error),
        other => ReadError::Malformed(other.to_string()),
    }
}

/// The boundary of a `multipart/…` content type.
pub fn boundary_of(content_type: &str) -> Option<String> {
    let mut pieces = content_type.split(';');
    let kind = pieces.next()?.trim();
    if !kind.get(..10)?.eq_ignore_ascii_case("multipart/") {
        return None;
    }
    let boundary = pieces.find_map(|piece| {
        let (name, value) = piece.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then_some(value.trim())
    })?;
    let boundary = boundary
        .strip_prefix('"')
        .and_then(|b| b.strip_suffix('"'))
        .unwrap_or(boundary);
    // RFC 2046: 1 to 70 characters, and a line break in one would end the line early.
    let fits =
        (1..=70).contains(&boundary.len()) && boundary.bytes().all(|b| (32..127).contains(&b));
    fits.then(|| boundary.to_owned())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;
    use crate::multipart::Writer;

    const LIMITS: ReaderLimits = ReaderLimits {
        parts: 3,
        part_bytes: 10,
        total_bytes: 20,
    };

    /// The body in pieces of one byte: the hardest way to cut it.
    fn reader(body: &[u8], limits: ReaderLimits) -> Reader {
        let pieces: Vec<_> = body
            .iter()
            .map(|b| Ok::<_, Infallible>(Bytes::copy_from_slice(&[*b])))
            .collect();
        Reader::new("multipart/mixed; boundary=b1", stream::iter(pieces), limits).unwrap()
    }

    #[tokio::test]
    async fn what_was_written_is_read_back() {
        let mut writer = Writer::with_boundary("b1");
        writer.part(
            &[("Content-Type", "video/mp2t"), ("Pixels", "9")],
            Bytes::from_static(b"a\r\n"),
        );
        writer.part(
            &[("Content-Type", "application/octet-stream")],
            Bytes::new(),
        );
        let mut reader = reader(&writer.finish().to_bytes(), LIMITS);
        let first = reader.next().await.unwrap().unwrap();
        assert_eq!(
            (&first.bytes[..], &first.headers["pixels"]),
            (&b"a\r\n"[..], &"9".parse().unwrap())
        );
        let second = reader.next().await.unwrap().unwrap();
        assert!(second.bytes.is_empty());
        assert!(reader.next().await.unwrap().is_none());
    }

    /// Cut in two anywhere, the second piece and the end coming later, each by itself.
    #[tokio::test]
    async fn where_a_body_is_cut_and_when_it_goes_on_makes_no_difference() {
        let mut writer = Writer::with_boundary("b1");
        writer.part(&[("Pixels", "9")], Bytes::from_static(b"a\r\n--b\r\n"));
        writer.part(&[("Pixels", "10")], Bytes::from_static(b"second"));
        let body = writer.finish().to_bytes();
        for cut in 0..=body.len() {
            let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, Infallible>>(1);
            let pieces = [body.slice(..cut), body.slice(cut..)];
            tokio::spawn(async move {
                for piece in pieces {
                    tokio::task::yield_now().await;
                    sender.send(Ok(piece)).await.unwrap();
                    tokio::time::sleep(std::time::Duration::from_micros(200)).await;
                }
                tokio::time::sleep(std::time::Duration::from_micros(200)).await;
            });
            let pieces = stream::unfold(receiver, |mut receiver| async {
                let piece = receiver.recv().await?;
                Some((piece, receiver))
            });
            let mut reader = Reader::new("multipart/mixed; boundary=b1", pieces, LIMITS).unwrap();
            for wanted in [&b"a\r\n--b\r\n"[..], b"second"] {
                let part = reader.next().await.unwrap().unwrap();
                assert_eq!(&part.bytes[..], wanted, "cut at {cut}");
            }
            assert!(reader.next().await.unwrap().is_none(), "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn a_body_that_ends_early_is_truncated() {
        for body in [
            &b"--b1\r\nContent-Type: video/mp2t\r\n\r\nabc"[..],
            b"--b1\r\nConte",
            b"",
        ] {
            let error = reader(body, LIMITS).next().await.unwrap_err();
            assert!(matches!(error, ReadError::Truncated), "{body:?}: {error:?}");
        }
    }

    #[tokio::test]
    async fn limits_hold_for_parts_and_bytes() {
        let mut writer = Writer::with_boundary("b1");
        for _ in 0..4 {
            writer.part(&[("Pixels", "1")], Bytes::from_static(b"abc"));
        }
        let body = writer.finish().to_bytes();
        let mut many = reader(&body, LIMITS);
        for _ in 0..3 {
            assert!(many.next().await.unwrap().is_some());
        }
        assert!(matches!(many.next().await, Err(ReadError::TooLarge(_))));
        let mut large = reader(
            &body,
            ReaderLimits {
                part_bytes: 2,
                ..LIMITS
            },
        );
        assert!(matches!(large.next().await, Err(ReadError::TooLarge(_))));
    }

    #[test]
    fn boundaries_are_found_whatever_surrounds_them() {
        for (text, boundary) in [
            ("multipart/mixed; boundary=b1", Some("b1")),
            ("Multipart/Mixed;charset=x; Boundary=\"a b\"", Some("a b")),
            ("multipart/mixed", None),
            ("multipart/mixed; boundary=", None),
            ("video/mp2t; boundary=b1", None),
            ("", None),
        ] {
            assert_eq!(boundary_of(text).as_deref(), boundary, "{text}");
        }
    }
}
