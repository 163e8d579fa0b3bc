//! The push door over real sockets: the answers of the network to the byte, and clients that
//! leave, hurry and repeat themselves.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod clients;
mod server;
mod vectors;
