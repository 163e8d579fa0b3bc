//! Writing parts. The bytes of a part are shared, never copied.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use rand::Rng;

/// Writes the pieces of a body part by part: either for a stream, with [`part_head`] and [`end`]
/// around the bytes of each part, or as a whole, with [`part`] and [`finish`].
///
/// [`part_head`]: Self::part_head
/// [`end`]: Self::end
/// [`part`]: Self::part
/// [`finish`]: Self::finish
#[derive(Debug)]
pub struct Writer {
    boundary: String,
    parts: usize,
    pieces: VecDeque<Bytes>,
}

impl Writer {
    /// With a random boundary of 20 hexadecimal digits.
    pub fn new(rng: &mut impl Rng) -> Self {
        let mut boundary = format!("{:020x}", rng.random::<u128>());
        boundary.truncate(20);
        Self::with_boundary(boundary)
    }

    /// With this boundary.
    pub fn with_boundary(boundary: impl Into<String>) -> Self {
        Self {
            boundary: boundary.into(),
            parts: 0,
            pieces: VecDeque::new(),
        }
    }

    /// The value of the `Content-Type` header.
    pub fn content_type(&self) -> String {
        format!("multipart/mixed; boundary={}", self.boundary)
    }

    /// What precedes the bytes of the next part. Headers are written in the given order.
    pub fn part_head(&mut self, headers: &[(&str, &str)]) -> Bytes {
        let mut head = if self.parts == 0 {
            String::new()
        } else {
            "\r\n".to_owned()
        };
        self.parts += 1;
        // Writing to a string cannot fail.
        let _ = write!(head, "--{}\r\n", self.boundary);
        for (name, value) in headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        head.into()
    }

    /// What follows the last part.
    pub fn end(&self) -> Bytes {
        format!("\r\n--{}--\r\n", self.boundary).into()
    }

    /// Adds a part to the body that [`finish`](Self::finish) gives.
    pub fn part(&mut self, headers: &[(&str, &str)], bytes: Bytes) {
        let head = self.part_head(headers);
        self.pieces.push_back(head);
        self.pieces.push_back(bytes);
    }

    /// The whole body.
    pub fn finish(mut self) -> Multipart {
        let end = self.end();
        self.pieces.push_back(end);
        self.pieces.retain(|piece| !piece.is_empty());
        Multipart {
            pieces: self.pieces,
        }
    }
}

/// A written body of known length, to be sent as it is.
#[derive(Clone, Debug)]
pub struct Multipart {
    pieces: VecDeque<Bytes>,
}

impl Multipart {
    /// Bytes in all; the value of `Content-Length`.
    pub fn content_length(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }

    /// All bytes in one piece.
    pub fn to_bytes(&self) -> Bytes {
        self.pieces.iter().flatten().copied().collect()
    }
}

impl Body for Multipart {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.content_length())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_laid_out_byte_for_byte() {
        let mut writer = Writer::with_boundary("b1");
        assert_eq!(writer.content_type(), "multipart/mixed; boundary=b1");
        let headers = [
            ("Content-Length", "3"),
            ("Content-Type", "video/mp2t"),
            ("Pixels", "100"),
        ];
        writer.part(&headers, Bytes::from_static(b"abc"));
        writer.part(&[("Content-Type", "video/mp4")], Bytes::from_static(b"def"));
        let body = writer.finish();
        let text = "--b1\r\nContent-Length: 3\r\nContent-Type: video/mp2t\r\nPixels: 100\r\n\r\nabc\
                    \r\n--b1\r\nContent-Type: video/mp4\r\n\r\ndef\r\n--b1--\r\n";
        assert_eq!(body.to_bytes(), text);
        assert_eq!(body.content_length(), text.len() as u64);
    }

    #[test]
    fn boundaries_are_20_hexadecimal_digits() {
        for _ in 0..100 {
            let writer = Writer::new(&mut rand::rng());
            assert_eq!(writer.boundary.len(), 20);
            assert!(writer.boundary.bytes().all(|b| b.is_ascii_hexdigit()));
        }
    }
}
