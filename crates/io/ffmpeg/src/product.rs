//! What a job gives back.

use std::time::Duration;

use streamflow_types::{Pixels, Rendition};

/// What a job gives back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Pictures the decoder gave.
    pub decoded_frames: u64,
    /// Width × height summed over them.
    pub decoded_pixels: Pixels,
    /// One for each profile asked for, in that order.
    pub renditions: Vec<Rendition>,
    /// Where the time went.
    pub stages: StageTimes,
}

/// CPU time by stage, summed over threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct StageTimes {
    /// Opening the input and finding its streams.
    pub open: Duration,
    /// Demuxing and decoding.
    pub decode: Duration,
    /// Scaling, format conversion and rotation.
    pub scale: Duration,
    /// Opening, feeding and draining encoders, of video and sound, without the helper threads
    /// x264 starts for a sliced encode.
    pub encode: Duration,
    /// Muxing.
    pub mux: Duration,
    /// The whole process while the job ran: includes helper threads, and other jobs if any ran.
    pub process: Duration,
}

impl StageTimes {
    /// Adds what another thread spent; `process` is left alone.
    pub(crate) fn add(&mut self, other: &Self) {
        self.open += other.open;
        self.decode += other.decode;
        self.scale += other.scale;
        self.encode += other.encode;
        self.mux += other.mux;
    }

    /// The measured stages together.
    pub fn total(&self) -> Duration {
        self.open + self.decode + self.scale + self.encode + self.mux
    }
}
