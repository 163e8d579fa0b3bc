//! The player page: a few files that are part of the program.
//!
//! Nothing in the page is fetched from elsewhere, and its content security policy says so.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Name, media type, content.
const FILES: [(&str, &str, &[u8]); 6] = [
    (
        "player.css",
        "text/css; charset=utf-8",
        include_bytes!("../../../../../web/player/player.css"),
    ),
    (
        "player.js",
        SCRIPT,
        include_bytes!("../../../../../web/player/player.js"),
    ),
    (
        "streams.js",
        SCRIPT,
        include_bytes!("../../../../../web/player/streams.js"),
    ),
    (
        "video.js",
        SCRIPT,
        include_bytes!("../../../../../web/player/video.js"),
    ),
    (
        "icon.svg",
        "image/svg+xml",
        include_bytes!("../../../../../web/player/icon.svg"),
    ),
    (
        "hls.light.min.js",
        SCRIPT,
        include_bytes!("../../../../../web/player/vendor/hls.light.min.js"),
    ),
];

const PAGE: &[u8] = include_bytes!("../../../../../web/player/index.html");

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Everything from here; video and its worker from memory of the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; media-src 'self' blob:; worker-src 'self' blob:; base-uri 'none'; \
     form-action 'none'";

pub(super) fn router() -> Router {
    Router::new()
        .route("/", get(page))
        .route("/play/{manifest}", get(page))
        .route("/player/{file}", get(file))
}

async fn page(request: HeaderMap) -> Response {
    let mut answer = answer(&request, "text/html; charset=utf-8", PAGE);
    let policy = HeaderValue::from_static(POLICY);
    answer
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    answer
}

async fn file(Path(name): Path<String>, request: HeaderMap) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, media_type, content)) => answer(&request, media_type, content),
        None => (StatusCode::NOT_FOUND, "no such file in the player page").into_response(),
    }
}

/// Browsers keep the files and ask each time whether they changed.
fn answer(request: &HeaderMap, media_type: &'static str, content: &'static [u8]) -> Response {
    let tag = format!("\"{:016x}\"", crate::library::fingerprint(content));
    let known = request
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::ETAG, tag.clone()),
    ];
    match known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        true => (StatusCode::NOT_MODIFIED, headers).into_response(),
        false => (headers, content).into_response(),
    }
}
