//! `multipart/mixed` bodies: written byte for byte as the network's nodes write them, and read
//! within bounds.

mod reader;
mod writer;

pub use reader::{Part, ReadError, Reader, ReaderLimits, boundary_of};
pub use writer::{Multipart, Writer};
