//! What nodes of the existing network put on the wire, byte for byte. The files under
//! `tests/vectors` were made by running such a node; a difference is our error.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod vectors {
    pub(crate) mod capabilities;
    pub(crate) mod identity;
    pub(crate) mod json;
    pub(crate) mod messages;
    pub(crate) mod segments;
    pub(crate) mod storage;
}
