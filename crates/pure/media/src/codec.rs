//! Headers of coded video and audio: enough to describe a stream, never to decode it.
//!
//! Readers here take foreign bytes. They answer with an error or `None` and allocate no more than
//! the header they read.

pub mod aac;
pub(crate) mod bits;
pub mod h264;
pub mod hevc;
pub mod mpeg_audio;
pub mod nal;
pub mod picture;
pub mod scan;

/// Why a header says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// It ends too early.
    #[error("{0} ends too early")]
    Truncated(&'static str),
    /// A field has a value the standard does not know.
    #[error("{field} cannot be {value}")]
    Field {
        /// The field, by the standard's name.
        field: &'static str,
        /// What it holds.
        value: u64,
    },
}

impl HeaderError {
    fn field(field: &'static str, value: impl Into<u64>) -> Self {
        Self::Field {
            field,
            value: value.into(),
        }
    }
}
