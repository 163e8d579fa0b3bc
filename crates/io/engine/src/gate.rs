//! What a job must be before a worker sees a byte of it: bounded in size, time, outputs and, as
//! far as its headers tell, in pictures. Reads headers only, never decodes.

use streamflow_types::{MAX_SEGMENT_BYTES, MAX_SEGMENT_DURATION, TranscodeFailure};

use crate::transcoder::Job;

/// Outputs of one job.
const MAX_OUTPUTS: usize = 10;

/// Checks a job.
pub(crate) async fn check(job: &Job) -> Result<(), TranscodeFailure> {
    if job.work.profiles.len() > MAX_OUTPUTS {
        return Err(TranscodeFailure::TooManyOutputs);
    }
    if job.source.is_empty() {
        return Err(TranscodeFailure::EmptyData);
    }
    if job.source.len() > MAX_SEGMENT_BYTES {
        return Err(TranscodeFailure::InvalidInput);
    }
    if job.duration > MAX_SEGMENT_DURATION {
        return Err(TranscodeFailure::InvalidDuration);
    }
    Ok(())
}
