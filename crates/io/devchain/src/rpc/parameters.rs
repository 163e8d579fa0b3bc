//! Parameters of a call, read with the names of what is wrong.

use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::RpcError;
use crate::chain::{BlockId, Unsigned};
use crate::execute::Call;

/// The parameters of one call, by place.
pub(super) struct Parameters<'a>(&'a [Value]);

impl<'a> Parameters<'a> {
    pub(super) fn of(call: &'a Value) -> Result<Self, RpcError> {
        match call.get("params") {
            None | Some(Value::Null) => Ok(Self(&[])),
            Some(Value::Array(values)) => Ok(Self(values)),
            Some(_) => Err(RpcError::request("`params` must be an array")),
        }
    }

    /// A parameter, where it is there and not null.
    pub(super) fn raw(&self, place: usize) -> Option<&'a Value> {
        self.0.get(place).filter(|value| !value.is_null())
    }

    /// A parameter of any type that JSON can hold.
    pub(super) fn required<T: DeserializeOwned>(
        &self,
        place: usize,
        name: &str,
    ) -> Result<T, RpcError> {
        let missing = || RpcError::parameter(place, name, "missing");
        read(self.raw(place).ok_or_else(missing)?, place, name)
    }

    /// Like `required`, where it may be absent.
    pub(super) fn optional<T: DeserializeOwned>(
        &self,
        place: usize,
        name: &str,
    ) -> Result<Option<T>, RpcError> {
        self.raw(place)
            .map(|value| read(value, place, name))
            .transpose()
    }

    pub(super) fn address(&self, place: usize) -> Result<Address, RpcError> {
        self.required(place, "address")
    }

    pub(super) fn hash(&self, place: usize) -> Result<B256, RpcError> {
        self.required(place, "hash")
    }

    /// A number: hex text as the standard wants it, or a plain one, as tools send it.
    pub(super) fn number(&self, place: usize, name: &str) -> Result<u64, RpcError> {
        let missing = || RpcError::parameter(place, name, "missing");
        number(self.raw(place).ok_or_else(missing)?, place, name)
    }

    pub(super) fn number_or(&self, place: usize, name: &str, or: u64) -> Result<u64, RpcError> {
        self.raw(place)
            .map_or(Ok(or), |value| number(value, place, name))
    }

    /// A block: `latest` and the like, a number, a hash, or an object with one of both.
    pub(super) fn block(&self, place: usize) -> Result<BlockId, RpcError> {
        self.raw(place)
            .map_or(Ok(BlockId::Latest), |value| block(value, place))
    }

    /// A call or a transaction to be signed.
    pub(super) fn transaction(&self, place: usize) -> Result<Unsigned, RpcError> {
        let fields: Fields = self.required(place, "transaction")?;
        let price = fields.gas_price.map(saturated);
        Ok(Unsigned {
            nonce: fields.nonce.map(|nonce| nonce.to()),
            fee_cap: fields.max_fee_per_gas.map(saturated).or(price),
            tip: fields.max_priority_fee_per_gas.map(saturated).or(price),
            call: Call {
                from: fields.from.unwrap_or_default(),
                to: fields.to,
                gas: fields.gas.map(|gas| gas.saturating_to()),
                gas_price: None,
                value: fields.value.unwrap_or_default(),
                // Old clients say `data`; where both are there, `input` counts.
                input: fields.input.or(fields.data).unwrap_or_default(),
                access_list: fields.access_list.unwrap_or_default(),
            },
        })
    }
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Fields {
    from: Option<Address>,
    to: Option<Address>,
    gas: Option<U256>,
    gas_price: Option<U256>,
    max_fee_per_gas: Option<U256>,
    max_priority_fee_per_gas: Option<U256>,
    value: Option<U256>,
    nonce: Option<U64>,
    input: Option<Bytes>,
    data: Option<Bytes>,
    access_list: Option<AccessList>,
}

fn saturated(value: U256) -> u128 {
    value.saturating_to()
}

fn read<T: DeserializeOwned>(value: &Value, place: usize, name: &str) -> Result<T, RpcError> {
    T::deserialize(value).map_err(|error| RpcError::parameter(place, name, &error.to_string()))
}

fn number(value: &Value, place: usize, name: &str) -> Result<u64, RpcError> {
    if let Some(number) = value.as_u64() {
        return Ok(number);
    }
    let text = value.as_str().unwrap_or_default();
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| {
        let reason = format!("{value} is not a number of at most 64 bits, such as \"0x10\"");
        RpcError::parameter(place, name, &reason)
    })
}

/// Reads a block as clients name it.
pub(super) fn block(value: &Value, place: usize) -> Result<BlockId, RpcError> {
    if let Some(object) = value.as_object() {
        if let Some(hash) = object.get("blockHash") {
            return Ok(BlockId::Hash(read(hash, place, "blockHash")?));
        }
        if let Some(number) = object.get("blockNumber") {
            return block(number, place);
        }
    }
    match value.as_str() {
        // Every block of this chain is as safe and final as it will be.
        Some("latest" | "safe" | "finalized") => Ok(BlockId::Latest),
        Some("pending") => Ok(BlockId::Pending),
        Some("earliest") => Ok(BlockId::Earliest),
        Some(text) if text.len() == 66 => Ok(BlockId::Hash(read(value, place, "block")?)),
        _ => Ok(BlockId::Number(number(value, place, "block")?)),
    }
}
