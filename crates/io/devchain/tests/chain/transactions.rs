//! Transactions: what is taken, what they do, and what refusals say.

use serde_json::json;
use streamflow_devchain::Mining;

use crate::{ALICE, BOB, ask, count, counter, get, node, reason, refusal};

#[test]
fn a_transaction_leaves_a_receipt_with_its_events() {
    let node = node(Mining::Automatic);
    let counter = counter(&node);
    let hash = count(&node, BOB, &counter);
    let receipt = get(&node, "eth_getTransactionReceipt", json!([hash]));
    assert_eq!(receipt["status"], "0x1");
    assert_eq!(receipt["from"], BOB);
    assert_eq!(receipt["to"], counter);
    assert_eq!(receipt["blockNumber"], "0x2");
    assert_eq!(receipt["type"], "0x2");
    let log = &receipt["logs"][0];
    assert_eq!(log["address"], counter);
    assert_eq!(log["topics"][0], format!("0x{:064x}", 1));
    assert_eq!(log["logIndex"], "0x0");
    assert_eq!(log["transactionHash"], hash);
    let transaction = get(&node, "eth_getTransactionByHash", json!([hash]));
    assert_eq!(transaction["blockHash"], receipt["blockHash"]);
    assert_eq!(transaction["nonce"], "0x0");
}

#[test]
fn calls_change_nothing_and_read_the_past() {
    let node = node(Mining::Automatic);
    let counter = counter(&node);
    for _ in 0..3 {
        count(&node, BOB, &counter);
    }
    let call = |at: &str| get(&node, "eth_call", json!([{"to": counter}, at]));
    assert_eq!(call("latest"), format!("0x{:064x}", 4));
    assert_eq!(call("latest"), format!("0x{:064x}", 4));
    assert_eq!(call("0x2"), format!("0x{:064x}", 2));
    let slot = |at: &str| get(&node, "eth_getStorageAt", json!([counter, "0x0", at]));
    assert_eq!(slot("0x1"), format!("0x{:064x}", 0));
    assert_eq!(slot("0x3"), format!("0x{:064x}", 2));
    assert_eq!(
        refusal(&node, "eth_call", json!([{"to": counter}, "0x99"])),
        "header not found"
    );
}

#[test]
fn a_revert_carries_its_data_and_reads_as_nodes_write_it() {
    let node = node(Mining::Automatic);
    let counter = counter(&node);
    let data = reason("ticket is used");
    for method in ["eth_call", "eth_estimateGas"] {
        let answer = ask(
            &node,
            method,
            json!([{"from": BOB, "to": counter, "input": data}]),
        );
        assert_eq!(answer["error"]["code"], 3);
        assert_eq!(
            answer["error"]["message"],
            "execution reverted: ticket is used"
        );
        assert_eq!(answer["error"]["data"], data);
    }
    // With a limit given nothing is simulated first: it is mined, and fails there.
    let sent = json!([{"from": BOB, "to": counter, "input": data, "gas": "0x186a0"}]);
    let hash = get(&node, "eth_sendTransaction", sent);
    let receipt = get(&node, "eth_getTransactionReceipt", json!([hash]));
    assert_eq!(receipt["status"], "0x0");
    assert_eq!(receipt["logs"], json!([]));
    assert_eq!(get(&node, "eth_getTransactionCount", json!([BOB])), "0x1");
}

#[test]
fn an_estimate_is_the_lowest_limit_that_suffices() {
    let node = node(Mining::Automatic);
    let counter = counter(&node);
    let estimate = get(
        &node,
        "eth_estimateGas",
        json!([{"from": BOB, "to": counter}]),
    );
    let gas = u64::from_str_radix(&estimate.as_str().expect("text")[2..], 16).expect("hex");
    let sent = |gas: u64| {
        let call = json!([{"from": BOB, "to": counter, "gas": format!("{gas:#x}")}]);
        let hash = get(&node, "eth_sendTransaction", call);
        get(&node, "eth_getTransactionReceipt", json!([hash]))["status"].clone()
    };
    let before = get(&node, "evm_snapshot", json!([]));
    assert_eq!(sent(gas), "0x1");
    assert_eq!(get(&node, "evm_revert", json!([before])), true);
    assert_eq!(sent(gas - 1), "0x0");
    let transfer = json!([{"from": BOB, "to": ALICE, "value": "0x1"}]);
    assert_eq!(get(&node, "eth_estimateGas", transfer), "0x5208");
}

