//! The control API as its clients see it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use streamflow_admin::{
    Access, Action, ControlApi, ControlError, Node, Role, RoleStatus, SegmentCounts, Usage, router,
};
use streamflow_runtime::{ManualClock, Metrics, Readiness};
use tower::ServiceExt;

/// An orchestrator without streams that remembers what it was told.
#[derive(Default)]
struct Told(Mutex<Vec<Action>>);

#[async_trait]
impl ControlApi for Told {
    async fn status(&self) -> RoleStatus {
        RoleStatus {
            role: Role::Orchestrator,
            addresses: Vec::new(),
            sessions: Usage {
                active: 2,
                max: Some(10),
            },
            segments: SegmentCounts {
                in_flight: 1,
                succeeded: 5,
                failed: 0,
            },
            pixels: "340282366920938463463374607431768211456".to_owned(),
            orchestrators: None,
            workers: Some(1),
        }
    }

    async fn act(&self, action: Action) -> Result<(), ControlError> {
        if action == Action::DrainWorker("gone".to_owned()) {
            return Err(ControlError::Unknown {
                kind: "worker",
                id: "gone".to_owned(),
            });
        }
        self.0.lock().unwrap().push(action);
        Ok(())
    }
}

struct Api {
    told: Arc<Told>,
    readiness: Readiness,
    metrics: Metrics,
    clock: Arc<ManualClock>,
    router: axum::Router,
}

impl Api {
    fn new() -> Self {
        let (told, readiness, metrics) =
            (Arc::new(Told::default()), Readiness::new(), Metrics::new());
        let clock = Arc::new(ManualClock::default());
        let node = Node {
            version: "1.2.3".to_owned(),
            network: "offchain".to_owned(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            readiness: readiness.clone(),
            control: told.clone(),
        };
        let router = router(node, Access::loopback());
        Self {
            told,
            readiness,
            metrics,
            clock,
            router,
        }
    }

    async fn call(&self, method: Method, path: &str, body: &str) -> (StatusCode, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1:7935")
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    async fn json(&self, method: Method, path: &str, body: &str) -> (StatusCode, Value) {
        let (status, text) = self.call(method, path, body).await;
        (
            status,
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}")),
        )
    }
}

#[tokio::test]
async fn readiness_is_ok_or_a_list_of_reasons() {
    let api = Api::new();
    assert_eq!(
        api.call(Method::GET, "/readyz", "").await,
        (StatusCode::OK, "ok\n".to_owned())
    );
    api.readiness.block("no-workers", "attach a transcoder");
    let (status, answer) = api.json(Method::GET, "/readyz", "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let reasons = json!([{"code": "no-workers", "message": "attach a transcoder"}]);
    assert_eq!(answer, json!({"ready": false, "reasons": reasons}));
    assert_eq!(
        api.call(Method::GET, "/healthz", "").await.0,
        StatusCode::OK
    );
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let api = Api::new();
    api.metrics.counter("streamflow_x", &[]).increment();
    let (status, text) = api.call(Method::GET, "/metrics", "").await;
    assert_eq!(
        (status, text.as_str()),
        (
            StatusCode::OK,
            "# TYPE streamflow_x counter\nstreamflow_x 1\n"
        )
    );
}

#[tokio::test]
async fn status_joins_node_and_role() {
    let api = Api::new();
    api.clock.advance(Duration::from_secs(90));
    let (status, answer) = api.json(Method::GET, "/api/v1/status", "").await;
    assert_eq!(status, StatusCode::OK);
    let expected = json!({
        "version": "1.2.3", "network": "offchain", "started_at": "2019-11-17T14:13:20.000Z",
        "uptime_s": 90, "ready": true, "reasons": [], "notes": [], "role": "orchestrator", "addresses": [],
        "sessions": {"active": 2, "max": 10},
        "segments": {"in_flight": 1, "succeeded": 5, "failed": 0},
        "pixels": "340282366920938463463374607431768211456", "orchestrators": null, "workers": 1,
    });
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn what_a_role_lacks_is_said_with_a_code() {
    let api = Api::new();
    let (status, answer) = api.json(Method::GET, "/api/v1/streams", "").await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
    assert_eq!(answer["error"]["code"], "not-offered");
    assert_eq!(answer["error"]["retryable"], false);
}

#[tokio::test]
async fn actions_reach_the_role_and_refusals_come_back() {
    let api = Api::new();
    let (status, answer) = api.json(Method::POST, "/api/v1/workers/w1/drain", "").await;
    assert_eq!(
        (status, answer),
        (StatusCode::OK, json!({"action": "drain-worker"}))
    );
    let (status, answer) = api
        .json(Method::POST, "/api/v1/workers/gone/drain", "")
        .await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (StatusCode::NOT_FOUND, &json!("not-found"))
    );
    let body = r#"{"url":"https://o.example:8935"}"#;
    let (status, _) = api
        .json(Method::POST, "/api/v1/orchestrators/block", body)
        .await;
    assert_eq!(status, StatusCode::OK);
    let told = api.told.0.lock().unwrap().clone();
    let url = "https://o.example:8935".parse().unwrap();
    assert_eq!(
        told,
        [
            Action::DrainWorker("w1".to_owned()),
            Action::BlockOrchestrator(url)
        ]
    );
}

#[tokio::test]
async fn bad_bodies_name_the_field_and_the_fix() {
    let api = Api::new();
    for body in ["", "{}", r#"{"url":"nonsense"}"#, &"x".repeat(100_000)] {
        let (status, answer) = api
            .json(Method::POST, "/api/v1/orchestrators/probe", body)
            .await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (StatusCode::BAD_REQUEST, &json!("invalid"))
        );
    }
}

#[tokio::test]
async fn a_page_of_another_site_is_refused() {
    let api = Api::new();
    let request = Request::post("/api/v1/drain")
        .header("host", "localhost:7935")
        .header("origin", "https://evil.example")
        .body(Body::empty())
        .unwrap();
    let response = api.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(api.told.0.lock().unwrap().is_empty());
}
