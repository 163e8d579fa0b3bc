//! Why a card cannot be used, one variant for each step of finding out.

use streamflow_types::TranscodeFailure;

use crate::av::Refusal;

/// Why a card cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// FFmpeg lacks a part; install a build that has it.
    #[error("FFmpeg here is built without {0}")]
    Build(&'static str),
    /// A library of the driver is not there; install the driver, or show it to the container.
    #[error("the driver's library {name} cannot be loaded: {reason}")]
    Library {
        /// The name it is loaded by.
        name: &'static str,
        /// What the loader says.
        reason: String,
    },
    /// The driver refuses to work.
    #[error("the driver says {0}")]
    Driver(String),
    /// There is no such card.
    #[error("there is no card {index}: the driver shows {count}")]
    NoSuchDevice {
        /// The number asked for.
        index: u32,
        /// How many there are.
        count: u32,
    },
    /// The card takes no further work.
    #[error("no context can be made on the card: {0}")]
    Context(String),
    /// An encoder of the card does not open.
    #[error("{name} does not open: {reason}")]
    Encoder {
        /// FFmpeg's name of it.
        name: &'static str,
        /// Why not.
        reason: String,
    },
    /// The clip every card is tried with could not be transcoded.
    #[error("a test clip could not be transcoded on the card: {0}")]
    Failed(TranscodeFailure),
    /// The clip was decoded by the processor: the card's decoder did not take it.
    #[error("the card decoded {on_card} of {decoded} pictures of a test clip")]
    NotDecoded {
        /// Pictures its decoder gave.
        on_card: u64,
        /// Pictures in all.
        decoded: u64,
    },
    /// The clip came out as other pictures than the processor makes of it.
    #[error("plane {plane} of a test clip is {mean} of 255 away from what the processor makes")]
    WrongPicture {
        /// Which: brightness first.
        plane: usize,
        /// Mean distance of samples.
        mean: u64,
    },
    /// The clip came out with other pixel counts than went in.
    #[error("a test clip of {expected} pixels came out as {found}")]
    WrongPixels {
        /// Pixels the job says it encoded.
        expected: u64,
        /// Pixels its output decodes to.
        found: u64,
    },
}

impl CardError {
    /// A stable word for it, for metrics, JSON and the troubleshooting page.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Build(_) => "ffmpeg-part",
            Self::Library { .. } => "driver-library",
            Self::Driver(_) => "driver",
            Self::NoSuchDevice { .. } => "device",
            Self::Context(_) => "context",
            Self::Encoder { .. } => "encoder",
            Self::Failed(_) => "test-clip",
            Self::NotDecoded { .. } => "decoder",
            Self::WrongPicture { .. } => "picture",
            Self::WrongPixels { .. } => "count",
        }
    }

    pub(super) fn context(refusal: Refusal) -> Self {
        Self::Context(TranscodeFailure::from(refusal).to_string())
    }
}
