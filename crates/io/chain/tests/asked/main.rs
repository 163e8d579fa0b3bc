//! What an existing node asks of a chain, in exactly the form it asks: plain HTTP, one object a
//! request, numeric ids, `params` absent where there are none, calls with `from`, `to`, `input`.

mod asking;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope, TxLegacy};
use alloy_network::TxSignerSync;
use alloy_network::eip2718::Encodable2718;
use alloy_primitives::{B256, Bytes, Signature, TxKind, U256, hex, keccak256};
use serde_json::{Value, json};
use streamflow_chain::{artifacts, contracts};

use asking::{Asking, NOBODY};

/// Blocks of a round.
const ROUND: u64 = 60;

/// What nodes call in contracts that are not ours: price feeds, and polls, which PollCreator makes.
const OF_OTHERS: [&str; 3] = ["description()", "latestRoundData()", "vote(uint256)"];

fn vectors() -> Value {
    let text = include_str!("../../../../../tests/vectors/chain.json");
    serde_json::from_str(text).expect("vectors are JSON")
}

fn entries(vectors: &Value, list: &str) -> Vec<(String, String)> {
    let list = vectors[list].as_object().expect("a list by name");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    list.iter()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

#[test]
fn selectors_topics_and_registry_keys_are_those_that_nodes_use() {
    let vectors = vectors();
    let (mut functions, mut events) = (Vec::new(), Vec::new());
    for (_, artifact) in artifacts() {
        let abi = &artifact.abi;
        functions.extend(
            abi.functions()
                .map(|f| (f.signature(), hex::encode(f.selector()))),
        );
        events.extend(
            abi.events()
                .map(|e| (e.signature(), hex::encode(e.selector()))),
        );
    }
    for (list, ours) in [("selectors", functions), ("topics", events)] {
        for entry in entries(&vectors, list) {
            let elsewhere = OF_OTHERS.contains(&entry.0.as_str());
            assert_eq!(ours.contains(&entry), !elsewhere, "{list}: {entry:?}");
        }
    }
    for (name, key) in entries(&vectors, "contract_ids") {
        assert_eq!(hex::encode(contracts::key(&name)), key, "{name}");
    }
}

/// The members of a header without which a node takes it for an error.
const HEADER: [&str; 15] = [
    "parentHash",
    "sha3Uncles",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "baseFeePerGas",
    "hash",
    "miner",
];

/// The members of a receipt that a node reads.
const RECEIPT: [&str; 8] = [
    "status",
    "blockNumber",
    "cumulativeGasUsed",
    "logsBloom",
    "logs",
    "transactionHash",
    "gasUsed",
    "blockHash",
];

#[tokio::test]
async fn a_node_starts() {
    let chain = Asking::start().await;
    assert_eq!(chain.get("eth_chainId", None).await, "0x7a69");
    let price = chain.get("eth_gasPrice", None).await;
    assert!(number(&price) > 0);
    for (name, key) in entries(&vectors(), "contract_ids") {
        let input = format!("e16c7d98{key}");
        let found = chain.call("Controller", &input).await;
        let wanted = chain.contract(&name).to_lowercase();
        assert!(
            found.ends_with(wanted.trim_start_matches("0x")),
            "{name}: {found}"
        );
    }
    let head = chain
        .get("eth_getBlockByNumber", Some(json!(["latest", false])))
        .await;
    for member in HEADER {
        assert!(head[member].is_string(), "{member}: {head}");
    }
    // Without it a node takes the number itself, which is what contracts see here.
    assert!(head.get("l1BlockNumber").is_none());
    let by_hash = Some(json!([head["hash"], false]));
    assert_eq!(chain.get("eth_getBlockByHash", by_hash).await, head);

    chain.begin_round().await;
    let last = chain
        .read("RoundsManager", "lastInitializedRound()", &[])
        .await;
    assert_eq!(
        last,
        chain.read("RoundsManager", "currentRound()", &[]).await
    );
    let hash = chain
        .read("RoundsManager", "blockHashForRound(uint256)", &[last])
        .await;
    assert_ne!(hash, U256::ZERO);
    let before = [last - U256::from(1)];
    let hash = chain
        .read("RoundsManager", "blockHashForRound(uint256)", &before)
        .await;
    assert_eq!(hash, U256::ZERO, "the round before was never initialised");
    let start = chain
        .read("RoundsManager", "currentRoundStartBlock()", &[])
        .await;
    assert_eq!(start % U256::from(ROUND), U256::ZERO);
    let size = chain
        .read("BondingManager", "getTranscoderPoolSize()", &[])
        .await;
    assert_eq!(size, U256::ZERO);
    let info = chain
        .call("TicketBroker", &format!("e1a589da{:0>64}", &NOBODY[2..]))
        .await;
    assert_eq!(info, format!("0x{}", "0".repeat(4 * 64)));
    let balance = chain
        .get("eth_getBalance", Some(json!([NOBODY, "latest"])))
        .await;
    assert_eq!(balance, "0x0");
}

#[tokio::test]
async fn a_node_sends_transactions_of_both_types() {
    let chain = Asking::start().await;
    chain.mine_to_round().await;
    let input = hex::encode(&keccak256("initializeRound()")[..4]);
    let receipt = transact(&chain, "RoundsManager", &input, U256::ZERO, false).await;
    let topics = chain.topics(&receipt);
    assert!(topics.contains(
        &"0x22f2fc17c5daf07db2379b3a03a8ef20a183f761097a58fce219c8a14619e786".to_owned()
    ));

    // fundDepositAndReserve(3, 4), with its value.
    let input = format!("511f4073{:064x}{:064x}", 3, 4);
    let receipt = transact(&chain, "TicketBroker", &input, U256::from(7), true).await;
    assert_eq!(chain.topics(&receipt).len(), 2);

    // The watched logs of both, as the block watcher asks for them.
    let topics: Vec<String> = entries(&vectors(), "topics")
        .into_iter()
        .map(|(_, topic)| format!("0x{topic}"))
        .collect();
    let from = format!("{:#x}", number(&receipt["blockNumber"]) - 1);
    let filter = json!({
        "address": null, "fromBlock": from, "toBlock": receipt["blockNumber"], "topics": [topics],
    });
    let logs = chain.get("eth_getLogs", Some(json!([filter]))).await;
    let logs = logs.as_array().expect("a list");
    assert_eq!(logs.len(), 3, "{logs:?}");
    for log in logs {
        for member in [
            "address",
            "data",
            "blockNumber",
            "blockHash",
            "transactionHash",
            "logIndex",
        ] {
            assert!(log[member].is_string(), "{member}: {log}");
        }
        assert!(log["topics"].is_array());
    }
}

/// A transaction step by step, in a node's order.
async fn transact(chain: &Asking, contract: &str, input: &str, value: U256, legacy: bool) -> Value {
    let from = chain.sender();
    let to = chain.contract(contract);
    let input = format!("0x{input}");
    let head = chain
        .get("eth_getBlockByNumber", Some(json!(["latest", false])))
        .await;
    let tip = number(&chain.get("eth_maxPriorityFeePerGas", None).await);
    let cap = 2 * number(&head["baseFeePerGas"]) + tip;
    let code = chain.get("eth_getCode", Some(json!([to, "pending"]))).await;
    assert!(code.as_str().is_some_and(|code| code.len() > 2));
    let quantity = |value: u64| format!("{value:#x}");
    let call = json!({
        "from": from, "to": to, "input": input, "value": format!("{value:#x}"),
        "maxFeePerGas": quantity(cap), "maxPriorityFeePerGas": quantity(tip),
    });
    let gas = number(&chain.get("eth_estimateGas", Some(json!([call]))).await);
    let pending = Some(json!([from, "pending"]));
    let nonce = number(&chain.get("eth_getTransactionCount", pending).await);
    let to = TxKind::Call(to.parse().expect("an address"));
    let input: Bytes = input.parse().expect("hex");
    let chain_id = 31337;
    let raw = if legacy {
        let gas_price = u128::from(cap);
        signed(
            chain,
            TxLegacy {
                chain_id: Some(chain_id),
                nonce,
                gas_price,
                gas_limit: gas,
                to,
                value,
                input,
            },
        )
    } else {
        signed(
            chain,
            TxEip1559 {
                chain_id,
                nonce,
                gas_limit: gas,
                to,
                value,
                input,
                max_fee_per_gas: cap.into(),
                max_priority_fee_per_gas: tip.into(),
                access_list: Default::default(),
            },
        )
    };
    let unknown = Some(json!([keccak256(&raw)]));
    assert_eq!(
        chain
            .get("eth_getTransactionReceipt", unknown.clone())
            .await,
        Value::Null
    );
    let hash = chain
        .get("eth_sendRawTransaction", Some(json!([raw])))
        .await;
    assert_eq!(hash, json!(keccak256(&raw)));
    let receipt = chain
        .get("eth_getTransactionReceipt", unknown.clone())
        .await;
    for member in RECEIPT {
        assert!(!receipt[member].is_null(), "{member}: {receipt}");
    }
    assert_eq!(receipt["status"], "0x1");
    assert!(
        number(&receipt["gasUsed"]) <= gas,
        "the estimate was enough"
    );
    let found = chain.get("eth_getTransactionByHash", unknown).await;
    assert_eq!(found["type"], if legacy { "0x0" } else { "0x2" });
    receipt
}

fn signed<T>(chain: &Asking, mut transaction: T) -> Bytes
where
    T: SignableTransaction<Signature>,
    TxEnvelope: From<alloy_consensus::Signed<T>>,
{
    let signer = chain.signer();
    let signature = signer
        .sign_transaction_sync(&mut transaction)
        .expect("it has the key");
    let envelope: TxEnvelope = transaction.into_signed(signature).into();
    envelope.encoded_2718().into()
}

#[tokio::test]
async fn reverts_read_as_nodes_decide_by_them() {
    let chain = Asking::start().await;
    chain.begin_round().await;
    let from = chain.sender();
    let cases = [
        (
            "RoundsManager",
            "initializeRound()",
            "round already initialized",
        ),
        (
            "TicketBroker",
            "unlock()",
            "sender deposit and reserve are zero",
        ),
        (
            "TicketBroker",
            "cancelUnlock()",
            "no unlock request in progress",
        ),
        (
            "BondingManager",
            "reward()",
            "caller must be an active transcoder",
        ),
    ];
    for (contract, function, reason) in cases {
        let selector = hex::encode_prefixed(&keccak256(function)[..4]);
        let call = json!({
            "from": from, "to": chain.contract(contract), "input": selector, "value": "0x0",
            "maxFeePerGas": "0x77359400", "maxPriorityFeePerGas": "0x0",
        });
        let error = chain.refusal("eth_estimateGas", json!([call])).await;
        assert_eq!(error["message"], format!("execution reverted: {reason}"));
        assert_eq!(error["code"], 3);
        let data = error["data"].as_str().expect("the reason as data");
        assert!(data.starts_with("0x08c379a0"), "{data}");
    }
    // A method that a chain may lack is named as lacking, so that the node goes another way.
    let error = chain.refusal("eth_unheardOf", json!([])).await;
    assert_eq!(error["code"], -32601);
    let empty = chain
        .get("eth_getCode", Some(json!([NOBODY, "pending"])))
        .await;
    assert_eq!(
        empty, "0x",
        "a node says `no contract code at given address`"
    );
    let nothing = json!([{"from": NOBODY, "to": NOBODY, "input": "0x8a19c8bc"}, "latest"]);
    assert_eq!(chain.get("eth_call", Some(nothing)).await, "0x");
    let unknown = Some(json!([B256::repeat_byte(9)]));
    for method in ["eth_getTransactionByHash", "eth_getTransactionReceipt"] {
        assert_eq!(chain.get(method, unknown.clone()).await, Value::Null);
    }
}

fn number(value: &Value) -> u64 {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    u64::from_str_radix(digits.expect("a quantity"), 16).expect("a number")
}
