//! Errors as JSON-RPC knows them.

use serde_json::{Value, json};

use crate::chain::{CallError, RewindError, SendError};

/// An error on its way to the caller.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RpcError {
    code: i64,
    message: String,
    data: Option<Value>,
}

impl RpcError {
    fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }

    pub(crate) fn parse() -> Self {
        Self::new(-32700, "parse error: the body is not JSON")
    }

    pub(crate) fn request(reason: &str) -> Self {
        Self::new(-32600, format!("invalid request: {reason}"))
    }

    pub(crate) fn method(method: &str) -> Self {
        Self::new(
            -32601,
            format!("the method {method} does not exist/is not available"),
        )
    }

    pub(crate) fn parameter(place: usize, name: &str, reason: &str) -> Self {
        Self::new(
            -32602,
            format!("invalid argument {place} ({name}): {reason}"),
        )
    }

    pub(crate) fn server(message: impl Into<String>) -> Self {
        Self::new(-32000, message)
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self::new(-32005, message)
    }

    pub(crate) fn json(&self) -> Value {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(data) = &self.data {
            error["data"] = data.clone();
        }
        error
    }
}

impl From<CallError> for RpcError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Revert(revert) => Self {
                code: 3,
                message: revert.to_string(),
                data: Some(json!(revert.data)),
            },
            other => Self::server(other.to_string()),
        }
    }
}

impl From<SendError> for RpcError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Call(error) => error.into(),
            other => Self::server(other.to_string()),
        }
    }
}

impl From<RewindError> for RpcError {
    fn from(error: RewindError) -> Self {
        Self::server(error.to_string())
    }
}
