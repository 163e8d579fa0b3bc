//! gRPC and HTTP between nodes: one TLS port on the serving side, four kinds of clients on the
//! other, and the bodies that travel between them.
//!
//! What the messages mean is no concern of this crate; it carries bytes and keeps every wait,
//! buffer and connection within a limit.

pub mod body;
pub mod client;
pub mod multipart;
pub mod server;
pub mod tls;

pub use client::{Channel, Clients, Reach};
pub use server::{ServerLimits, one_port, serve};
pub use tls::{Identity, PeerPolicy};
