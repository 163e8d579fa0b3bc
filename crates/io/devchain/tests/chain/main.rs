//! The chain from outside, call by call, as its clients see it.

mod across_restarts;
mod against_anvil;
mod blocks;
mod going_back;
mod served;
mod transactions;

use std::sync::Arc;

use alloy_primitives::{B256, U256, b256, hex};
use serde_json::{Value, json};
use streamflow_devchain::{Chain, Mining, Node, Settings};
use streamflow_runtime::SystemClock;

/// Secret keys that everybody knows: the first of the mnemonic "test … junk".
const KEYS: [B256; 3] = [
    b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
    b256!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
    b256!("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
];

/// Their addresses.
const ALICE: &str = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
const BOB: &str = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8";

/// A contract that counts. Called without data it adds one to slot 0, logs the number as topic and
/// returns it; called with data it reverts with that data.
const COUNTER: &str = "0x602780600b6000396000f336601c5760005460010180600055806000\
                       6000a160005260206000f35b3660006000373660\
                       00fd";

fn settings() -> Settings {
    Settings::with_keys(
        KEYS.to_vec(),
        U256::from(10_000) * U256::from(10).pow(U256::from(18)),
    )
    .expect("the keys are keys")
}

fn node(mining: Mining) -> Node {
    Node::new(Chain::new(settings()), mining, Arc::new(SystemClock))
}

/// A client for HTTP. Plain HTTP needs no provider, but the library asks for one.
fn client() -> reqwest::Client {
    // Another test may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// What a call answers, result or error.
fn ask(node: &Node, method: &str, parameters: Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
    node.answer(body.to_string().as_bytes())
        .expect("a call with an id is answered")
}

/// The result of a call that must succeed.
#[track_caller]
fn get(node: &Node, method: &str, parameters: Value) -> Value {
    let answer = ask(node, method, parameters);
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].clone()
}

/// The message of a call that must fail.
#[track_caller]
fn refusal(node: &Node, method: &str, parameters: Value) -> String {
    let answer = ask(node, method, parameters);
    let message = answer["error"]["message"].as_str();
    message
        .unwrap_or_else(|| panic!("{method} did not fail: {answer}"))
        .to_owned()
}

/// Puts the counter on the chain and gives its address.
fn counter(node: &Node) -> String {
    let hash = get(
        node,
        "eth_sendTransaction",
        json!([{"from": ALICE, "data": COUNTER}]),
    );
    let receipt = get(node, "eth_getTransactionReceipt", json!([hash]));
    assert_eq!(receipt["status"], "0x1");
    receipt["contractAddress"]
        .as_str()
        .expect("a contract was made")
        .to_owned()
}

/// Counts once more, from `from`.
fn count(node: &Node, from: &str, counter: &str) -> Value {
    get(
        node,
        "eth_sendTransaction",
        json!([{"from": from, "to": counter}]),
    )
}

/// `Error(string)` with this text.
fn reason(text: &str) -> String {
    let mut data = hex!("08c379a0").to_vec();
    data.extend_from_slice(&U256::from(32).to_be_bytes::<32>());
    data.extend_from_slice(&U256::from(text.len()).to_be_bytes::<32>());
    data.extend_from_slice(text.as_bytes());
    data.resize(data.len().next_multiple_of(32) + 4, 0);
    hex::encode_prefixed(data)
}
