//! Why a segment could not be transcoded, in the words peers branch on.

/// Why a segment could not be transcoded.
///
/// The texts on the wire are made from this by `streamflow-wire`; `Other` carries a peer's own
/// text through unchanged. Whether another orchestrator may be asked is
/// [`is_retryable`](Self::is_retryable).
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TranscodeFailure {
    /// The decoder gives pictures no encoder here takes.
    #[error("Unsupported input pixel format")]
    UnsupportedPixelFormat,
    /// The scaler could not be set up.
    #[error("Error initializing filtergraph")]
    FilterGraph,
    /// More than ten outputs were asked for.
    #[error("Too many outputs")]
    TooManyOutputs,
    /// No decoder for this input.
    #[error("Unsupported input codec")]
    UnsupportedCodec,
    /// Nothing a hardware decoder could start from.
    #[error("No keyframes in input")]
    NoKeyframes,
    /// The library is beyond repair; the worker is replaced.
    #[error("Unrecoverable state, restart process")]
    Unrecoverable,
    /// More than 25 encoded frames for one decoded.
    #[error("Encoded frames runaway")]
    Runaway,
    /// The library lacks this decoder.
    #[error("Decoder not found")]
    DecoderNotFound,
    /// The library lacks this demuxer.
    #[error("Demuxer not found")]
    DemuxerNotFound,
    /// The library lacks this encoder.
    #[error("Encoder not found")]
    EncoderNotFound,
    /// The library lacks this muxer.
    #[error("Muxer not found")]
    MuxerNotFound,
    /// An encoder option nobody knows.
    #[error("Option not found")]
    OptionNotFound,
    /// The library refused the input.
    #[error("Invalid argument")]
    InvalidArgument,
    /// A profile's size is not `WxH`, or out of range.
    #[error("TranscoderInvalidResolution")]
    InvalidResolution,
    /// No video to work on.
    #[error("TranscoderInvalidVideo")]
    InvalidVideo,
    /// A container nobody writes here.
    #[error("TranscoderUnrecognizedFormat")]
    UnrecognizedFormat,
    /// An encoder profile nobody writes here.
    #[error("TranscoderUnrecognizedProfile")]
    UnrecognizedProfile,
    /// A key-frame interval below zero or not a number.
    #[error("TranscoderInvalidGOP")]
    InvalidGop,
    /// One job on two devices.
    #[error("TranscoderIncompatibleDevices")]
    IncompatibleDevices,
    /// The device failed.
    #[error("TranscoderInvalidHardware")]
    InvalidHardware,
    /// The input could not be read.
    #[error("TranscoderInvalidInput")]
    InvalidInput,
    /// The clip is empty or negative.
    #[error("TranscoderInvalidClipConfig")]
    InvalidClip,
    /// Longer than 300 s.
    #[error("TranscoderInvalidDuration")]
    InvalidDuration,
    /// The picture format changed to one nobody takes.
    #[error("TranscoderInvalidPixelformat")]
    InvalidPixelFormat,
    /// The session was ended, or the worker died: ask again.
    #[error("TranscoderStopped")]
    Stopped,
    /// The queue is full: ask another, or later.
    #[error("TranscoderBusy")]
    Busy,
    /// No bytes at all.
    #[error("EmptyData")]
    EmptyData,
    /// A video signature that does not parse.
    #[error("InvalidSignData")]
    InvalidSignData,
    /// Two videos that should be equal are not.
    #[error("InvalidVideoData")]
    InvalidVideoData,
    /// A text of the other side that has no name here.
    #[error("{0}")]
    Other(String),
}

impl TranscodeFailure {
    /// Every failure with a fixed text.
    pub const ALL: &'static [Self] = &[
        Self::UnsupportedPixelFormat,
        Self::FilterGraph,
        Self::TooManyOutputs,
        Self::UnsupportedCodec,
        Self::NoKeyframes,
        Self::Unrecoverable,
        Self::Runaway,
        Self::DecoderNotFound,
        Self::DemuxerNotFound,
        Self::EncoderNotFound,
        Self::MuxerNotFound,
        Self::OptionNotFound,
        Self::InvalidArgument,
        Self::InvalidResolution,
        Self::InvalidVideo,
        Self::UnrecognizedFormat,
        Self::UnrecognizedProfile,
        Self::InvalidGop,
        Self::IncompatibleDevices,
        Self::InvalidHardware,
        Self::InvalidInput,
        Self::InvalidClip,
        Self::InvalidDuration,
        Self::InvalidPixelFormat,
        Self::Stopped,
        Self::Busy,
        Self::EmptyData,
        Self::InvalidSignData,
        Self::InvalidVideoData,
    ];

    /// The failure with this text, or `Other`.
    pub fn from_text(text: &str) -> Self {
        let text = text.trim();
        Self::ALL
            .iter()
            .find(|failure| failure.to_string() == text)
            .cloned()
            .unwrap_or_else(|| Self::Other(text.to_owned()))
    }

    /// Whether another orchestrator may do better. `false` means the segment itself is at fault.
    pub fn is_retryable(&self) -> bool {
        !matches!(
            self,
            Self::UnsupportedPixelFormat
                | Self::FilterGraph
                | Self::TooManyOutputs
                | Self::UnsupportedCodec
                | Self::NoKeyframes
                | Self::Unrecoverable
                | Self::Runaway
                | Self::DecoderNotFound
                | Self::DemuxerNotFound
                | Self::EncoderNotFound
                | Self::MuxerNotFound
                | Self::OptionNotFound
                | Self::InvalidArgument
                | Self::InvalidResolution
                | Self::InvalidVideo
                | Self::UnrecognizedFormat
                | Self::UnrecognizedProfile
                | Self::InvalidGop
                | Self::IncompatibleDevices
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_leads_back_to_its_failure() {
        for failure in TranscodeFailure::ALL {
            assert_eq!(&TranscodeFailure::from_text(&failure.to_string()), failure);
        }
        let other = TranscodeFailure::from_text("something else\n");
        assert_eq!(other, TranscodeFailure::Other("something else".into()));
        assert!(other.is_retryable());
    }
}
