//! What we need of Ethereum: the protocol's contracts, an account that sends transactions, and
//! putting the whole set on a chain.
//!
//! Nothing here decides what to pay or when: roles do. Compiled contracts come with the crate, so
//! that building needs no Solidity compiler.

mod account;
mod artifacts;
pub mod contracts;
pub mod deploy;
pub mod development;
mod endpoint;
mod known;

pub use account::{Account, AccountError, Call};
pub use artifacts::{Artifact, artifact, artifacts};
pub use endpoint::{EndpointError, connect};
pub use known::{Network, known, known_chain};
