//! One segment to its renditions.

use streamflow_types::{TranscodeFailure, Work};

use crate::{Control, Product, Settings};

/// Transcodes one segment held in memory: MPEG-TS or MP4 in, one rendition for each profile out.
pub fn transcode(
    _source: &[u8],
    _work: &Work,
    _settings: &Settings,
    control: &Control,
) -> Result<Product, TranscodeFailure> {
    control.cancel.check()?;
    Err(TranscodeFailure::InvalidInput)
}
