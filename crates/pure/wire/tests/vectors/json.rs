//! Reading vector files: every access names what is missing.

use serde_json::Value;

pub(crate) fn file(name: &str) -> Value {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/vectors/");
    let text = std::fs::read_to_string(format!("{folder}{name}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn rows(value: &Value) -> &Vec<Value> {
    let rows = value.as_array().unwrap();
    assert!(!rows.is_empty());
    rows
}

pub(crate) fn text<'a>(row: &'a Value, member: &str) -> &'a str {
    row[member]
        .as_str()
        .unwrap_or_else(|| panic!("{member} of {row}"))
}

pub(crate) fn bytes(row: &Value, member: &str) -> Vec<u8> {
    hex::decode(text(row, member)).unwrap_or_else(|_| panic!("{member} of {row}"))
}

pub(crate) fn message32(row: &Value, member: &str) -> [u8; 32] {
    bytes(row, member)
        .try_into()
        .unwrap_or_else(|_| panic!("{member} of {row}"))
}

/// A number written as a number or as decimal text.
pub(crate) fn number(value: &Value) -> i64 {
    value
        .as_i64()
        .or_else(|| value.as_str()?.parse().ok())
        .unwrap_or_else(|| panic!("{value}"))
}
