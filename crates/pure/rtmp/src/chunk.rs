//! Chunks: how messages are cut up and interleaved on one connection.
//!
//! Every chunk stream has its own buffer, so messages may interleave in any order. Bounds: a
//! message of each kind has its largest size, and unfinished messages together stay under
//! [`MAX_UNFINISHED_BYTES`] over at most [`MAX_CHUNK_STREAMS`] chunk streams. Until frames are
//! expected both are those of commands.

mod reader;
mod writer;

pub use reader::ChunkReader;
pub use writer::ChunkWriter;

/// Largest video message: all that the length field can say.
pub const MAX_VIDEO_BYTES: usize = 0xff_ffff;

/// Largest audio message. A second of uncompressed sound is a fifth of it.
pub const MAX_AUDIO_BYTES: usize = 1024 * 1024;

/// Largest command or data message. Metadata with an index of an hour stays below.
pub const MAX_COMMAND_BYTES: usize = 256 * 1024;

/// Largest protocol control message; the longest defined one has 14 bytes.
pub const MAX_CONTROL_BYTES: usize = 64;

/// Bytes of all unfinished messages of a connection.
pub const MAX_UNFINISHED_BYTES: usize = 24 * 1024 * 1024;

/// The same until somebody publishes: strangers send commands only.
pub const MAX_UNFINISHED_COMMAND_BYTES: usize = 2 * MAX_COMMAND_BYTES;

/// Chunk streams of a connection. Publishers use up to six.
pub const MAX_CHUNK_STREAMS: usize = 64;

/// Chunk size of either direction until changed.
pub const FIRST_CHUNK_SIZE: usize = 128;

/// Why the bytes are not a chunk stream that is carried. The connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// A chunk relies on a header that never came.
    #[error("chunk stream {0} starts without a full header")]
    NoHeader(u32),
    /// A message longer than its kind may be.
    #[error("a message of type {kind} has {length} bytes, the most is {limit}")]
    TooLong {
        /// Type number.
        kind: u8,
        /// Its length.
        length: usize,
        /// The bound.
        limit: usize,
    },
    /// Too much begun and not finished.
    #[error("unfinished messages exceed {0} bytes")]
    Unfinished(usize),
    /// Too many chunk streams.
    #[error("more than {MAX_CHUNK_STREAMS} chunk streams")]
    TooManyStreams,
    /// A chunk size of zero or beyond 31 bits.
    #[error("chunk size {0} is out of range")]
    Size(u32),
}
