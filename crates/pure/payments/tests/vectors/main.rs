//! Payments as the existing network makes and takes them, byte for byte; where ours differs on
//! purpose, the test says so beside the recorded value.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admission;
mod balance;
mod fields;
mod math;
mod messages;
mod receive;
mod redemption;
mod sender;
mod tickets;
