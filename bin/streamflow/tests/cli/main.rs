//! The built program as people and scripts meet it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chain;
mod compatibility;
mod deploy;
mod doctor;
mod fake_node;
mod pages;
mod program;
mod questions;
mod roles;
mod settings;
mod usage;
