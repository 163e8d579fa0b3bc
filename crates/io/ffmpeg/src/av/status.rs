//! The library's answers as results, and its silence.

use std::os::raw::c_int;
use std::sync::Once;

use ffmpeg_sys_next as ffi;
use streamflow_types::TranscodeFailure;

/// A negative answer of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) c_int);

/// The answer, or why there is none.
pub(crate) fn check(code: c_int) -> Result<c_int, Refusal> {
    if code < 0 {
        Err(Refusal(code))
    } else {
        Ok(code)
    }
}

impl Refusal {
    /// Out of memory.
    pub(crate) const NO_MEMORY: Self = Self(-libc::ENOMEM);

    /// More input is needed, or output must be taken first.
    pub(crate) fn is_again(self) -> bool {
        self.0 == -libc::EAGAIN
    }

    /// There was no memory. Whatever else went wrong then is no fault of the input.
    pub(crate) fn is_memory(self) -> bool {
        self == Self::NO_MEMORY
    }

    /// Something outside the library failed: a driver, for codecs on a card.
    pub(crate) fn is_external(self) -> bool {
        self.0 == ffi::AVERROR_EXTERNAL || self.0 == ffi::AVERROR_UNKNOWN
    }

    /// Nothing more will come.
    pub(crate) fn is_end(self) -> bool {
        self.0 == ffi::AVERROR_EOF
    }
}

impl From<Refusal> for TranscodeFailure {
    fn from(refusal: Refusal) -> Self {
        match refusal.0 {
            ffi::AVERROR_DECODER_NOT_FOUND => Self::DecoderNotFound,
            ffi::AVERROR_DEMUXER_NOT_FOUND => Self::DemuxerNotFound,
            ffi::AVERROR_ENCODER_NOT_FOUND => Self::EncoderNotFound,
            ffi::AVERROR_MUXER_NOT_FOUND => Self::MuxerNotFound,
            ffi::AVERROR_OPTION_NOT_FOUND => Self::OptionNotFound,
            ffi::AVERROR_INVALIDDATA => Self::InvalidInput,
            ffi::AVERROR_BUG | ffi::AVERROR_BUG2 => Self::Unrecoverable,
            _ if refusal.is_memory() => Self::Unrecoverable,
            code if code == -libc::EINVAL => Self::InvalidArgument,
            code => Self::Other(describe(code)),
        }
    }
}

/// The library's own words for an answer.
fn describe(code: c_int) -> String {
    let mut text = [0u8; 128];
    // SAFETY: the buffer is writable and its length is passed; the text is always terminated.
    unsafe { ffi::av_strerror(code, text.as_mut_ptr().cast(), text.len()) };
    let end = text
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(text.len());
    String::from_utf8_lossy(&text[..end]).into_owned()
}

/// Stops the library from writing to the standard streams, which carry the worker's frames.
pub(crate) fn quiet() {
    static ONCE: Once = Once::new();
    // SAFETY: sets one integer inside the library.
    ONCE.call_once(|| unsafe { ffi::av_log_set_level(ffi::AV_LOG_QUIET) });
}
