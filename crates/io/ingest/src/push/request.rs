//! What a push request says besides its body.

use std::fmt::Write;
use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use streamflow_types::{Clip, Container, ManifestId, SegmentNumber};

use crate::name::{StreamName, extension};

/// Played time of a segment whose client does not say.
const DEFAULT_DURATION: Duration = Duration::from_secs(2);

/// The media type of answers with renditions.
const MULTIPART: &str = "multipart/mixed";

/// The head of a push request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Head {
    pub(super) url: String,
    pub(super) manifest: ManifestId,
    pub(super) number: SegmentNumber,
    pub(super) duration: Duration,
    pub(super) container: Container,
    pub(super) resolution: Option<(u32, u32)>,
    pub(super) clip: Option<Clip>,
    pub(super) configuration: Option<serde_json::Value>,
    pub(super) wants_renditions: bool,
}

/// Why a head is refused. The texts are those clients of the network know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HeadError {
    #[error("http push request wrong method={method} url={url} host={host}")]
    Method {
        method: Method,
        url: String,
        host: String,
    },
    #[error("failed to parse transcode config header: {0:?}")]
    Configuration(String),
    #[error("ignoring file extension: {0}")]
    Extension(String),
    #[error("Bad URL url={0}")]
    Manifest(String),
    #[error("Invalid slice config from={from} to={to}")]
    Slice { from: String, to: String },
}

impl Head {
    pub(super) fn read(parts: &Parts) -> Result<Self, HeadError> {
        let host = host(parts);
        if parts.method != Method::PUT && parts.method != Method::POST {
            let (method, url) = (parts.method.clone(), parts.uri.to_string());
            return Err(HeadError::Method { method, url, host });
        }
        let configuration = configuration(&parts.headers)?;
        let path = parts.uri.path();
        let url = format!("http://{host}{path}");
        let extension = extension(path);
        let container = [Container::MpegTs, Container::Mp4]
            .into_iter()
            .find(|container| container.extension() == extension)
            .ok_or_else(|| HeadError::Extension(extension.to_owned()))?;
        let decoded = percent_decoded(path).ok_or_else(|| HeadError::Manifest(url.clone()))?;
        let manifest = ManifestId::new(&StreamName::of_path(&decoded).manifest)
            .map_err(|_| HeadError::Manifest(url.clone()))?;
        Ok(Self {
            url,
            manifest,
            number: number(&decoded),
            duration: duration(&parts.headers),
            container,
            resolution: text(&parts.headers, "content-resolution").and_then(resolution),
            clip: clip(&parts.headers)?,
            configuration,
            wants_renditions: wants_renditions(&parts.headers),
        })
    }
}

