//! A served port as clients of every kind meet it, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod drain;
mod early_answer;
mod echo;
mod grpc;
mod limits;
mod node;
mod protocols;
mod raw;
