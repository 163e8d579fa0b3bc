//! The generated messages and services of package `net`.

use prost::Message;

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::use_self,
    clippy::unwrap_used,
    clippy::doc_markdown,
    reason = "generated"
)]
mod generated {
    tonic::include_proto!("net");
}

pub use generated::*;

/// Bytes that are no message of the expected kind. Peers answer these with the parser's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("proto: {0}")]
pub struct DecodeError(String);

/// Decodes a message.
pub fn decode_message<M: Message + Default>(bytes: &[u8]) -> Result<M, DecodeError> {
    M::decode(bytes).map_err(|error| DecodeError(error.to_string()))
}
