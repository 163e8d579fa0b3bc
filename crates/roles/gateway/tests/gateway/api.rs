//! What media servers ask besides pushing.

use serde_json::{Value, json};
use streamflow_gateway::ApiKey;

use crate::media::film;
use crate::node::{Gateway, config, deps};
use crate::orchestrator::{Behaviour, Orchestrator};

async fn make(gateway: &Gateway, body: &Value, key: Option<&str>) -> (u16, Value) {
    let url = format!("http://{}/api/stream", gateway.http);
    let mut request = gateway
        .client
        .post(url)
        .header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let answer = request.body(body.to_string()).send().await.unwrap();
    let status = answer.status().as_u16();
    (
        status,
        serde_json::from_str(&answer.text().await.unwrap()).unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_made_before_its_first_segment_keeps_its_renditions() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let gateway = Gateway::of(&[&orchestrator]).await;
    let body = json!({
        "name": "my stream",
        "profiles": [{"name": "tiny", "width": 146, "height": 82, "bitrate": 150_000, "fps": 0}],
        "something": {"else": true},
    });
    let (status, made) = make(&gateway, &body, None).await;
    assert!(status == 200 || status == 201, "{made}");
    assert_eq!(made["name"], "my stream");
    assert_eq!(made["profiles"][0]["name"], "tiny");
    let id = made["id"].as_str().unwrap();
    assert_eq!(
        made["renditions"]["tiny"],
        format!("/stream/{id}/tiny.m3u8")
    );
    assert!(made["presets"].as_array().unwrap().is_empty());
    let pushed = gateway.push(id, 3, &film()[0].source).await;
    assert_eq!(
        (pushed.status, pushed.renditions.len()),
        (200, 1),
        "{}",
        pushed.text
    );
    assert_eq!(
        gateway
            .text(made["renditions"]["tiny"].as_str().unwrap())
            .await
            .0,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_their_errors() {
    let orchestrator = Orchestrator::start(Behaviour::Honest).await;
    let mut config = config(&[&orchestrator]);
    config.api_keys = vec![ApiKey::new("sesame\n")];
    let gateway = Gateway::start(config, deps()).await;
    for key in [None, Some("wrong"), Some("sesam")] {
        let (status, answer) = make(&gateway, &json!({}), key).await;
        assert_eq!(status, 401);
        assert!(!answer["errors"].as_array().unwrap().is_empty());
    }
    let (status, made) = make(&gateway, &json!({}), Some("sesame")).await;
    assert!(status < 300);
    assert_eq!(
        made["profiles"].as_array().unwrap().len(),
        2,
        "the node's own ladder"
    );
    let bad = json!({"profiles": [{"width": -1, "height": 1, "bitrate": 1}]});
    let (status, answer) = make(&gateway, &bad, Some("sesame")).await;
    assert_eq!(status, 422);
    assert!(
        answer["errors"][0].as_str().unwrap().contains("width"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_gateways_is_never_empty() {
    let gateway = Gateway::of(&[]).await;
    let (status, text) = gateway.text("/api/broadcaster").await;
    assert_eq!(status, 200);
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(list[0]["address"], format!("http://{}", gateway.http));
}
