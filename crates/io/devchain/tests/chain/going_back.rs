//! Snapshots, rollbacks and reorganisations.

use serde_json::{Value, json};
use streamflow_devchain::{Mining, Node};

use crate::{ALICE, BOB, count, counter, get, node, refusal};

fn value(node: &Node, counter: &str) -> Value {
    get(node, "eth_call", json!([{"to": counter}, "latest"]))
}

fn head(node: &Node) -> Value {
    get(node, "eth_getBlockByNumber", json!(["latest", false]))
}

#[test]
fn a_snapshot_brings_everything_back_once() {
    let node = node(Mining::Automatic);
    let counter = counter(&node);
    let before = (value(&node, &counter), head(&node));
    let snapshot = get(&node, "evm_snapshot", json!([]));
    count(&node, BOB, &counter);
    get(&node, "anvil_setBalance", json!([BOB, "0x7"]));
    let inner = get(&node, "evm_snapshot", json!([]));
    assert_ne!(value(&node, &counter), before.0);
    assert_eq!(get(&node, "evm_revert", json!([snapshot])), true);
    assert_eq!((value(&node, &counter), head(&node)), before);
    assert_ne!(get(&node, "eth_getBalance", json!([BOB])), "0x7");
    assert_eq!(get(&node, "evm_revert", json!([snapshot])), false);
    assert_eq!(get(&node, "evm_revert", json!([inner])), false);
}

#[test]
fn a_reorganisation_replaces_blocks_and_says_what_it_removed() {
    let node = node(Mining::Automatic);
    let counter = counter(&node);
    let logs = get(&node, "eth_newFilter", json!([{"address": counter}]));
    let hashes = [count(&node, BOB, &counter), count(&node, ALICE, &counter)];
    let old = head(&node);
    get(&node, "eth_getFilterChanges", json!([logs]));
    get(&node, "anvil_reorg", json!([2, []]));
    let new = head(&node);
    assert_eq!(new["number"], old["number"]);
    assert_ne!(new["hash"], old["hash"]);
    for hash in &hashes {
        assert_eq!(
            get(&node, "eth_getTransactionReceipt", json!([hash])),
            Value::Null
        );
    }
    assert_eq!(
        get(&node, "eth_getBlockByHash", json!([old["hash"], false])),
        Value::Null
    );
    let changes = get(&node, "eth_getFilterChanges", json!([logs]));
    let removed = changes.as_array().expect("a list");
    assert_eq!(removed.len(), 2);
    assert!(removed.iter().all(|log| log["removed"] == true));
    assert_eq!(value(&node, &counter), format!("0x{:064x}", 1));
}

#[test]
fn transactions_of_removed_blocks_are_mined_again_where_asked() {
    let node = node(Mining::Automatic);
    let counter = counter(&node);
    let hashes = [count(&node, BOB, &counter), count(&node, BOB, &counter)];
    let block_of = |hash: &Value| {
        let receipt = get(&node, "eth_getTransactionReceipt", json!([hash]));
        receipt["blockHash"].clone()
    };
    let before = hashes.each_ref().map(block_of);
    get(&node, "anvil_reorg", json!([2, [], "wait"]));
    let after = hashes.each_ref().map(block_of);
    assert!(after.iter().all(Value::is_string), "{after:?}");
    assert!(before.iter().all(|block| !after.contains(block)));
    assert_eq!(value(&node, &counter), format!("0x{:064x}", 3));
}

#[test]
fn a_rollback_takes_blocks_away() {
    let node = node(Mining::Automatic);
    get(&node, "anvil_mine", json!([600]));
    get(&node, "anvil_rollback", json!([500]));
    assert_eq!(get(&node, "eth_blockNumber", json!([])), "0x64");
    let deep = refusal(&node, "anvil_rollback", json!([101]));
    assert!(deep.contains("cannot go back 101 blocks"), "{deep}");
    get(&node, "evm_mine", json!([]));
    assert_eq!(get(&node, "eth_blockNumber", json!([])), "0x65");
}
