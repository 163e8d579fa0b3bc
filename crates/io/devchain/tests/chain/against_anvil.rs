//! The same calls to our chain and to anvil: receipts, gas, logs and revert data must be equal.
//!
//! Runs where `ANVIL` names the program; `./test` installs it and says so.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use streamflow_devchain::{Chain, Fees, Mining, Node};

use crate::{ALICE, BOB, COUNTER, ask, client, reason, settings};

struct Anvil {
    process: Child,
    url: String,
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Anvil {
    async fn start(program: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("it is bound").port();
        drop(free);
        let process = Command::new(program)
            .args(["--port", &port.to_string(), "--hardfork", "prague"])
            .args([
                "--block-base-fee-per-gas",
                "1000000000",
                "--gas-limit",
                "30000000",
            ])
            .stdout(Stdio::null())
            .spawn()
            .expect("ANVIL names a program");
        let anvil = Self {
            process,
            url: format!("http://127.0.0.1:{port}"),
        };
        let limit = Instant::now() + Duration::from_secs(30);
        while anvil.try_ask("eth_chainId", &json!([])).await.is_none() {
            assert!(Instant::now() < limit, "anvil does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anvil
    }

    async fn try_ask(&self, method: &str, parameters: &Value) -> Option<Value> {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
        let client = client();
        let answer = client.post(&self.url).json(&body).send().await.ok()?;
        answer.json().await.ok()
    }

    async fn ask(&self, method: &str, parameters: &Value) -> Value {
        let answer = self.try_ask(method, parameters).await;
        answer.expect("anvil answers")
    }
}

/// What must be equal of an answer. Texts of errors differ between nodes; their data may not.
fn comparable(answer: &Value) -> Value {
    match answer.get("error") {
        Some(error) => json!({"failed": true, "data": error["data"]}),
        None => answer["result"].clone(),
    }
}

/// The members of a receipt that do not hang on block hashes, which hold the miner's taste.
fn outcome(receipt: &Value) -> Value {
    let mut kept = serde_json::Map::new();
    for name in [
        "status",
        "gasUsed",
        "cumulativeGasUsed",
        "contractAddress",
        "from",
        "to",
        "logsBloom",
        "type",
        "effectiveGasPrice",
        "blockNumber",
        "transactionIndex",
    ] {
        kept.insert(name.to_owned(), receipt[name].clone());
    }
    let logs = receipt["logs"].as_array().cloned().unwrap_or_default();
    let logs = logs
        .iter()
        .map(|log| json!([log["address"], log["topics"], log["data"], log["logIndex"]]));
    kept.insert("logs".to_owned(), logs.collect());
    Value::Object(kept)
}

async fn both(ours: &Node, anvil: &Anvil, method: &str, parameters: Value) -> (Value, Value) {
    let theirs = anvil.ask(method, &parameters).await;
    (ask(ours, method, parameters), theirs)
}

/// Sends the same transaction to both and compares what it did.
async fn same_transaction(ours: &Node, anvil: &Anvil, mut transaction: Value) -> Value {
    transaction["maxFeePerGas"] = json!("0x2540be400");
    transaction["maxPriorityFeePerGas"] = json!("0x3b9aca00");
    let sent = both(ours, anvil, "eth_sendTransaction", json!([transaction])).await;
    assert!(
        sent.0["result"].is_string() && sent.1["result"].is_string(),
        "{sent:?}"
    );
    let mine = ask(ours, "eth_getTransactionReceipt", json!([sent.0["result"]]));
    let theirs = anvil
        .ask("eth_getTransactionReceipt", &json!([sent.1["result"]]))
        .await;
    assert_eq!(outcome(&mine["result"]), outcome(&theirs["result"]));
    mine["result"].clone()
}

#[tokio::test]
async fn receipts_gas_logs_and_revert_data_are_equal() {
    let Ok(program) = std::env::var("ANVIL") else {
        eprintln!("not compared: ANVIL does not name the program");
        return;
    };
    let anvil = Anvil::start(&program).await;
    let mut settings = settings();
    settings.fees = Fees::Market(1_000_000_000);
    settings.coinbase = alloy_primitives::Address::ZERO;
    let ours = Node::new(
        Chain::new(settings),
        Mining::Automatic,
        std::sync::Arc::new(streamflow_runtime::SystemClock),
    );
    let limit = "0xf4240";
    // What the genesis block's fee is, each decides alone; from the first block on it is the rule.
    let fee = json!(["0x3b9aca00"]);
    both(&ours, &anvil, "anvil_setNextBlockBaseFeePerGas", fee).await;
    let deployed = json!({"from": ALICE, "data": COUNTER, "gas": limit});
    let counter = same_transaction(&ours, &anvil, deployed).await["contractAddress"].clone();
    for from in [ALICE, BOB, BOB] {
        let call = json!({"from": from, "to": counter, "gas": limit});
        same_transaction(&ours, &anvil, call).await;
    }
    let data = reason("recipientRand does not match recipientRandHash");
    let reverting = json!({"from": BOB, "to": counter, "input": data, "gas": limit});
    same_transaction(&ours, &anvil, reverting.clone()).await;
    let tight = json!({"from": BOB, "to": counter, "gas": "0x5600"});
    same_transaction(&ours, &anvil, tight).await;
    let transfer = json!({"from": ALICE, "to": BOB, "value": "0xde0b6b3a7640000", "gas": "0x5208"});
    same_transaction(&ours, &anvil, transfer).await;

    let reads = [
        ("eth_call", json!([{"from": BOB, "to": counter}, "latest"])),
        ("eth_call", json!([{"from": BOB, "to": counter}, "0x2"])),
        ("eth_call", json!([reverting, "latest"])),
        ("eth_estimateGas", json!([reverting])),
        ("eth_getBalance", json!([ALICE, "latest"])),
        ("eth_getBalance", json!([BOB, "0x3"])),
        ("eth_getStorageAt", json!([counter, "0x0", "latest"])),
        ("eth_getCode", json!([counter, "latest"])),
        ("eth_getTransactionCount", json!([BOB, "latest"])),
        ("eth_chainId", json!([])),
        ("eth_getBlockTransactionCountByNumber", json!(["0x3"])),
    ];
    for (method, parameters) in reads {
        let (mine, theirs) = both(&ours, &anvil, method, parameters.clone()).await;
        assert_eq!(
            comparable(&mine),
            comparable(&theirs),
            "{method} {parameters}"
        );
    }
    for number in ["0x1", "0x4", "0x7"] {
        let parameters = json!([number, false]);
        let (mine, theirs) = both(&ours, &anvil, "eth_getBlockByNumber", parameters).await;
        for field in [
            "stateRoot",
            "receiptsRoot",
            "gasUsed",
            "baseFeePerGas",
            "logsBloom",
        ] {
            let (mine, theirs) = (&mine["result"][field], &theirs["result"][field]);
            // The state root holds all accounts, and anvil funds seven more.
            if field != "stateRoot" {
                assert_eq!(mine, theirs, "{field} of block {number}");
            }
        }
    }
}
