//! What only a development chain can: mining, time, snapshots, reorganisations.
//!
//! The names are those that test tools of today use.

use std::time::Duration;

use alloy_primitives::{Bytes, U64, U256};
use serde_json::{Value, json};

use super::RpcError;
use super::parameters::Parameters;
use crate::chain::Removed;
use crate::node::Node;
use crate::state::Edit;

/// Blocks mined by one call at most.
const BLOCKS: u64 = 100_000;

/// Commands to the chain. `None` where the method is of another group.
pub(super) fn call(
    node: &Node,
    method: &str,
    parameters: &Parameters,
) -> Option<Result<Value, RpcError>> {
    // Both families of names stand for the same commands.
    let name = ["anvil_", "hardhat_", "evm_"]
        .iter()
        .find_map(|family| method.strip_prefix(family))?;
    Some(match name {
        "mine" => mine(node, method, parameters),
        "setAutomine" => parameters.required(0, "enabled").map(|on| {
            node.set_automine(on);
            Value::Null
        }),
        "getAutomine" => Ok(json!(node.automine())),
        "setIntervalMining" => parameters.number(0, "seconds").map(|seconds| {
            node.set_interval((seconds > 0).then(|| Duration::from_secs(seconds)));
            Value::Null
        }),
        "snapshot" => node
            .with(crate::Chain::snapshot)
            .map(|id| json!(U64::from(id)))
            .map_err(RpcError::from),
        "revert" => parameters
            .number(0, "snapshot")
            .map(|id| json!(node.change(|chain| chain.revert(id)))),
        "reorg" | "rollback" => rewind(node, name, parameters),
        "increaseTime" | "setNextBlockTimestamp" => time(node, name, parameters),
        "setNextBlockBaseFeePerGas" => parameters.number(0, "fee").map(|fee| {
            node.with(|chain| chain.set_next_base_fee(fee));
            Value::Null
        }),
        "dropAllTransactions" => {
            node.with(crate::Chain::drop_waiting);
            Ok(Value::Null)
        }
        "dropTransaction" => parameters.hash(0).map(|hash| {
            let dropped = node.with(|chain| chain.drop_transaction(hash));
            json!(dropped.then_some(hash))
        }),
        "setBalance" | "setNonce" | "setCode" | "setStorageAt" => edit(node, name, parameters),
        _ => return None,
    })
}

fn mine(node: &Node, method: &str, parameters: &Parameters) -> Result<Value, RpcError> {
    let now = node.unix();
    if method == "evm_mine" {
        // A time, or an object with one; both may be absent.
        let at = parameters.raw(0).map(|value| match value.get("timestamp") {
            Some(_) => value["timestamp"].as_u64(),
            None if value.is_object() => None,
            None => parameters.number(0, "timestamp").ok(),
        });
        node.change(|chain| {
            if let Some(Some(at)) = at {
                chain.set_next_time(at)?;
            }
            chain.mine(now);
            Ok::<_, RpcError>(())
        })?;
        return Ok(json!("0x0"));
    }
    let count = parameters.number_or(0, "blocks", 1)?;
    let seconds = parameters.number_or(1, "interval", 1)?;
    if count > BLOCKS {
        let reason = format!("{BLOCKS} blocks at most in one call");
        return Err(RpcError::parameter(0, "blocks", &reason));
    }
    node.change(|chain| chain.mine_many(count, seconds, now));
    Ok(Value::Null)
}

fn rewind(node: &Node, name: &str, parameters: &Parameters) -> Result<Value, RpcError> {
    let depth = parameters.number_or(0, "depth", 1)?;
    if name == "rollback" {
        node.change(|chain| chain.roll_back(depth, Removed::Dropped))?;
        return Ok(Value::Null);
    }
    let pairs: Vec<(Bytes, u64)> = parameters.optional(1, "transactions")?.unwrap_or_default();
    let pairs: Vec<(Vec<u8>, u64)> = pairs
        .into_iter()
        .map(|(bytes, block)| (bytes.to_vec(), block))
        .collect();
    // On public networks what was mined is mostly mined again: `"wait"` asks for that.
    let removed = match parameters.optional::<String>(2, "removed")?.as_deref() {
        None | Some("drop") => Removed::Dropped,
        Some("wait") => Removed::Wait,
        Some(other) => {
            let reason = format!("\"{other}\" is neither \"drop\" nor \"wait\"");
            return Err(RpcError::parameter(2, "removed", &reason));
        }
    };
    let now = node.unix();
    node.change(|chain| chain.reorganise(depth, &pairs, removed, now))?;
    Ok(Value::Null)
}

fn time(node: &Node, name: &str, parameters: &Parameters) -> Result<Value, RpcError> {
    let seconds = parameters.number(0, "seconds")?;
    if name == "increaseTime" {
        return Ok(json!(node.with(|chain| chain.increase_time(seconds))));
    }
    node.with(|chain| chain.set_next_time(seconds))?;
    Ok(Value::Null)
}

fn edit(node: &Node, name: &str, parameters: &Parameters) -> Result<Value, RpcError> {
    let address = parameters.address(0)?;
    let edit = match name {
        "setBalance" => Edit::Balance(address, parameters.required(1, "balance")?),
        "setNonce" => Edit::Nonce(address, parameters.number(1, "nonce")?),
        "setCode" => Edit::Code(address, parameters.required(1, "code")?),
        _ => {
            let slot: U256 = parameters.required(1, "slot")?;
            Edit::Storage(address, slot, parameters.required(2, "value")?)
        }
    };
    node.with(|chain| chain.edit(edit));
    Ok(json!(true))
}
