//! Doors for publishers: RTMP and HTTP push. Bytes off a socket become source segments; what is
//! done with a segment, and who may publish, is decided behind two seams, [`PublishGate`] and
//! [`PushGate`].
//!
//! Nothing that was received in order is dropped here: a publisher whose segments are not taken
//! is held back at its socket, and a segment nobody takes in time ends the stream with an error.

pub mod name;
pub mod push;
pub mod rtmp;

pub use name::StreamName;
pub use push::{
    Client, Left, PushAnswer, PushError, PushGate, PushRequest, PushedBody, PushedRendition,
};
pub use rtmp::{PublishGate, PublishHandle, PublishRequest, Refusal};
