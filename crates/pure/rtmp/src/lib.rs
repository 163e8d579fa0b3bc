//! RTMP as state machines: [`Connection`] is the end that takes a publisher, [`Publisher`] the end
//! that is one. Bytes and time go in, actions come out; sockets, codecs and the meaning of stream
//! names are the caller's.
//!
//! Invariants: no input panics; what is kept of unfinished messages stays under the bounds named
//! in [`chunk`]; how a byte stream is split into reads changes nothing.

pub mod amf;
pub mod chunk;
pub mod connection;
mod cursor;
mod handshake;
pub mod message;
pub mod publisher;

pub use connection::{
    Action, Close, Connection, Input, Media, PublishIntent, RefusalCode, Timeouts,
};
pub use publisher::Publisher;
