//! Arguments and answers between their form in the recordings and that of the contracts.

use std::collections::BTreeMap;

use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_primitives::{Address, I256, U256, hex};
use serde_json::{Value, json};

/// Addresses by the names of the recordings.
#[derive(Default)]
pub(crate) struct Names {
    addresses: BTreeMap<String, Address>,
}

impl Names {
    pub(crate) fn add(&mut self, name: &str, address: Address) {
        self.addresses.insert(format!("@{name}"), address);
    }

    pub(crate) fn address(&self, name: &str) -> Address {
        let known = self.addresses.get(name).copied();
        known.unwrap_or_else(|| panic!("{name} is not known"))
    }

    fn name(&self, address: Address) -> String {
        let mut known = self.addresses.iter();
        let found = known.find(|(_, known)| **known == address);
        found.map_or_else(|| address.to_string(), |(name, _)| name.clone())
    }

    /// A recorded argument as a contract takes it.
    pub(crate) fn read(&self, value: &Value, kind: &DynSolType) -> DynSolValue {
        match (kind, value) {
            (DynSolType::Tuple(kinds), Value::Array(values)) => DynSolValue::Tuple(
                kinds
                    .iter()
                    .zip(values)
                    .map(|(kind, value)| self.read(value, kind))
                    .collect(),
            ),
            (DynSolType::Array(kind), Value::Array(values)) => {
                DynSolValue::Array(values.iter().map(|value| self.read(value, kind)).collect())
            }
            (DynSolType::Address, Value::String(name)) if name.starts_with('@') => {
                DynSolValue::Address(self.address(name))
            }
            (DynSolType::Uint(bits), value) => {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), ToOwned::to_owned);
                let number: U256 = text.parse().expect("a number");
                DynSolValue::Uint(number, *bits)
            }
            (kind, Value::String(text)) => kind.coerce_str(text).expect("an argument"),
            (DynSolType::Bool, Value::Bool(value)) => DynSolValue::Bool(*value),
            (kind, value) => panic!("{value} is not a {kind}"),
        }
    }

    /// What a contract gave, as recordings write it.
    pub(crate) fn write(&self, value: &DynSolValue) -> Value {
        match value {
            DynSolValue::Address(address) => json!(self.name(*address)),
            DynSolValue::Bool(value) => json!(value),
            DynSolValue::Uint(number, _) => json!(number.to_string()),
            DynSolValue::Int(number, _) => json!(I256::to_string(number)),
            DynSolValue::Bytes(bytes) => json!(hex::encode_prefixed(bytes)),
            DynSolValue::FixedBytes(word, size) => json!(hex::encode_prefixed(&word[..*size])),
            DynSolValue::String(text) => json!(text),
            DynSolValue::Tuple(values)
            | DynSolValue::Array(values)
            | DynSolValue::FixedArray(values) => values.iter().map(|v| self.write(v)).collect(),
            other => panic!("{other:?} does not occur"),
        }
    }

    /// Several values as recordings write answers: one alone, more as a list.
    pub(crate) fn write_all(&self, values: &[DynSolValue]) -> Value {
        match values {
            [one] => self.write(one),
            many => many.iter().map(|value| self.write(value)).collect(),
        }
    }
}

/// Small numbers stand as numbers in recordings, large ones as text. Here all are text.
pub(crate) fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.to_string()),
        Value::Array(values) => values.iter().map(normal).collect(),
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| (name.clone(), normal(value)));
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}
