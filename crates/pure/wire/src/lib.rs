//! Bytes on the network and the types they stand for.
//!
//! Both ends of every exchange between nodes are here as functions without effects: messages to
//! bytes, bytes to validated types or a typed error. Sockets, clocks and keys belong to the caller.
//! Nothing here panics on foreign bytes, and no decoder keeps more than a message's own size.

pub mod capability;
pub mod info;
pub mod price;
pub mod profile;
pub mod proto;
pub mod result;
pub mod segment;
pub mod signature;
pub mod storage;
pub mod token;
pub mod work;

pub use proto::{DecodeError, decode_message};
