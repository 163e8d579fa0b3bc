//! A segment, or the part of it that was asked for.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

/// The whole of `bytes`, or one range of it. Several ranges at once are answered with the whole,
/// as a server may.
pub(super) fn answer(request: &HeaderMap, media_type: &'static str, bytes: Bytes) -> Response {
    let asked = request
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok());
    // A range that depends on a validator: there is none here, so it does not hold.
    let asked = asked.filter(|_| !request.contains_key(header::IF_RANGE));
    let kind = [
        (header::CONTENT_TYPE, media_type),
        (header::ACCEPT_RANGES, "bytes"),
    ];
    let len = bytes.len();
    match asked.map_or(Asked::Whole, |asked| parse(asked, len)) {
        Asked::Whole => (kind, bytes).into_response(),
        Asked::Part { first, last } => {
            let range = [(header::CONTENT_RANGE, format!("bytes {first}-{last}/{len}"))];
            let part = bytes.slice(first..=last);
            (StatusCode::PARTIAL_CONTENT, kind, range, part).into_response()
        }
        Asked::Beyond => {
            let range = [(header::CONTENT_RANGE, format!("bytes */{len}"))];
            (StatusCode::RANGE_NOT_SATISFIABLE, range).into_response()
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    /// Both within the bytes, in this order.
    Part {
        first: usize,
        last: usize,
    },
    Beyond,
}

fn parse(text: &str, len: usize) -> Asked {
    let Some(range) = text.trim().strip_prefix("bytes=") else {
        return Asked::Whole;
    };
    let Some((first, last)) = range.trim().split_once('-') else {
        return Asked::Whole;
    };
    let end = len.saturating_sub(1);
    let (first, last) = match (number(first), number(last)) {
        (Some(Some(first)), Some(Some(last))) if first <= last => (first, last.min(end)),
        (Some(Some(first)), Some(None)) => (first, end),
        (Some(None), Some(Some(suffix))) if suffix > 0 => (len.saturating_sub(suffix), end),
        (Some(None), Some(Some(_))) => return Asked::Beyond,
        _ => return Asked::Whole,
    };
    match first < len {
        true => Asked::Part { first, last },
        false => Asked::Beyond,
    }
}

/// `Some(None)` for nothing given, `None` for what is no number.
fn number(text: &str) -> Option<Option<usize>> {
    if text.is_empty() {
        return Some(None);
    }
    let is_plain = text.bytes().all(|b| b.is_ascii_digit());
    // A number too large to hold is beyond the end in any case.
    is_plain.then(|| Some(text.parse().unwrap_or(usize::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_cut_to_the_bytes_there_are() {
        let part = |first, last| Asked::Part { first, last };
        let cases = [
            ("bytes=0-3", part(0, 3)),
            ("bytes=4-", part(4, 9)),
            ("bytes=-3", part(7, 9)),
            ("bytes=-30", part(0, 9)),
            ("bytes=5-99999999999999999999999", part(5, 9)),
            ("bytes=10-", Asked::Beyond),
            ("bytes=-0", Asked::Beyond),
            ("bytes=5-4", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
            ("bytes=0-1,3-4", Asked::Whole),
            ("bytes=", Asked::Whole),
            ("frames=0-1", Asked::Whole),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text, 10), expected, "{text}");
        }
        assert_eq!(parse("bytes=0-", 0), Asked::Beyond);
    }
}
