//! The bytes of a segment: from the body of its request, or from where the body says.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use streamflow_rpc::body::{self, BodyError, Hashed};
use streamflow_wire::segment::URI_CONTENT_TYPE;
use streamflow_wire::signature::keccak;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use url::Url;

use crate::state::{BYTES_PER_PERMIT, State};

/// Longest body that is a URL.
const MAX_URL_BYTES: usize = 2048;

/// Fetching a segment takes at most this long.
const FETCH_LIMIT: Duration = Duration::from_secs(8);

/// Why a segment did not come in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// The body was too large, too slow, late or broken: 500.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The node holds as many bytes as it may, and none were given back in time: 500.
    #[error("no room for the segment's bytes before its deadline")]
    NoRoom,
    /// The URL is not one to fetch from, or could not be fetched: 400.
    #[error("the segment could not be fetched: {0}")]
    Fetch(String),
}

/// A segment's bytes and the room they take.
pub(crate) struct Source {
    pub(crate) hashed: Hashed,
    /// Given back when the segment is done.
    pub(crate) room: OwnedSemaphorePermit,
}

/// Takes the segment in before `deadline`.
pub(crate) async fn take(
    state: &State,
    headers: &HeaderMap,
    body: Body,
    deadline: Instant,
) -> Result<Source, SourceError> {
    let limit = state.config.max_segment_bytes;
    let is_url = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == URI_CONTENT_TYPE);
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse().ok());
    if !is_url && announced.is_some_and(|announced: usize| announced > limit) {
        return Err(BodyError::TooLarge { limit }.into());
    }
    // What does not say its size is counted as large.
    let expected = if is_url {
        limit
    } else {
        announced.unwrap_or(limit)
    };
    let room = make_room(state, expected, deadline).await?;
    let hashed = if is_url {
        let bytes = fetch(state, body, deadline).await?;
        Hashed {
            keccak: keccak(&bytes),
            bytes,
        }
    } else {
        body::read_hashed(body, limit, body::MIN_RATE, deadline).await?
    };
    Ok(Source { hashed, room })
}

async fn make_room(
    state: &State,
    bytes: usize,
    deadline: Instant,
) -> Result<OwnedSemaphorePermit, SourceError> {
    let whole = state.config.source_budget_bytes / BYTES_PER_PERMIT;
    let permits = bytes.div_ceil(BYTES_PER_PERMIT).clamp(1, whole.max(1));
    let permits = u32::try_from(permits).unwrap_or(u32::MAX);
    let room = state.source_budget.clone().acquire_many_owned(permits);
    match tokio::time::timeout_at(deadline, room).await {
        Ok(room) => Ok(room.expect("the source budget is never closed")),
        Err(_) => Err(SourceError::NoRoom),
    }
}

async fn fetch(state: &State, body: Body, deadline: Instant) -> Result<Bytes, SourceError> {
    let url = body::read(body, MAX_URL_BYTES, body::MIN_RATE, deadline).await?;
    let url = String::from_utf8(url.to_vec())
        .map_err(|_| SourceError::Fetch("the URL is no text".to_owned()))?;
    let url = Url::parse(&url).map_err(|_| SourceError::Fetch(format!("{url:?} is no URL")))?;
    let allowed = &state.config.fetch_allowed;
    if !allowed.iter().any(|place| is_below(place, &url)) {
        return Err(SourceError::Fetch(format!(
            "{url} is not in the list of allowed places"
        )));
    }
    let until = deadline.min(Instant::now() + FETCH_LIMIT);
    let fetch = async {
        let answer = state.downloads.get(url).send().await?.error_for_status()?;
        Ok::<_, reqwest::Error>(answer)
    };
    let answer = tokio::time::timeout_at(until, fetch)
        .await
        .map_err(|_| SourceError::Fetch("it took too long".to_owned()))?
        .map_err(|error| SourceError::Fetch(error.to_string()))?;
    let body = reqwest::Body::from(answer);
    body::read(body, state.config.max_segment_bytes, 0, until)
        .await
        .map_err(|error| SourceError::Fetch(error.to_string()))
}

/// Whether a URL is this place or below it: the same server, and a path that goes on after a slash.
fn is_below(place: &Url, url: &Url) -> bool {
    let is_plain = url.username().is_empty() && url.password().is_none();
    let rest = url.path().strip_prefix(place.path());
    let goes_on =
        |rest: &str| rest.is_empty() || rest.starts_with('/') || place.path().ends_with('/');
    is_plain
        && place.scheme() == url.scheme()
        && place.host() == url.host()
        && place.port_or_known_default() == url.port_or_known_default()
        && rest.is_some_and(goes_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_server_and_a_folder_of_it() {
        let is_below = |place: &str, url: &str| {
            is_below(&Url::parse(place).unwrap(), &Url::parse(url).unwrap())
        };
        for (place, url, expected) in [
            ("https://s.example", "https://s.example/a.ts", true),
            ("https://s.example/own", "https://s.example/own/a.ts", true),
            (
                "https://s.example/own/",
                "https://s.example:443/own/a.ts?x=1",
                true,
            ),
            ("https://s.example/own", "https://s.example/own", true),
            (
                "https://s.example",
                "https://s.example.evil.example/a.ts",
                false,
            ),
            (
                "https://s.example",
                "https://s.example@evil.example/a.ts",
                false,
            ),
            ("https://s.example", "https://u:p@s.example/a.ts", false),
            ("https://s.example", "https://s.example:8443/a.ts", false),
            ("https://s.example", "http://s.example/a.ts", false),
            (
                "https://s.example/own",
                "https://s.example/owned/a.ts",
                false,
            ),
            (
                "https://s.example/own",
                "https://s.example/own/../other/a.ts",
                false,
            ),
        ] {
            assert_eq!(is_below(place, url), expected, "{place} {url}");
        }
    }
}