fn host(parts: &Parts) -> String {
    let authority = || parts.uri.authority().map(|authority| authority.as_str());
    text(&parts.headers, "host")
        .or_else(authority)
        .unwrap_or_default()
        .to_owned()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn configuration(headers: &HeaderMap) -> Result<Option<serde_json::Value>, HeadError> {
    let Some(header) = headers.get("livepeer-transcode-configuration") else {
        return Ok(None);
    };
    if header.is_empty() {
        return Ok(None);
    }
    match serde_json::from_slice(header.as_bytes()) {
        Ok(serde_json::Value::Null) => Ok(None),
        Ok(value) if value.is_object() => Ok(Some(value)),
        Ok(_) => Err(HeadError::Configuration(
            "expected a JSON object".to_owned(),
        )),
        Err(error) => Err(HeadError::Configuration(error.to_string())),
    }
}

/// The number in the file name; 0 when it is none.
fn number(path: &str) -> SegmentNumber {
    let file = path.rsplit('/').next().unwrap_or_default();
    let stem = file.strip_suffix(extension(file)).unwrap_or(file);
    let is_number = stem.bytes().all(|byte| byte.is_ascii_digit());
    SegmentNumber(stem.parse().ok().filter(|_| is_number).unwrap_or_default())
}

/// A segment of no length cannot be planned for, so 0 counts as not given.
fn duration(headers: &HeaderMap) -> Duration {
    text(headers, "content-duration")
        .and_then(|text| text.parse().ok())
        .filter(|millis| *millis > 0)
        .map_or(DEFAULT_DURATION, Duration::from_millis)
}

fn resolution(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

fn clip(headers: &HeaderMap) -> Result<Option<Clip>, HeadError> {
    let (from, to) = (
        text(headers, "content-slice-from"),
        text(headers, "content-slice-to"),
    );
    let millis = |text: Option<&str>| text.map_or(Some(0), |text| text.parse::<u64>().ok());
    let refused = || {
        let shown = |text: Option<&str>| match millis(text) {
            Some(millis) => spoken_duration(millis),
            None => text.unwrap_or_default().to_owned(),
        };
        HeadError::Slice {
            from: shown(from),
            to: shown(to),
        }
    };
    let (from, to) = (
        millis(from).ok_or_else(refused)?,
        millis(to).ok_or_else(refused)?,
    );
    if from > 0 && to > 0 && from > to {
        return Err(refused());
    }
    let clip = Clip {
        from: Duration::from_millis(from),
        to: (to > 0).then(|| Duration::from_millis(to)),
    };
    Ok((from > 0 || to > 0).then_some(clip))
}

/// `1h2m3.5s`, `100ms`: how durations are printed in the texts of the network.
fn spoken_duration(millis: u64) -> String {
    if (1..1000).contains(&millis) {
        return format!("{millis}ms");
    }
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    let mut spoken = String::new();
    // Writing to a string cannot fail.
    if minutes >= 60 {
        let _ = write!(spoken, "{}h", minutes / 60);
    }
    if minutes > 0 {
        let _ = write!(spoken, "{}m", minutes % 60);
    }
    let fraction = format!(".{:03}", rest % 1000);
    let _ = write!(
        spoken,
        "{}{}s",
        rest / 1000,
        fraction.trim_end_matches('0').trim_end_matches('.')
    );
    spoken
}

/// Whether the client takes renditions, alone or among other types.
fn wants_renditions(headers: &HeaderMap) -> bool {
    headers
        .get_all("accept")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|range| range.trim().eq_ignore_ascii_case(MULTIPART))
}

/// The path with `%xx` resolved. `None` when that is no text.
fn percent_decoded(path: &str) -> Option<String> {
    let mut bytes = path.bytes();
    let mut decoded = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn read(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<Head, HeadError> {
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header("host", "example.com");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Head::read(&request.body(()).unwrap().into_parts().0)
    }

    fn put(uri: &str, headers: &[(&str, &str)]) -> Head {
        read("PUT", uri, headers).unwrap()
    }

    fn refused(method: &str, uri: &str, headers: &[(&str, &str)]) -> String {
        read(method, uri, headers).unwrap_err().to_string()
    }

    #[test]
    fn everything_not_said_has_a_default() {
        let head = put("/live/mani/17.ts?x=1", &[]);
        assert_eq!(head.url, "http://example.com/live/mani/17.ts");
        assert_eq!(
            (head.manifest.as_str(), head.number),
            ("mani", SegmentNumber(17))
        );
        assert_eq!(
            (head.duration, head.container),
            (DEFAULT_DURATION, Container::MpegTs)
        );
        assert_eq!(
            (head.resolution, head.clip, head.configuration),
            (None, None, None)
        );
        assert!(!head.wants_renditions);
    }

    #[test]
    fn headers_are_read() {
        let headers = [
            ("content-duration", "4123"),
            ("content-resolution", "1280x720"),
            ("content-slice-from", "100"),
            ("accept", "text/html;q=0.2, Multipart/Mixed"),
            ("livepeer-transcode-configuration", r#"{"profiles":[]}"#),
        ];
        let head = put("/live/mani/0.mp4", &headers);
        assert_eq!(head.duration, Duration::from_millis(4123));
        assert_eq!(head.resolution, Some((1280, 720)));
        assert_eq!(
            head.clip,
            Some(Clip {
                from: Duration::from_millis(100),
                to: None
            })
        );
        assert_eq!(head.container, Container::Mp4);
        assert!(head.wants_renditions);
        assert_eq!(
            head.configuration,
            Some(serde_json::json!({"profiles": []}))
        );
    }

    #[test]
    fn odd_numbers_and_durations_fall_back() {
        assert_eq!(put("/live/mani/abc.ts", &[]).number, SegmentNumber(0));
        assert_eq!(put("/live/mani/+5.ts", &[]).number, SegmentNumber(0));
        assert_eq!(put("/live/0.ts", &[]).manifest.as_str(), "0");
        assert_eq!(
            put("/live/my%2Dshow/3.ts", &[]).manifest.as_str(),
            "my-show"
        );
        for bad in ["abc", "-1", "0", "1.5"] {
            let head = put("/live/mani/1.ts", &[("content-duration", bad)]);
            assert_eq!(head.duration, DEFAULT_DURATION, "{bad}");
        }
    }

    #[test]
    fn refusals_have_the_texts_clients_know() {
        assert_eq!(
            refused("GET", "/live/mani/1.ts", &[]),
            "http push request wrong method=GET url=/live/mani/1.ts host=example.com"
        );
        assert_eq!(
            refused("PUT", "/live/mani/1.m4v", &[]),
            "ignoring file extension: .m4v"
        );
        let empty = refused("PUT", "/live/.ts", &[]);
        assert_eq!(empty, "Bad URL url=http://example.com/live/.ts");
        let slice = [("content-slice-from", "1500"), ("content-slice-to", "100")];
        let slice = refused("PUT", "/live/mani/1.ts", &slice);
        assert_eq!(slice, "Invalid slice config from=1.5s to=100ms");
        let header = [("livepeer-transcode-configuration", "{")];
        let header = refused("PUT", "/live/mani/1.ts", &header);
        assert!(
            header.starts_with("failed to parse transcode config header: \""),
            "{header}"
        );
    }

    #[test]
    fn durations_are_printed_like_the_network_does() {
        for (millis, spoken) in [
            (0, "0s"),
            (100, "100ms"),
            (1500, "1.5s"),
            (60_000, "1m0s"),
            (3_661_010, "1h1m1.01s"),
        ] {
            assert_eq!(spoken_duration(millis), spoken);
        }
    }
}
