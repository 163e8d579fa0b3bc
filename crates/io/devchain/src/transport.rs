//! The chain as a transport of alloy, so that its clients need no socket.

use std::task::{Context, Poll};

use alloy_json_rpc::{RequestPacket, ResponsePacket};
use alloy_transport::{TransportError, TransportErrorKind, TransportFut};
use tower::Service;

use crate::node::Node;

/// A chain in this process behind alloy's clients.
#[derive(Clone)]
pub struct InProcess(Node);

impl InProcess {
    /// A transport to this chain.
    pub const fn new(node: Node) -> Self {
        Self(node)
    }

    fn answer(&self, request: &RequestPacket) -> Result<ResponsePacket, TransportError> {
        let body = serde_json::to_vec(request).map_err(TransportError::ser_err)?;
        let answer = self.0.answer(&body);
        let answer = answer.ok_or_else(TransportErrorKind::backend_gone)?;
        let text = answer.to_string();
        serde_json::from_str(&text).map_err(|error| TransportError::deser_err(error, text))
    }
}

impl Service<RequestPacket> for InProcess {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RequestPacket) -> Self::Future {
        let answer = self.answer(&request);
        Box::pin(async move { answer })
    }
}
