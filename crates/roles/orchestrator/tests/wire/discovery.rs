//! GetOrchestrator, EndTranscodingSession, Ping.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use prost::Message;
use serde_json::Value;
use streamflow_orchestrator::{Identity, SessionLimit};
use streamflow_types::Address;
use streamflow_wire::proto::orchestrator_client::OrchestratorClient;
use streamflow_wire::proto::{
    EndTranscodingSessionRequest, OrchestratorInfo, OrchestratorRequest, PingPong,
};
use streamflow_wire::signature::verify;
use tokio::net::TcpListener;
use url::Url;

use super::node::{Node, Setup, vectors};

fn client(node: &Node) -> OrchestratorClient<streamflow_rpc::Channel> {
    let origin = node.url("/").as_str().parse().unwrap();
    OrchestratorClient::with_origin(node.clients.grpc(&node.url("/")).unwrap(), origin)
}

fn message<M: Message + Default>(row: &Value, member: &str) -> M {
    M::decode(
        hex::decode(row[member].as_str().unwrap())
            .unwrap()
            .as_slice(),
    )
    .unwrap()
}

/// Cases that need what this build does not have yet, by what they need.
fn needs(case: &str) -> Option<&'static str> {
    let payments = ["no reserve for the sender", "base price 0"];
    payments.contains(&case).then_some("payments")
}

/// A webhook that answers as the row says, and what it was asked.
async fn webhook(row: &Value) -> Option<(Url, Arc<Mutex<String>>)> {
    let status: u16 = row["webhook_status"].as_str()?.parse().unwrap();
    let body = row["webhook_body"].as_str()?.to_owned();
    let asked = Arc::new(Mutex::new(String::new()));
    let heard = asked.clone();
    let answer = move |method: Method, headers: HeaderMap, question: String| async move {
        let kind = headers["content-type"].to_str().unwrap();
        *heard.lock().unwrap() = format!("{method} {kind} {question}");
        (StatusCode::from_u16(status).unwrap(), body)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let app = axum::Router::new().route("/", axum::routing::any(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Some((url.parse().unwrap(), asked))
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_answers_as_recorded() {
    let file = vectors("messages");
    let mut replayed = 0;
    for row in file["get_orchestrator"].as_array().unwrap() {
        let case = row["case"].as_str().unwrap();
        if needs(case).is_some() {
            continue;
        }
        let mut setup = Setup::recorded();
        if case == "off chain" {
            setup.identity = Identity::OffChain;
        }
        if case.contains("limit") {
            setup.sessions = SessionLimit::Fixed(0);
        }
        let webhook = webhook(row).await;
        setup.auth_webhook = webhook.as_ref().map(|(url, _)| url.clone());
        let expected: Option<OrchestratorInfo> = row["response_protobuf"]
            .is_string()
            .then(|| message(row, "response_protobuf"));
        setup.nodes = expected
            .iter()
            .flat_map(|info| info.nodes.clone())
            .collect();
        let node = setup.start().await;
        let request: OrchestratorRequest = message(row, "request_protobuf");
        match (client(&node).get_orchestrator(request).await, expected) {
            (Ok(answer), Some(mut expected)) => {
                let found = answer.into_inner();
                let token = found.auth_token.clone().unwrap();
                assert_eq!(
                    (token.token.len(), token.session_id.len()),
                    (32, 8),
                    "{case}"
                );
                // New on every call; prices and tickets belong to payments.
                expected.auth_token = found.auth_token.clone();
                expected.price_info = None;
                expected.ticket_params = None;
                assert_eq!(found, expected, "{case}");
            }
            (Err(status), None) => {
                assert_eq!(status.code(), tonic::Code::Unknown, "{case}");
                assert_eq!(status.message(), row["error"], "{case}");
            }
            (found, expected) => panic!("{case}: {found:?} for {expected:?}"),
        }
        if let Some((_, asked)) = webhook {
            assert_eq!(*asked.lock().unwrap(), row["webhook_request"], "{case}");
        }
        replayed += 1;
    }
    assert_eq!(replayed, 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_ended_by_their_tokens_whatever_their_age() {
    let node = Setup::recorded().start().await;
    for row in vectors("messages")["end_transcoding_session"]
        .as_array()
        .unwrap()
    {
        let request: EndTranscodingSessionRequest = message(row, "request_protobuf");
        match client(&node).end_transcoding_session(request).await {
            Ok(_) => assert!(row["error"].is_null(), "{row}"),
            Err(status) => assert_eq!(status.message(), row["error"], "{row}"),
        }
    }
    let mut client = client(&node);
    let none = client.end_transcoding_session(EndTranscodingSessionRequest::default());
    assert_eq!(none.await.unwrap_err().message(), "Invalid auth token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_is_signed_by_the_node() {
    let request = || PingPong {
        value: b"who are you".to_vec().into(),
    };
    let node = Setup::recorded().start().await;
    let answer = client(&node).ping(request()).await.unwrap().into_inner();
    let address = Address::parse("0x70997970C51812dc3A010C7d01b50e0d17dc79C8").unwrap();
    verify(address, b"who are you", &answer.value).unwrap();

    let node = Setup::default().start().await;
    assert!(
        client(&node)
            .ping(request())
            .await
            .unwrap()
            .into_inner()
            .value
            .is_empty()
    );
    node.shutdown.drain();
    let ended = tokio::time::timeout(Duration::from_secs(10), node.running).await;
    ended.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_node_takes_no_new_session() {
    let node = Setup::default().start().await;
    let request = OrchestratorRequest {
        address: vec![0; 20].into(),
        ..OrchestratorRequest::default()
    };
    client(&node)
        .get_orchestrator(request.clone())
        .await
        .unwrap();
    use streamflow_admin::{Action, ControlApi};
    node.control.act(Action::Drain).await.unwrap();
    let refused = client(&node)
        .get_orchestrator(request.clone())
        .await
        .unwrap_err();
    assert!(refused.message().contains("OrchestratorCapped"));
    node.control.act(Action::Resume).await.unwrap();
    client(&node).get_orchestrator(request).await.unwrap();
}
