//! The door: HTTP and WebSocket, browsers and strangers.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::header::{HOST, ORIGIN};
use serde_json::{Value, json};
use streamflow_devchain::{Access, Mining, Node, serve};
use streamflow_runtime::Shutdown;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::{BOB, client, count, counter, node};

const LIMIT: Duration = Duration::from_secs(20);

async fn start(mining: Mining) -> (Node, SocketAddr, Shutdown, tokio::task::JoinHandle<()>) {
    let node = node(mining);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let shutdown = Shutdown::new();
    let served = serve(listener, node.clone(), Access::default(), shutdown.clone());
    let task = tokio::spawn(async move { served.await.expect("the server ends in order") });
    (node, address, shutdown, task)
}

async fn post(address: SocketAddr, body: &Value) -> Value {
    let client = client();
    let answer = client.post(format!("http://{address}")).json(body).send();
    let answer = answer.await.expect("the door is open");
    assert_eq!(answer.headers()["content-type"], "application/json");
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn single_calls_batches_and_nonsense_are_answered_over_http() {
    let (_, address, shutdown, task) = start(Mining::Automatic).await;
    let call = json!({"jsonrpc": "2.0", "id": 7, "method": "eth_chainId"});
    let answer = post(address, &call).await;
    assert_eq!(
        answer,
        json!({"jsonrpc": "2.0", "id": 7, "result": "0x7a69"})
    );
    let batch = post(address, &json!([call, {"id": "a", "method": "nothing"}])).await;
    assert_eq!(batch[0]["result"], "0x7a69");
    assert_eq!(batch[1]["id"], "a");
    assert_eq!(batch[1]["error"]["code"], -32601);
    let nonsense = client().post(format!("http://{address}")).body("{");
    let nonsense: Value = nonsense
        .send()
        .await
        .expect("answered")
        .json()
        .await
        .expect("JSON");
    assert_eq!(nonsense["error"]["code"], -32700);
    shutdown.drain();
    timeout(LIMIT, task)
        .await
        .expect("in time")
        .expect("in order");
}

#[tokio::test]
async fn pages_of_strangers_and_names_of_strangers_are_refused() {
    let (_, address, shutdown, _task) = start(Mining::Automatic).await;
    let send = |header, value: &'static str| {
        let client = client();
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"});
        let request = client.post(format!("http://{address}")).json(&call);
        request.header(header, value).send()
    };
    let stranger = send(ORIGIN, "https://stranger.example")
        .await
        .expect("answered");
    assert_eq!(stranger.status(), 403);
    let local = send(ORIGIN, "http://localhost:5173")
        .await
        .expect("answered");
    assert_eq!(local.status(), 200);
    let allowed = &local.headers()["access-control-allow-origin"];
    assert_eq!(allowed, "http://localhost:5173");
    // Before it calls, a browser asks whether it may.
    let ask = |origin: &'static str| {
        let request = client().request(reqwest::Method::OPTIONS, format!("http://{address}"));
        request.header(ORIGIN, origin).send()
    };
    let may = ask("http://localhost:5173").await.expect("answered");
    assert_eq!(may.status(), 204);
    let methods = &may.headers()["access-control-allow-methods"];
    assert!(methods.to_str().expect("text").contains("POST"));
    assert_eq!(
        may.headers()["access-control-allow-headers"],
        "content-type"
    );
    let may_not = ask("https://stranger.example").await.expect("answered");
    assert_eq!(may_not.status(), 403);
    let rebound = send(HOST, "rebound.example:8545").await.expect("answered");
    assert_eq!(rebound.status(), 403);
    shutdown.drain();
}

#[tokio::test]
async fn subscriptions_push_heads_and_logs() {
    let (node, address, shutdown, _task) = start(Mining::Automatic).await;
    let counter = counter(&node);
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{address}"))
        .await
        .expect("the door is open");
    let mut ids = Vec::new();
    for parameters in [json!(["newHeads"]), json!(["logs", {"address": counter}])] {
        let call = json!({"id": 1, "method": "eth_subscribe", "params": parameters});
        socket
            .send(Message::text(call.to_string()))
            .await
            .expect("sent");
        ids.push(next(&mut socket).await["result"].clone());
    }
    let hash = count(&node, BOB, &counter);
    let mut pushed = [next(&mut socket).await, next(&mut socket).await];
    pushed.sort_by_key(|message| message["params"]["subscription"].to_string());
    assert_eq!(pushed[0]["params"]["subscription"], ids[0]);
    assert_eq!(pushed[0]["params"]["result"]["number"], "0x2");
    assert_eq!(pushed[1]["params"]["result"]["transactionHash"], hash);
    let call = json!({"id": 2, "method": "eth_unsubscribe", "params": [ids[0]]});
    socket
        .send(Message::text(call.to_string()))
        .await
        .expect("sent");
    assert_eq!(next(&mut socket).await["result"], true);
    let call = json!({"id": 3, "method": "eth_blockNumber"});
    socket
        .send(Message::text(call.to_string()))
        .await
        .expect("sent");
    assert_eq!(next(&mut socket).await["result"], "0x2");
    shutdown.drain();
}

#[tokio::test]
async fn blocks_come_by_themselves_at_the_interval() {
    let (node, _, shutdown, task) = start(Mining::Every(Duration::from_millis(20))).await;
    let grown = async {
        while node.with(|chain| chain.head_block().number()) < 5 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, grown).await.expect("blocks are mined");
    shutdown.drain();
    timeout(LIMIT, task)
        .await
        .expect("in time")
        .expect("in order");
}

#[tokio::test]
async fn mining_is_switched_by_command() {
    let (node, address, shutdown, _task) = start(Mining::Automatic).await;
    let ask = |method: &'static str, parameters: Value| async move {
        let call = json!({"id": 1, "method": method, "params": parameters});
        post(address, &call).await["result"].clone()
    };
    let height = || node.with(|chain| chain.head_block().number());
    assert_eq!(ask("anvil_getAutomine", json!([])).await, true);
    ask("evm_setAutomine", json!([false])).await;
    let hash = count(&node, BOB, BOB);
    assert_eq!(
        (height(), ask("anvil_getAutomine", json!([])).await),
        (0, json!(false))
    );
    let pending = ask("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(pending["blockNumber"], Value::Null);
    let nonces = [json!([BOB, "latest"]), json!([BOB, "pending"])];
    for (parameters, wanted) in nonces.into_iter().zip(["0x0", "0x1"]) {
        assert_eq!(ask("eth_getTransactionCount", parameters).await, wanted);
    }
    ask("evm_setAutomine", json!([true])).await;
    assert_eq!(
        height(),
        1,
        "what waited is mined when mining is automatic again"
    );
    ask("evm_setAutomine", json!([false])).await;
    ask("evm_setIntervalMining", json!([1])).await;
    let grown = async {
        while height() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, grown)
        .await
        .expect("blocks come at the interval");
    ask("evm_setIntervalMining", json!([0])).await;
    let stopped = height();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(height(), stopped, "no interval, no blocks");
    shutdown.drain();
}

async fn next<S>(socket: &mut S) -> Value
where
    S: StreamExt<Item = Result<Message, tokio_tungstenite::tungstenite::Error>> + Unpin,
{
    let message = timeout(LIMIT, socket.next()).await.expect("in time");
    let message = message.expect("open").expect("a message");
    serde_json::from_str(message.to_text().expect("text")).expect("JSON")
}
