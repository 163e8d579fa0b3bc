//! What media servers ask of a gateway besides pushing: where gateways are, and a stream's name and
//! renditions before its first segment.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use streamflow_types::Profile;
use streamflow_wire::profile::JsonProfile;
use url::Url;

use crate::config::{ApiKey, Ladder};
use crate::gate::Gate;
use crate::registry::random_manifest;
use crate::setup::StreamConfig;

/// Largest request taken.
const BODY_BYTES: usize = 256 * 1024;

/// What the routes answer with.
pub(crate) struct Api {
    pub(crate) gate: Gate,
    pub(crate) broadcasters: Vec<Url>,
    pub(crate) keys: Vec<ApiKey>,
    pub(crate) ladder: Ladder,
}

/// `/api/broadcaster` and `/api/stream`.
pub(crate) fn router(api: Api) -> Router {
    Router::new()
        .route("/api/broadcaster", get(broadcasters))
        .route("/api/stream", post(make_stream))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(Arc::new(api))
}

#[derive(Serialize)]
struct Address {
    address: String,
}

/// Never empty: clients pick one at random without looking.
async fn broadcasters(State(api): State<Arc<Api>>) -> Json<Vec<Address>> {
    let address = |url: &Url| Address {
        address: url.as_str().trim_end_matches('/').to_owned(),
    };
    Json(api.broadcasters.iter().map(address).collect())
}

/// What a client says of its stream. Unknown members are passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted {
    name: Option<String>,
    presets: Option<Vec<String>>,
    profiles: Option<Vec<JsonProfile>>,
}

async fn make_stream(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Result<Json<Wanted>, JsonRejection>,
) -> Response {
    if !is_allowed(&api.keys, &headers) {
        return refuse(StatusCode::UNAUTHORIZED, "a bearer key is needed");
    }
    let wanted = match body {
        Ok(Json(wanted)) => wanted,
        Err(rejection) => return refuse(rejection.status(), &rejection.body_text()),
    };
    let presets = wanted.presets.clone().unwrap_or_default();
    let config = StreamConfig::of_parts(wanted.presets, wanted.profiles);
    let profiles = match config.profiles() {
        Ok(Some(profiles)) => profiles,
        Ok(None) => own_ladder(&api.ladder),
        Err(error) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
    };
    let id = random_manifest().as_str().to_owned();
    api.gate
        .make(id.clone(), StreamConfig::of_profiles(profiles.clone()));
    let renditions: BTreeMap<&str, String> = profiles
        .iter()
        .map(|profile| {
            (
                profile.name.as_str(),
                format!("/stream/{id}/{}.m3u8", profile.name),
            )
        })
        .collect();
    let answer = json!({
        "id": id,
        "name": wanted.name.unwrap_or_else(|| id.clone()),
        "profiles": profiles.iter().map(summary).collect::<Vec<_>>(),
        "renditions": renditions,
        "presets": presets,
    });
    (StatusCode::CREATED, Json(answer)).into_response()
}

fn refuse(status: StatusCode, problem: &str) -> Response {
    (status, Json(json!({ "errors": [problem] }))).into_response()
}

fn is_allowed(keys: &[ApiKey], headers: &HeaderMap) -> bool {
    let shown = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix("Bearer "));
    keys.is_empty() || shown.is_some_and(|shown| keys.iter().any(|key| key.matches(shown)))
}

/// Clients want to know the renditions before the source is; a ladder made for it cannot be named.
fn own_ladder(ladder: &Ladder) -> Vec<Profile> {
    let known = match ladder {
        Ladder::Auto => Ladder::default(),
        known => known.clone(),
    };
    match known {
        Ladder::Profiles(profiles) => profiles,
        Ladder::Auto => Vec::new(),
    }
}

fn summary(profile: &Profile) -> serde_json::Value {
    json!({
        "name": profile.name,
        "width": profile.width,
        "height": profile.height,
        "bitrate": profile.bitrate,
        "fps": profile.fps.num,
    })
}
