//! Fields of the recorded rows as our types.

use alloy_primitives::{B256, U256};
use serde_json::Value;
use streamflow_payments::{Amount, CreationRound, SenderFunds, WinProb};
use streamflow_types::{Address, PricePerPixel};
use streamflow_wire::signature::SecretKey;

pub(crate) fn file(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/vectors");
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn rows(value: &Value) -> &[Value] {
    let rows = value.as_array().unwrap();
    assert!(!rows.is_empty());
    rows
}

pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}

pub(crate) fn number(value: &Value) -> U256 {
    text(value).parse().unwrap()
}

pub(crate) fn small(value: &Value) -> u64 {
    text(value).parse().unwrap()
}

pub(crate) fn amount(value: &Value) -> Amount {
    text(value).parse().unwrap()
}

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

pub(crate) fn hash(value: &Value) -> B256 {
    B256::from_slice(&bytes(value))
}

pub(crate) fn address(value: &Value) -> Address {
    Address::parse(value.as_str().unwrap()).unwrap()
}

pub(crate) fn price(value: &Value) -> PricePerPixel {
    PricePerPixel::new(small(&value[0]), small(&value[1]).try_into().unwrap())
}

pub(crate) fn win_prob(row: &Value) -> WinProb {
    WinProb(number(&row["win_prob"]))
}

pub(crate) fn creation(row: &Value, prefix: &str) -> CreationRound {
    CreationRound {
        round: small(&row[format!("{prefix}creation_round")]),
        block_hash: hash(&row[format!("{prefix}creation_round_block_hash")]),
    }
}

pub(crate) fn key(file: &Value, account: &str) -> SecretKey {
    SecretKey::from_slice(&bytes(&file["keys"][account]["private_key"])).unwrap()
}

/// A sender with that much, alone with one recipient.
pub(crate) fn funds(row: &Value) -> SenderFunds {
    let or_none = |name: &str| match &row[name] {
        Value::Null => U256::ZERO,
        value => number(value),
    };
    let pool_size = &row["pool_size"];
    SenderFunds {
        deposit: or_none("deposit"),
        reserve_remaining: or_none("reserve_remaining"),
        reserve_claimed: or_none("reserve_claimed_in_round"),
        claimed_by_us: or_none("claimed_by_us"),
        withdraw_round: u64::try_from(or_none("withdraw_round")).unwrap(),
        pool_size: if pool_size.is_null() {
            1
        } else {
            small(pool_size)
        },
    }
}
