//! Blocks, transactions, receipts and logs as JSON.

use alloy_primitives::{Bloom, U64, U256};
use serde_json::{Map, Value, json};

use crate::block::{Block, Mined, Signed};

/// A quantity: hex without leading zeros.
pub(crate) fn quantity(value: impl Into<U256>) -> Value {
    json!(value.into())
}

/// The header of a block.
pub(crate) fn header(block: &Block) -> Value {
    let mut value = json!(block.header);
    value["hash"] = json!(block.hash);
    value
}

/// A block with its transactions, whole or as hashes.
pub(crate) fn block(block: &Block, whole: bool) -> Value {
    let mut value = header(block);
    let places = 0..block.transactions.len();
    let transactions: Vec<Value> = places
        .map(|place| {
            if whole {
                mined(block, place)
            } else {
                json!(block.transactions[place].transaction.hash)
            }
        })
        .collect();
    value["transactions"] = Value::Array(transactions);
    value["uncles"] = json!([]);
    value["size"] = quantity(U256::from(alloy_rlp::Encodable::length(&block.header)));
    if block.header.withdrawals_root.is_some() {
        value["withdrawals"] = json!([]);
    }
    value
}

/// A transaction of a block.
pub(crate) fn mined(block: &Block, place: usize) -> Value {
    let mined = &block.transactions[place];
    let mut value = waiting(&mined.transaction);
    value["blockHash"] = json!(block.hash);
    value["blockNumber"] = json!(U64::from(block.number()));
    value["transactionIndex"] = json!(U64::from(place));
    value["gasPrice"] = quantity(U256::from(mined.gas_price));
    value
}

/// A transaction that waits.
pub(crate) fn waiting(signed: &Signed) -> Value {
    let mut value = json!(signed.envelope);
    value["from"] = json!(signed.sender);
    for field in ["blockHash", "blockNumber", "transactionIndex"] {
        value[field] = Value::Null;
    }
    value
}

/// What a transaction did.
pub(crate) fn receipt(block: &Block, place: usize) -> Value {
    use alloy_consensus::Transaction;
    use alloy_eips::Typed2718;

    let mined: &Mined = &block.transactions[place];
    let bloom: Bloom = mined.bloom();
    let envelope = &mined.transaction.envelope;
    json!({
        "transactionHash": mined.transaction.hash,
        "transactionIndex": U64::from(place),
        "blockHash": block.hash,
        "blockNumber": U64::from(block.number()),
        "from": mined.transaction.sender,
        "to": envelope.to(),
        "cumulativeGasUsed": U64::from(mined.cumulative_gas),
        "gasUsed": U64::from(mined.gas_used),
        "effectiveGasPrice": quantity(U256::from(mined.gas_price)),
        "contractAddress": mined.contract,
        "logs": logs_of(block, place, false).collect::<Vec<_>>(),
        "logsBloom": bloom,
        "type": U64::from(envelope.ty()),
        "status": U64::from(u64::from(mined.success)),
    })
}

/// The events of one transaction.
pub(crate) fn logs_of(
    block: &Block,
    place: usize,
    removed: bool,
) -> impl Iterator<Item = Value> + '_ {
    let mined = &block.transactions[place];
    mined.logs.iter().enumerate().map(move |(index, log)| {
        let mut value = Map::new();
        value.insert("address".into(), json!(log.address));
        value.insert("topics".into(), json!(log.data.topics()));
        value.insert("data".into(), json!(log.data.data));
        value.insert("blockHash".into(), json!(block.hash));
        value.insert("blockNumber".into(), json!(U64::from(block.number())));
        value.insert(
            "blockTimestamp".into(),
            json!(U64::from(block.header.timestamp)),
        );
        value.insert("transactionHash".into(), json!(mined.transaction.hash));
        value.insert("transactionIndex".into(), json!(U64::from(place)));
        let index = mined.first_log + index as u64;
        value.insert("logIndex".into(), json!(U64::from(index)));
        value.insert("removed".into(), json!(removed));
        Value::Object(value)
    })
}
