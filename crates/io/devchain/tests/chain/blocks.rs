//! Blocks: their hashes, times and fees, and the logs in them.

use alloy_primitives::keccak256;
use serde_json::{Value, json};
use streamflow_devchain::{BlockId, Mining};

use crate::{ALICE, BOB, count, counter, get, node, refusal};

#[test]
fn hashes_are_those_of_the_headers_and_blocks_follow_one_another() {
    let node = node(Mining::Automatic);
    let counter = counter(&node);
    count(&node, BOB, &counter);
    node.with(|chain| {
        for number in 0..=2 {
            let block = chain.block(BlockId::Number(number)).expect("it was mined");
            assert_eq!(block.hash, keccak256(alloy_rlp::encode(&block.header)));
            if number > 0 {
                let parent = chain
                    .block(BlockId::Number(number - 1))
                    .expect("it was mined");
                assert_eq!(block.header.parent_hash, parent.hash);
                assert!(block.header.timestamp > parent.header.timestamp);
            }
        }
    });
    let block = get(&node, "eth_getBlockByNumber", json!(["0x2", true]));
    // What a peer's client cannot do without.
    for field in [
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
    ] {
        assert!(block[field].is_string(), "{field}: {block}");
    }
    assert_eq!(block["transactions"][0]["from"], BOB);
    let by_hash = get(&node, "eth_getBlockByHash", json!([block["hash"], true]));
    assert_eq!(by_hash, block);
    assert_eq!(
        get(&node, "eth_getBlockByNumber", json!(["0x3", false])),
        Value::Null
    );
}

#[test]
fn logs_are_found_by_address_topic_and_block() {
    let node = node(Mining::Automatic);
    let counter = counter(&node);
    let other = crate::counter(&node);
    for _ in 0..4 {
        count(&node, BOB, &counter);
        count(&node, BOB, &other);
    }
    let found = |filter: Value| {
        let logs = get(&node, "eth_getLogs", json!([filter]));
        logs.as_array().expect("a list").len()
    };
    let all = json!({"fromBlock": "0x0", "toBlock": "latest"});
    assert_eq!(found(all), 8);
    assert_eq!(
        found(json!({"fromBlock": "earliest", "address": counter})),
        4
    );
    assert_eq!(
        found(json!({"fromBlock": "0x0", "address": [counter, other]})),
        8
    );
    assert_eq!(found(json!({"fromBlock": "0x0", "address": ALICE})), 0);
    let topic = format!("0x{:064x}", 2);
    assert_eq!(found(json!({"fromBlock": "0x0", "topics": [topic]})), 2);
    assert_eq!(
        found(json!({"fromBlock": "0x0", "topics": [[topic, format!("0x{:064x}", 3)]]})),
        4
    );
    assert_eq!(found(json!({"fromBlock": "0x0", "topics": [null]})), 8);
    assert_eq!(
        found(json!({"fromBlock": "0x0", "topics": [null, topic]})),
        0
    );
    assert_eq!(
        found(json!({"fromBlock": "0x3", "toBlock": "0x4", "address": null})),
        2
    );
    let head = get(&node, "eth_getBlockByNumber", json!(["latest", false]));
    assert_eq!(found(json!({"blockHash": head["hash"]})), 1);
    let both = json!([{"blockHash": head["hash"], "fromBlock": "0x1"}]);
    assert!(refusal(&node, "eth_getLogs", both).contains("blockHash excludes"));
}

#[test]
fn filters_give_each_thing_once() {
    let node = node(Mining::Automatic);
    let counter = counter(&node);
    let logs = get(&node, "eth_newFilter", json!([{"address": counter}]));
    let blocks = get(&node, "eth_newBlockFilter", json!([]));
    count(&node, BOB, &counter);
    let changes = |id: &Value| {
        let changes = get(&node, "eth_getFilterChanges", json!([id]));
        changes.as_array().expect("a list").len()
    };
    assert_eq!((changes(&logs), changes(&blocks)), (1, 1));
    assert_eq!((changes(&logs), changes(&blocks)), (0, 0));
    assert_eq!(get(&node, "eth_uninstallFilter", json!([logs])), true);
    assert_eq!(
        refusal(&node, "eth_getFilterChanges", json!([logs])),
        "filter not found"
    );
}

#[test]
fn time_goes_forward_as_told() {
    let node = node(Mining::Automatic);
    let time = |at: &str| {
        let block = get(&node, "eth_getBlockByNumber", json!([at, false]));
        let text = block["timestamp"].as_str().expect("text")[2..].to_owned();
        u64::from_str_radix(&text, 16).expect("hex")
    };
    get(&node, "evm_mine", json!([]));
    let start = time("latest");
    get(&node, "evm_increaseTime", json!([86_400]));
    get(&node, "evm_mine", json!([]));
    let day = time("latest") - start;
    assert!((86_400..86_410).contains(&day), "{day}");
    get(&node, "evm_setNextBlockTimestamp", json!([start + 200_000]));
    get(&node, "evm_mine", json!([]));
    assert_eq!(time("latest"), start + 200_000);
    get(&node, "anvil_mine", json!(["0x3", "0xa"]));
    assert_eq!(time("latest") - time("0x4"), 20);
    let past = refusal(&node, "evm_setNextBlockTimestamp", json!([start]));
    assert!(past.contains("is not after that of the head"), "{past}");
}

#[test]
fn a_fee_history_covers_the_blocks_asked_for() {
    let node = node(Mining::Automatic);
    get(&node, "anvil_mine", json!([5]));
    let history = get(&node, "eth_feeHistory", json!(["0x3", "latest", [50.0]]));
    assert_eq!(history["oldestBlock"], "0x3");
    assert_eq!(
        history["baseFeePerGas"].as_array().expect("a list").len(),
        4
    );
    assert_eq!(history["reward"].as_array().expect("a list").len(), 3);
}
