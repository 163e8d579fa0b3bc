//! Doors for viewers: HLS and the player page.
//!
//! [`Library`] holds the streams: it decides which segment stands where in which playlist and keeps
//! all variants of a stream in step. [`router`] serves them, with the player page on top. Neither
//! knows who made the renditions, or how.

mod facts;
mod library;
mod name;
mod router;

pub use facts::Facts;
pub use library::{
    DeliveryPath, Library, LibraryOptions, OpenError, OpenedStream, Place, PublishError, Published,
    RenditionToPublish, StreamView, VariantView,
};
pub use router::{RouterOptions, router};