#[test]
fn refusals_say_what_is_wrong() {
    let node = node(Mining::Automatic);
    let send = |fields: serde_json::Value| {
        let mut transaction = json!({"from": ALICE, "to": BOB, "gas": "0x5208"});
        for (name, value) in fields.as_object().expect("fields") {
            transaction[name] = value.clone();
        }
        refusal(&node, "eth_sendTransaction", json!([transaction]))
    };
    count(&node, ALICE, BOB);
    assert_eq!(
        send(json!({"nonce": "0x0"})),
        "nonce too low: next nonce 1, tx nonce 0"
    );
    assert!(send(json!({"gas": "0x5207"})).starts_with("intrinsic gas too low: gas 20999"));
    assert!(send(json!({"gas": "0x1c9c381"})).starts_with("exceeds block gas limit"));
    assert!(
        send(json!({"value": "0xffffffffffffffffffffffff"}))
            .starts_with("insufficient funds for gas * price + value")
    );
    assert!(
        send(json!({"maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x2"}))
            .starts_with("max priority fee per gas higher than max fee per gas")
    );
    let stranger = "0x00000000000000000000000000000000000000ff";
    assert!(send(json!({"from": stranger})).starts_with("unknown account"));
    let raw = |bytes: &str| refusal(&node, "eth_sendRawTransaction", json!([bytes]));
    assert!(raw("0x02").starts_with("rlp: the bytes are not a signed transaction"));
    assert!(raw("0x").starts_with("rlp: the bytes are not a signed transaction"));
    let argument = refusal(&node, "eth_getBalance", json!(["0x12"]));
    assert!(
        argument.starts_with("invalid argument 0 (address)"),
        "{argument}"
    );
    let unknown = refusal(&node, "eth_fly", json!([]));
    assert_eq!(
        unknown,
        "the method eth_fly does not exist/is not available"
    );
}

#[test]
fn waiting_transactions_are_mined_by_nonce_and_replaced_only_for_more() {
    let node = node(Mining::ByHand);
    let send = |nonce: &str, cap: u64| {
        let transaction = json!([{"from": ALICE, "to": BOB, "gas": "0x5208", "nonce": nonce,
            "maxFeePerGas": format!("{cap:#x}"), "maxPriorityFeePerGas": format!("{cap:#x}")}]);
        ask(&node, "eth_sendTransaction", transaction)
    };
    let gwei = 1_000_000_000;
    let second = send("0x1", 2 * gwei)["result"].clone();
    let cheap = send("0x0", 2 * gwei)["result"].clone();
    assert_eq!(send("0x0", 2 * gwei)["error"]["message"], "already known");
    let underpriced = &send("0x0", 2 * gwei + gwei / 10)["error"]["message"];
    assert_eq!(underpriced, "replacement transaction underpriced");
    let first = send("0x0", 3 * gwei)["result"].clone();
    assert_eq!(
        get(&node, "eth_getTransactionByHash", json!([cheap])),
        json!(null)
    );
    let pending = json!([ALICE, "pending"]);
    assert_eq!(get(&node, "eth_getTransactionCount", pending), "0x2");
    assert_eq!(
        get(&node, "eth_getTransactionReceipt", json!([first])),
        json!(null)
    );
    get(&node, "evm_mine", json!([]));
    let block = get(&node, "eth_getBlockByNumber", json!(["latest", false]));
    assert_eq!(block["transactions"], json!([first, second]));
    // Too little for the base fee: it waits for better times.
    let late = send("0x2", gwei / 2)["result"].clone();
    get(&node, "anvil_mine", json!([2]));
    assert_eq!(
        get(&node, "eth_getTransactionReceipt", json!([late])),
        json!(null)
    );
    get(&node, "anvil_setNextBlockBaseFeePerGas", json!([1]));
    get(&node, "evm_mine", json!([]));
    let receipt = get(&node, "eth_getTransactionReceipt", json!([late]));
    assert_eq!(receipt["effectiveGasPrice"], format!("{:#x}", gwei / 2));
}

#[test]
fn a_trace_tells_who_called_whom() {
    let node = node(Mining::Automatic);
    let counter = counter(&node);
    let options = json!({"tracer": "callTracer"});
    let call = json!([{"from": BOB, "to": counter}, "latest", options]);
    let traced = get(&node, "debug_traceCall", call);
    assert_eq!(traced["type"], "CALL");
    assert_eq!(traced["to"], counter);
    assert_eq!(traced["output"], format!("0x{:064x}", 1));
    let data = reason("no");
    let call = json!([{"from": BOB, "to": counter, "input": data}, "latest", options]);
    let traced = get(&node, "debug_traceCall", call);
    assert_eq!(traced["error"], "execution reverted: no");
}
