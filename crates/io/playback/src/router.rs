//! The doors: playlists, segments, the list of streams and the player page over HTTP.

mod player;
mod range;

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use serde::Serialize;

use streamflow_media::playlist::COMPATIBLE_MEDIA_TYPE;

use crate::{Library, StreamView};

/// What the doors offer.
#[derive(Clone, Debug, Default)]
pub struct RouterOptions {
    /// Serve the newest live stream as `/stream/current.m3u8`.
    pub current: bool,
    /// Serve the player page at `/` and `/play/…`.
    pub player: bool,
}

/// How long caches may keep what is served below `/stream/`.
const CACHE: &str = "max-age=5";

/// How long a master playlist waits for the first renditions. Players read it once: whoever comes
/// before them would have the source only, for as long as it watches.
const LADDER_PATIENCE: Duration = Duration::from_secs(3);

/// How often it is looked whether they are there.
const LADDER_LOOK: Duration = Duration::from_millis(50);

/// The text of a 404.
const NOT_FOUND: &str = "ErrNotFound";

/// Playlists and segments below `/stream/`, the list of streams at `/stream/index.json`, and the
/// player page where it is wanted.
pub fn router(library: Library, options: &RouterOptions) -> Router {
    let doors = Doors {
        library,
        current: options.current,
    };
    let streams = get(serve).options(preflight);
    let router = Router::new()
        .route("/stream/{*path}", streams)
        .with_state(doors);
    match options.player {
        true => router.merge(player::router()),
        false => router,
    }
}

#[derive(Clone)]
struct Doors {
    library: Library,
    current: bool,
}

/// What a path below `/stream/` asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    List,
    Stream {
        manifest: String,
    },
    Master {
        manifest: String,
    },
    Media {
        manifest: String,
        variant: String,
    },
    Segment {
        manifest: String,
        variant: String,
        number: u64,
        extension: String,
    },
}

#[derive(Serialize)]
struct List {
    now_unix_ms: u64,
    streams: Vec<StreamView>,
}

#[derive(Serialize)]
struct One {
    now_unix_ms: u64,
    stream: StreamView,
}

async fn serve(
    State(doors): State<Doors>,
    Path(path): Path<String>,
    request: HeaderMap,
) -> Response {
    let library = &doors.library;
    let answer = match wanted(&path) {
        Some(Wanted::List) => Some(list(library)),
        Some(Wanted::Stream { manifest }) => stream(library, &manifest),
        Some(Wanted::Master { manifest }) => doors.master(&manifest).await.map(playlist),
        Some(Wanted::Media { manifest, variant }) => {
            library.media(&manifest, &variant).map(playlist)
        }
        Some(Wanted::Segment {
            manifest,
            variant,
            number,
            extension,
        }) => match library.segment(&manifest, &variant, number).await {
            Ok(Some((container, bytes))) if container.extension() == extension => {
                Some(range::answer(&request, container.media_type(), bytes))
            }
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(%error, manifestID = manifest, variant, number,
                        "a segment cannot be served");
                Some(text(StatusCode::INTERNAL_SERVER_ERROR, "ErrUnknown"))
            }
        },
        None => None,
    };
    let mut answer = answer.unwrap_or_else(|| text(StatusCode::NOT_FOUND, NOT_FOUND));
    let headers = answer.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    let exposed = HeaderValue::from_static("Content-Length");
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static(CACHE));
    answer
}

/// What browsers ask before a player of another site may send a range.
async fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Range"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

impl Doors {
    async fn master(&self, manifest: &str) -> Option<Bytes> {
        let known = self.library.master(manifest).is_some();
        let newest = match !known && self.current && manifest == "current" {
            true => Some(self.library.newest()?),
            false => None,
        };
        let manifest = newest.as_deref().unwrap_or(manifest);
        let ladder = async {
            while self.library.awaits_ladder(manifest) {
                tokio::time::sleep(LADDER_LOOK).await;
            }
        };
        // Late or not, what is there by then is the answer.
        let _ = tokio::time::timeout(LADDER_PATIENCE, ladder).await;
        self.library.master(manifest)
    }
}

fn list(library: &Library) -> Response {
    json(&List {
        now_unix_ms: library.unix().as_millis() as u64,
        streams: library.streams(),
    })
}

fn stream(library: &Library, manifest: &str) -> Option<Response> {
    let now_unix_ms = library.unix().as_millis() as u64;
    library.stream(manifest).map(|stream| {
        json(&One {
            now_unix_ms,
            stream,
        })
    })
}

fn json<T: Serialize>(value: &T) -> Response {
    let fresh = [(header::CACHE_CONTROL, "no-store")];
    (fresh, axum::Json(value)).into_response()
}

fn playlist(text: Bytes) -> Response {
    ([(header::CONTENT_TYPE, COMPATIBLE_MEDIA_TYPE)], text).into_response()
}

fn text(status: StatusCode, text: &'static str) -> Response {
    (status, text).into_response()
}

/// Reads a path below `/stream/`, its escapes resolved already. Names hold no slash, since the
/// first one ends the manifest id.
fn wanted(path: &str) -> Option<Wanted> {
    let mut parts = path.split('/');
    let (first, second, third) = (parts.next()?, parts.next(), parts.next());
    if parts.next().is_some() {
        return None;
    }
    let (manifest, variant) = (first.to_owned(), second.map(str::to_owned));
    match (variant, third) {
        (None, _) => {
            let (manifest, extension) = first.rsplit_once('.')?;
            let manifest = manifest.to_owned();
            match extension {
                "m3u8" => Some(Wanted::Master { manifest }),
                "json" if manifest == "index" => Some(Wanted::List),
                "json" => Some(Wanted::Stream { manifest }),
                _ => None,
            }
        }
        (Some(file), None) => {
            let variant = file.strip_suffix(".m3u8")?.to_owned();
            Some(Wanted::Media { manifest, variant })
        }
        (Some(variant), Some(file)) => {
            let dot = file.rfind('.')?;
            let (number, extension) = file.split_at_checked(dot)?;
            let number = number.parse().ok()?;
            Some(Wanted::Segment {
                manifest,
                variant,
                number,
                extension: extension.to_owned(),
            })
        }
    }
}

#[cfg(test)]
mod tests;
