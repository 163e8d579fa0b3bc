//! One target per decoder of foreign bytes, with its corpus as tests.

pub mod engine;
pub mod media;
pub mod mutate;
pub mod payments;
pub mod rtmp;
pub mod targets;
pub mod wire;
