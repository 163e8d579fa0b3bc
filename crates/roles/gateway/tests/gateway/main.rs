//! A real gateway against orchestrators that do what they are told, over real sockets, with real
//! video.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api;
mod control;
mod fallback;
mod faults;
mod media;
mod media_servers;
mod network;
mod node;
mod orchestrator;
mod publish;
mod pushing;
mod webhook;
