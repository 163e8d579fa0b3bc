//! Webhooks: who may publish, and which orchestrators there are.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use http::StatusCode;
use url::Url;

use crate::media::film;
use crate::node::{Gateway, config, deps};
use crate::orchestrator::{Behaviour, Orchestrator};

type Answer = Arc<Mutex<(u16, String)>>;

/// A web server that answers one thing; keeps what it was asked.
async fn hook(status: u16, body: &str) -> (Url, Arc<Mutex<Vec<String>>>) {
    let answer: Answer = Arc::new(Mutex::new((status, body.to_owned())));
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (kept, given) = (asked.clone(), answer.clone());
    let give = move |State(answer): State<Answer>| async move {
        let (status, body) = answer.lock().unwrap().clone();
        (StatusCode::from_u16(status).unwrap(), body)
    };
    let router = Router::new()
        .route("/list", get(give))
        .route(
            "/auth",
            post(move |body: String| async move {
                kept.lock().unwrap().push(body);
                let (status, body) = given.lock().unwrap().clone();
                (StatusCode::from_u16(status).unwrap(), body)
            }),
        )
        .with_state(answer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        streamflow_rpc::serve(
            listener,
            None,
            router,
            streamflow_rpc::ServerLimits::of_this_machine(),
            streamflow_runtime::Shutdown::new(),
        )
        .await;
    });
    (url, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_auth_webhook_is_asked_once_and_decides() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let film = film();
    for (status, body, expected) in [
        (200, "", 200),
        (200, r#"{"manifestID":"inner"}"#, 200),
        (403, "", 403),
        (204, "", 403),
        (200, "{}", 403),
        (200, "nonsense", 403),
    ] {
        let (url, asked) = hook(status, body).await;
        let mut config = config(&[&orchestrator]);
        config.auth_webhook = Some(url.join("/auth").unwrap());
        let gateway = Gateway::start(config, deps()).await;
        for number in 0..2 {
            let pushed = gateway.push("outer", number, &film[number].source).await;
            assert_eq!(
                pushed.status, expected,
                "{status} {body:?}: {}",
                pushed.text
            );
        }
        let asked = asked.lock().unwrap().clone();
        let question = format!(r#"{{"url":"http://{}/live/outer/0.ts"}}"#, gateway.http);
        assert_eq!(asked[0], question);
        if expected == 200 {
            assert_eq!(asked.len(), 1);
            let name = if body.is_empty() { "outer" } else { "inner" };
            assert_eq!(gateway.text(&format!("/stream/{name}.m3u8")).await.0, 200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auth_webhook_that_is_down_lets_nobody_in() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let mut config = config(&[&orchestrator]);
    config.auth_webhook = Some(Url::parse("http://127.0.0.1:1/auth").unwrap());
    let gateway = Gateway::start(config, deps()).await;
    assert_eq!(gateway.push("any", 0, &film()[0].source).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_discovery_webhook_names_the_orchestrators() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let body = format!(
        r#"[{{"address":"{}","score":1}},{{"address":"bad"}}]"#,
        orchestrator.url
    );
    let (url, _) = hook(200, &body).await;
    let mut config = config(&[]);
    config.discovery_webhook = Some(url.join("/list").unwrap());
    let gateway = Gateway::start(config, deps()).await;
    assert_eq!(gateway.push("disc", 0, &film()[0].source).await.status, 200);
    assert_eq!(orchestrator.segments(), 1);
}
