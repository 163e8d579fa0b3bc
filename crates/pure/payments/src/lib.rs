//! Probabilistic micropayments: lottery tickets, their hashes, and whether they win.
//!
//! The same formulas stand in the contracts; vectors and a differential test hold the two together.

pub mod earnings;
pub mod inflation;
mod ticket;

pub use ticket::{CreationRound, Ticket, WinProb};
