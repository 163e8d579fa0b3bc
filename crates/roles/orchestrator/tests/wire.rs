//! What peers meet on an orchestrator's port: the recorded requests and answers of the network's
//! existing node, replayed over a real TLS socket.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod wire {
    pub(crate) mod admission;
    pub(crate) mod discovery;
    pub(crate) mod node;
    pub(crate) mod transcoders;
}
