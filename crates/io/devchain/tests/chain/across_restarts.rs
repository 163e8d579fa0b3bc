//! A chain on disk is the same chain when it is opened again.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use streamflow_devchain::{Chain, Mining, Node, OpenError, Settings};
use streamflow_runtime::SystemClock;

use crate::{ALICE, BOB, count, counter, get, settings};

fn open(folder: &Path) -> Node {
    let chain = Chain::open(settings(), folder).expect("the folder holds this chain or nothing");
    Node::new(chain, Mining::Automatic, Arc::new(SystemClock))
}

fn all(node: &Node) -> serde_json::Value {
    json!([
        get(node, "eth_getBlockByNumber", json!(["latest", true])),
        get(node, "eth_getLogs", json!([{"fromBlock": "0x0"}])),
        get(node, "eth_getBalance", json!([BOB])),
        get(node, "eth_getTransactionCount", json!([ALICE])),
    ])
}

#[test]
fn blocks_states_edits_and_reorganisations_survive() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = open(folder.path());
    let counter = counter(&node);
    count(&node, BOB, &counter);
    let snapshot = get(&node, "evm_snapshot", json!([]));
    get(&node, "anvil_setBalance", json!([BOB, "0xde0b6b3a7640000"]));
    count(&node, BOB, &counter);
    get(&node, "anvil_reorg", json!([1, [], "wait"]));
    count(&node, BOB, &counter);
    let before = all(&node);
    drop(node);

    let node = open(folder.path());
    assert_eq!(all(&node), before);
    count(&node, BOB, &counter);
    let snapshot_is_gone = get(&node, "evm_revert", json!([snapshot]));
    assert_eq!(snapshot_is_gone, false);
}

#[test]
fn going_back_to_a_snapshot_survives() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = open(folder.path());
    let counter = counter(&node);
    let snapshot = get(&node, "evm_snapshot", json!([]));
    get(&node, "anvil_setBalance", json!([BOB, "0x1"]));
    count(&node, ALICE, &counter);
    get(&node, "evm_revert", json!([snapshot]));
    count(&node, BOB, &counter);
    let before = all(&node);
    drop(node);
    assert_eq!(all(&open(folder.path())), before);
}

#[test]
fn a_line_that_a_kill_cut_off_is_dropped() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = open(folder.path());
    let counter = counter(&node);
    let before = all(&node);
    count(&node, BOB, &counter);
    drop(node);
    let file = folder.path().join("blocks.jsonl");
    let bytes = fs::read(&file).expect("it was written");
    fs::write(&file, &bytes[..bytes.len() - 9]).expect("it can be written");
    let node = open(folder.path());
    assert_eq!(all(&node), before);
    count(&node, BOB, &counter);
    let after = all(&node);
    drop(node);
    assert_eq!(all(&open(folder.path())), after);
}

#[test]
fn other_chains_damage_and_second_users_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let node = open(folder.path());
    counter(&node);
    let refused = |settings: Settings| match Chain::open(settings, folder.path()) {
        Ok(_) => panic!("it was opened"),
        Err(error) => error,
    };
    assert!(matches!(refused(settings()), OpenError::InUse { .. }));
    drop(node);
    let other = Settings {
        chain_id: 7,
        genesis_time: 99,
        ..settings()
    };
    assert!(matches!(refused(other), OpenError::OtherChain { .. }));
    let file = folder.path().join("blocks.jsonl");
    let text = fs::read_to_string(&file).expect("it was written");
    let damaged = text.replacen("\"timestamp\":1", "\"timestamp\":2", 1);
    assert_ne!(damaged, text);
    fs::write(&file, damaged).expect("it can be written");
    let error = refused(settings()).to_string();
    assert!(
        error.contains("line 2") && error.contains("its hash is"),
        "{error}"
    );
}
