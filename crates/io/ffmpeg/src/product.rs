//! What a job gives back, and the clocks its times are read from.

use std::time::Duration;

use streamflow_types::{Pixels, Rendition};

/// What a job gives back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Pictures the decoder gave.
    pub decoded_frames: u64,
    /// Width × height summed over them.
    pub decoded_pixels: Pixels,
    /// Of the pictures, those a graphics card decoded.
    pub frames_on_card: u64,
    /// Bytes of its memory nobody used while all of the job was open.
    pub card_free_bytes: Option<u64>,
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

/// CPU time of the calling thread, user and system.
pub(crate) fn thread_cpu() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// CPU time of the process, user and system.
pub(crate) fn process_cpu() -> Duration {
    clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn clock(id: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: one struct to write to; both clocks exist on every Linux.
    unsafe { libc::clock_gettime(id, &mut time) };
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// Runs something and adds the thread's CPU time to a stage.
pub(crate) fn timed<T>(stage: &mut Duration, run: impl FnOnce() -> T) -> T {
    let from = thread_cpu();
    let result = run();
    *stage += thread_cpu().saturating_sub(from);
    result
}
