//! Traces of calls.

use alloy_primitives::U64;
use serde_json::{Value, json};

use super::parameters::Parameters;
use super::{RpcError, view};
use crate::chain::Frame;
use crate::node::Node;

/// Debugging. `None` where the method is of another group.
pub(super) fn call(
    node: &Node,
    method: &str,
    parameters: &Parameters,
) -> Option<Result<Value, RpcError>> {
    (method == "debug_traceCall").then(|| trace(node, parameters))
}

fn trace(node: &Node, parameters: &Parameters) -> Result<Value, RpcError> {
    if let Some(options) = parameters.raw(2)
        && let Some(tracer) = options.get("tracer").filter(|tracer| !tracer.is_null())
        && tracer.as_str() != Some("callTracer")
    {
        let reason = format!("{tracer} is not offered, only \"callTracer\" is");
        return Err(RpcError::parameter(2, "tracer", &reason));
    }
    let transaction = parameters.transaction(0)?;
    let at = parameters.block(1)?;
    let now = node.unix();
    let traced = node.with(|chain| chain.trace(&transaction.call, at, now))?;
    Ok(frame(&traced))
}

fn frame(traced: &Frame) -> Value {
    let mut value = json!({
        "type": traced.kind,
        "from": traced.from,
        "gas": U64::from(traced.gas),
        "gasUsed": U64::from(traced.gas_used),
        "input": traced.input,
        "output": traced.output,
    });
    if let Some(to) = traced.to {
        value["to"] = json!(to);
    }
    if let Some(sent) = traced.value {
        value["value"] = view::quantity(sent);
    }
    if let Some(error) = &traced.error {
        value["error"] = json!(error);
    }
    if !traced.calls.is_empty() {
        value["calls"] = traced.calls.iter().map(frame).collect();
    }
    value
}
