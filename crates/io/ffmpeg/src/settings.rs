//! What the operator decides about transcoding, apart from any one segment. Plain data.

use std::time::Duration;

use streamflow_types::{MAX_SEGMENT_BYTES, MAX_SEGMENT_DURATION};

/// What the operator decides about transcoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// x264's trade of time for picture; "veryfast" by default.
    pub preset: String,
    /// Further encoder options by FFmpeg's names, set last. An unknown one is refused.
    pub encoder_options: Vec<(String, String)>,
    /// Further options of the reader of inputs, by FFmpeg's names. An unknown one is refused; what
    /// bounds the reader cannot be changed.
    pub demuxer_options: Vec<(String, String)>,
    /// Further options of the writer of outputs, by FFmpeg's names, set last. An unknown one is
    /// refused.
    pub muxer_options: Vec<(String, String)>,
    /// Takes a segment of sound alone and answers with sound alone, as is right once a session has
    /// had pictures. Otherwise it is no video.
    pub sound_alone: bool,
    /// Largest input taken.
    pub max_input_bytes: usize,
    /// Longest input taken.
    pub max_input_duration: Duration,
    /// Longest side of an input picture.
    pub max_picture_side: u32,
    /// Most pixels of an input picture.
    pub max_picture_pixels: u64,
    /// Pictures a second of input, with a fifth and [`FRAME_SLACK`] on top.
    pub max_frame_rate: u32,
    /// Output bytes allowed, as a multiple of what the requested bit rate gives, with the size of
    /// the input and [`OUTPUT_SLACK`] on top.
    pub max_output_factor: u32,
}

/// Pictures allowed beyond the frame-rate bound: segments whose timestamps overlap look shorter
/// than they are.
pub const FRAME_SLACK: u64 = 600;

/// Output bytes allowed beyond the bit-rate bound: headers, and a first picture far above the
/// average.
pub const OUTPUT_SLACK: usize = 8 << 20;

impl Default for Settings {
    fn default() -> Self {
        Self {
            preset: "veryfast".to_owned(),
            encoder_options: Vec::new(),
            demuxer_options: Vec::new(),
            muxer_options: Vec::new(),
            sound_alone: false,
            max_input_bytes: MAX_SEGMENT_BYTES,
            max_input_duration: MAX_SEGMENT_DURATION,
            max_picture_side: 4096,
            max_picture_pixels: 4096 * 2304,
            max_frame_rate: 60,
            max_output_factor: 4,
        }
    }
}

impl Settings {
    /// Most pictures taken of an input that plays this long.
    pub(crate) fn frame_bound(&self, duration: Duration) -> u64 {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let at_rate = millis.saturating_mul(u64::from(self.max_frame_rate)) / 1000;
        at_rate
            .saturating_add(at_rate / 5)
            .saturating_add(FRAME_SLACK)
    }

    /// Most bytes of one output.
    pub(crate) fn output_bound(&self, bitrate: u32, duration: Duration, input: usize) -> usize {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let asked = (u64::from(bitrate) / 8).saturating_mul(millis) / 1000;
        let bound = asked.saturating_mul(u64::from(self.max_output_factor));
        usize::try_from(bound)
            .unwrap_or(usize::MAX)
            .saturating_add(input)
            .saturating_add(OUTPUT_SLACK)
            .min(MAX_SEGMENT_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_follow_duration_and_bit_rate() {
        let settings = Settings::default();
        assert_eq!(
            settings.frame_bound(Duration::from_secs(2)),
            144 + FRAME_SLACK
        );
        let bound = settings.output_bound(800_000, Duration::from_secs(2), 1000);
        assert_eq!(bound, 800_000 + 1000 + OUTPUT_SLACK);
        assert_eq!(
            settings.output_bound(u32::MAX, MAX_SEGMENT_DURATION, 0),
            MAX_SEGMENT_BYTES
        );
    }
}
