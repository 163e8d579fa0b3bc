//! The chain as JSON-RPC 2.0: the methods that wallets, libraries and nodes call.
//!
//! This is the language only; the door is `server`. Whatever comes in, an answer goes out.

mod debug;
mod dev;
mod error;
mod eth;
pub(crate) mod filter;
mod parameters;
pub(crate) mod view;

use serde_json::{Value, json};

pub(crate) use error::RpcError;
use parameters::Parameters;

use crate::node::Node;

/// Calls in one batch at most.
const BATCH: usize = 1_000;

/// Answers a body: one call or a batch. `None` where only notifications came.
pub(crate) fn answer(node: &Node, body: &[u8]) -> Option<Value> {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return Some(failed(Value::Null, RpcError::parse()));
    };
    match body {
        Value::Array(calls) if calls.is_empty() => {
            Some(failed(Value::Null, RpcError::request("the batch is empty")))
        }
        Value::Array(calls) if calls.len() > BATCH => {
            let text = format!("a batch holds {BATCH} calls at most, not {}", calls.len());
            Some(failed(Value::Null, RpcError::request(&text)))
        }
        Value::Array(calls) => {
            let answers: Vec<Value> = calls.iter().filter_map(|call| one(node, call)).collect();
            (!answers.is_empty()).then_some(Value::Array(answers))
        }
        call => one(node, &call),
    }
}

/// A call's method and parameters, for what only some doors answer.
pub(crate) fn method(call: &Value) -> Option<&str> {
    call.get("method")?.as_str()
}

/// A successful answer.
pub(crate) fn succeeded(id: &Value, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}

/// A failed answer.
pub(crate) fn failed(id: Value, error: RpcError) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": error.json()})
}

fn one(node: &Node, call: &Value) -> Option<Value> {
    let id = call.get("id").cloned();
    let Some(method) = method(call) else {
        let id = id.unwrap_or(Value::Null);
        return Some(failed(id, RpcError::request("`method` is missing")));
    };
    let result = Parameters::of(call).and_then(|parameters| dispatch(node, method, &parameters));
    // Without an id nobody waits for the answer.
    let id = id?;
    Some(match result {
        Ok(result) => succeeded(&id, result),
        Err(error) => failed(id, error),
    })
}

fn dispatch(node: &Node, method: &str, parameters: &Parameters) -> Result<Value, RpcError> {
    eth::call(node, method, parameters)
        .or_else(|| eth::filters(node, method, parameters))
        .or_else(|| debug::call(node, method, parameters))
        .or_else(|| dev::call(node, method, parameters))
        .unwrap_or_else(|| Err(RpcError::method(method)))
}
