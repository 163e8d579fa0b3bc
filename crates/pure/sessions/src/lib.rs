//! Which orchestrator gets a segment, and when another one is asked too.
//!
//! [`Pool`] decides for one stream, [`Record`] remembers for the whole gateway how orchestrators
//! did; [`select`] holds the stateless rules of the network and [`suspend`] who sits out a round of
//! discovery. Nothing here waits or knows what a segment contains: time, chance and outcomes come
//! in as arguments, what to do goes out as actions.

pub mod pool;
pub mod record;
pub mod select;
pub mod suspend;

pub use pool::{
    Action, AttemptEnd, AttemptId, Failure, GaveUp, Input, Offer, Outcome, Pool, PoolSettings,
    Purpose, Segment, SegmentKey,
};
pub use record::{Peer, PeerView, Record, Standing};
