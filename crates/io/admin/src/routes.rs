//! The routes and their answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use streamflow_runtime::{Clock, Metrics, Readiness, Reason};
use url::Url;

use crate::access::{Access, guard};
use crate::control::{Action, ControlApi, ControlError};
use crate::time::rfc3339;
use crate::view::{ErrorBody, ErrorView, NodeStatus, ReasonView};

/// Largest request body: an address and its JSON.
const BODY_BYTES: usize = 16 * 1024;

/// What the routes show and drive.
#[derive(Clone)]
pub struct Node {
    /// Version of the program.
    pub version: String,
    /// Network it belongs to.
    pub network: String,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Its metrics.
    pub metrics: Metrics,
    /// Why it is not ready.
    pub readiness: Readiness,
    /// The role itself.
    pub control: Arc<dyn ControlApi>,
}

struct Shared {
    node: Node,
    started: Instant,
    started_unix: Duration,
}

/// `/healthz`, `/readyz`, `/metrics` for everybody who reaches the port and `/api/v1` under the
/// access rule. Unknown paths are left to what the caller merges in.
pub fn router(node: Node, access: Access) -> Router {
    let (started, started_unix) = (node.clock.now(), node.clock.unix());
    let shared = Arc::new(Shared {
        node,
        started,
        started_unix,
    });
    let api = Router::new()
        .route("/api/v1/status", get(status))
        .route("/api/v1/streams", get(streams))
        .route("/api/v1/streams/{id}", get(stream))
        .route("/api/v1/streams/{id}/stop", post(stop_stream))
        .route("/api/v1/streams/{id}/swap", post(swap_stream))
        .route("/api/v1/orchestrators", get(orchestrators))
        .route("/api/v1/orchestrators/probe", post(probe))
        .route("/api/v1/orchestrators/block", post(block))
        .route("/api/v1/orchestrators/unblock", post(unblock))
        .route("/api/v1/workers", get(workers))
        .route("/api/v1/workers/{id}/drain", post(drain_worker))
        .route("/api/v1/workers/{id}/remove", post(remove_worker))
        .route("/api/v1/drain", post(drain))
        .route("/api/v1/resume", post(resume))
        .layer(middleware::from_fn_with_state(access, guard));
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .merge(api)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(shared)
}

type Asked = State<Arc<Shared>>;

#[derive(Serialize)]
struct NotReady {
    ready: bool,
    reasons: Vec<ReasonView>,
}

async fn readyz(State(shared): Asked) -> Response {
    let reasons = views(shared.node.readiness.reasons());
    if reasons.is_empty() {
        "ok\n".into_response()
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(NotReady {
                ready: false,
                reasons,
            }),
        )
            .into_response()
    }
}

async fn metrics(State(shared): Asked) -> Response {
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (kind, shared.node.metrics.render()).into_response()
}

async fn status(State(shared): Asked) -> Response {
    let node = &shared.node;
    let reasons = views(node.readiness.reasons());
    let status = NodeStatus {
        version: node.version.clone(),
        network: node.network.clone(),
        started_at: rfc3339(shared.started_unix),
        uptime_s: node
            .clock
            .now()
            .saturating_duration_since(shared.started)
            .as_secs(),
        ready: reasons.is_empty(),
        reasons,
        notes: views(node.readiness.notes()),
        role: node.control.status().await,
    };
    Json(status).into_response()
}

async fn streams(State(shared): Asked) -> Response {
    answer(shared.node.control.streams().await)
}

async fn stream(State(shared): Asked, Path(id): Path<String>) -> Response {
    answer(shared.node.control.stream(&id).await)
}

async fn orchestrators(State(shared): Asked) -> Response {
    answer(shared.node.control.orchestrators().await)
}

async fn workers(State(shared): Asked) -> Response {
    answer(shared.node.control.workers().await)
}

async fn stop_stream(state: Asked, Path(id): Path<String>) -> Response {
    act(state, Action::StopStream(id)).await
}

async fn swap_stream(state: Asked, Path(id): Path<String>) -> Response {
    act(state, Action::SwapStream(id)).await
}

async fn drain_worker(state: Asked, Path(id): Path<String>) -> Response {
    act(state, Action::DrainWorker(id)).await
}

async fn remove_worker(state: Asked, Path(id): Path<String>) -> Response {
    act(state, Action::RemoveWorker(id)).await
}

async fn drain(state: Asked) -> Response {
    act(state, Action::Drain).await
}

async fn resume(state: Asked) -> Response {
    act(state, Action::Resume).await
}

/// Names an orchestrator in a request body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByUrl {
    url: String,
}

type UrlBody = Result<Json<ByUrl>, JsonRejection>;

async fn probe(State(shared): Asked, body: UrlBody) -> Response {
    match url_of(body) {
        Ok(url) => answer(shared.node.control.probe_orchestrator(&url).await),
        Err(error) => failure(&error),
    }
}

async fn block(state: Asked, body: UrlBody) -> Response {
    match url_of(body) {
        Ok(url) => act(state, Action::BlockOrchestrator(url)).await,
        Err(error) => failure(&error),
    }
}

async fn unblock(state: Asked, body: UrlBody) -> Response {
    match url_of(body) {
        Ok(url) => act(state, Action::UnblockOrchestrator(url)).await,
        Err(error) => failure(&error),
    }
}

fn url_of(body: UrlBody) -> Result<Url, ControlError> {
    let text = body
        .map_err(|rejection| rejection.body_text())
        .map(|Json(body)| body.url);
    let url = text.and_then(|text| text.parse().map_err(|error| format!("{text:?}: {error}")));
    url.map_err(|problem: String| ControlError::Invalid {
        field: "url",
        problem: format!("{problem}; send {{\"url\":\"https://host:8935\"}} as application/json"),
    })
}

#[derive(Serialize)]
struct Done {
    action: &'static str,
}

async fn act(State(shared): Asked, action: Action) -> Response {
    let name = action.name();
    tracing::info!(action = name, "asked by the operator");
    answer(
        shared
            .node
            .control
            .act(action)
            .await
            .map(|()| Done { action: name }),
    )
}

fn answer<T: Serialize>(outcome: Result<T, ControlError>) -> Response {
    match outcome {
        Ok(data) => Json(data).into_response(),
        Err(error) => failure(&error),
    }
}

fn failure(error: &ControlError) -> Response {
    let status = match error {
        ControlError::NotOffered(_) => StatusCode::NOT_IMPLEMENTED,
        ControlError::Unknown { .. } => StatusCode::NOT_FOUND,
        ControlError::Invalid { .. } => StatusCode::BAD_REQUEST,
        ControlError::Refused(_) => StatusCode::CONFLICT,
        ControlError::Unreachable(_) => StatusCode::BAD_GATEWAY,
        ControlError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let error = ErrorView {
        code: error.code().to_owned(),
        message: error.to_string(),
        hint: error.hint().to_owned(),
        retryable: error.is_retryable(),
    };
    (status, Json(ErrorBody { error })).into_response()
}

/// The answer to a request that may not pass.
pub(crate) fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    let error = ErrorView {
        code: code.to_owned(),
        message: message.to_owned(),
        hint: "use the control address on this machine, or give the token".to_owned(),
        retryable: false,
    };
    (status, Json(ErrorBody { error })).into_response()
}

fn views(reasons: Vec<Reason>) -> Vec<ReasonView> {
    let view = |reason: Reason| ReasonView {
        code: reason.code.to_owned(),
        message: reason.message,
    };
    reasons.into_iter().map(view).collect()
}
