//! The seam between whoever needs a segment transcoded and whatever does it: the worker pool of
//! this machine, a transcoder across the network, the null transcoder of load tests.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use streamflow_types::{
    CapabilitySet, ManifestId, Pixels, Rendition, SegmentNumber, SessionId, TranscodeFailure, Work,
};
use tokio::time::Instant;

/// One segment to transcode. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Job {
    /// Segments of one session may share encoder state.
    pub session: SessionId,
    /// The stream, for logs and tagged payloads.
    pub manifest: ManifestId,
    /// Its place in the stream.
    pub number: SegmentNumber,
    /// How long the segment plays, as its sender says.
    pub duration: Duration,
    /// The source: MPEG-TS or MP4.
    pub source: Bytes,
    /// What is asked for.
    pub work: Work,
    /// When nobody waits any more. The job is cancelled then.
    pub deadline: Instant,
}

/// What came of a job.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Pictures the decoder gave.
    pub decoded_frames: u64,
    /// Width × height summed over them.
    pub decoded_pixels: Pixels,
    /// One for each profile, in the same order.
    pub renditions: Vec<Rendition>,
    /// From handing in the job to its result.
    pub took: Duration,
}

/// Something that transcodes segments. Dropping the future of [`transcode`](Self::transcode)
/// cancels the job.
#[async_trait]
pub trait Transcoder: Send + Sync + 'static {
    /// Transcodes one segment before its deadline.
    async fn transcode(&self, job: Job) -> Result<Outcome, TranscodeFailure>;
    /// Frees whatever is kept for a session; unknown ones are ignored.
    async fn end_session(&self, session: &SessionId);
    /// What it can do.
    fn capabilities(&self) -> CapabilitySet;
    /// How many sessions it carries at once; `None` while it has nothing to work with.
    fn capacity(&self) -> Option<u32>;
}
