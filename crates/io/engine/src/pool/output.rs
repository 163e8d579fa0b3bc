//! Puts together what a worker says about one job. Workers handle foreign video, so their word
//! is checked as far as it can be: every profile has exactly one rendition, a whole container
//! within its size, and the pixels claimed are those its headers count.

use std::time::Duration;

use bytes::Bytes;
use streamflow_media::inspect::{InspectError, VideoCodec, inspect};
use streamflow_types::{Codec, MAX_SEGMENT_BYTES, Pixels, Rendition, VideoMode};

use crate::protocol::{FromWorker, SealedMemory};
use crate::transcoder::{Job, Outcome};

/// The largest picture any encoder here makes, in either direction.
const MAX_PICTURE_PIXELS: u64 = 8192 * 8192;

/// Encoded pictures for one decoded, beyond which the worker itself gives up.
const MAX_FRAME_RATIO: u64 = 25;

/// A rendition may be this many times what its bitrate asks for: short segments hold little more
/// than a key frame, and encoders overshoot on hard pictures.
const MAX_BITRATE_RATIO: u64 = 8;

/// Room for a key frame, tables and sound, whatever the bitrate.
const RENDITION_BASE_BYTES: u64 = 16 << 20;

/// Largest signature taken: 300 s at 60 pictures a second need under 2 MB.
const MAX_SIGNATURE_BYTES: usize = 4 << 20;

/// What a worker said that cannot be. It is replaced.
#[derive(Debug, thiserror::Error)]
pub(super) enum OutputError {
    #[error("a rendition for profile {0}, which was not asked for or came before")]
    Index(u32),
    #[error("the count of decoded pictures came twice")]
    DecodedTwice,
    #[error("done without {0}")]
    Missing(&'static str),
    #[error("{pixels} encoded pixels of profile {index} from {decoded} pictures")]
    Pixels {
        index: usize,
        decoded: u64,
        pixels: u64,
    },
    #[error("profile {index}: {pixels} pixels claimed where {counted} are")]
    Claim {
        index: usize,
        pixels: u64,
        counted: u64,
    },
    #[error("profile {index}: {problem}")]
    Container { index: usize, problem: InspectError },
    #[error("{0}")]
    Memory(#[from] crate::protocol::MemoryError),
}

/// A job's result while it arrives.
#[derive(Debug)]
pub(super) struct Output {
    decoded: Option<(u64, u64)>,
    renditions: Vec<Option<Rendition>>,
    limits: Vec<usize>,
    signatures: bool,
    encodes: bool,
    had_pictures: bool,
}

impl Output {
    /// For this job, nothing yet. A session that had pictures may bring a segment without.
    pub(super) fn new(job: &Job, had_pictures: bool) -> Self {
        let source = job.source.len() as u64;
        Self {
            decoded: None,
            renditions: job.work.profiles.iter().map(|_| None).collect(),
            limits: job
                .work
                .profiles
                .iter()
                .map(|profile| rendition_limit(profile.bitrate, job.duration, source))
                .collect(),
            signatures: job.work.signature,
            encodes: job.work.video == VideoMode::Encode,
            had_pictures,
        }
    }

    /// Most bytes the memory beside this message may have.
    pub(super) fn memory_limit(&self, message: &FromWorker) -> usize {
        match message {
            FromWorker::Rendition { index, .. } => {
                self.limits.get(*index as usize).copied().unwrap_or(0)
            }
            _ => MAX_SIGNATURE_BYTES,
        }
    }

    /// The decoder's counts.
    pub(super) fn decoded(&mut self, frames: u64, pixels: u64) -> Result<(), OutputError> {
        if self.decoded.replace((frames, pixels)).is_some() {
            return Err(OutputError::DecodedTwice);
        }
        Ok(())
    }

    /// One output.
    pub(super) fn rendition(
        &mut self,
        index: u32,
        pixels: u64,
        bytes: Bytes,
    ) -> Result<(), OutputError> {
        let slot = self.renditions.get_mut(index as usize);
        let Some(slot @ None) = slot else {
            return Err(OutputError::Index(index));
        };
        *slot = Some(Rendition {
            bytes,
            pixels: Pixels(pixels),
            signature: None,
        });
        Ok(())
    }

    /// The signature of an output that came before.
    pub(super) fn signature(&mut self, index: u32, bytes: Bytes) -> Result<(), OutputError> {
        match self.renditions.get_mut(index as usize) {
            Some(Some(rendition)) if self.signatures && rendition.signature.is_none() => {
                rendition.signature = Some(bytes);
                Ok(())
            }
            _ => Err(OutputError::Index(index)),
        }
    }

    /// The whole result, if it is one. Looks at every byte of the renditions.
    pub(super) async fn finish(self) -> Result<Outcome, OutputError> {
        match tokio::task::spawn_blocking(move || self.judge()).await {
            Ok(judged) => judged,
            Err(error) if error.is_panic() => Err(OutputError::Missing("a readable rendition")),
            // Only the end of the runtime stops it.
            Err(_) => Err(OutputError::Missing("time to look at the renditions")),
        }
    }

    fn judge(self) -> Result<Outcome, OutputError> {
        let missing = OutputError::Missing;
        let (frames, pixels) = self
            .decoded
            .ok_or(missing("the count of decoded pictures"))?;
        if pixels > frames.saturating_mul(MAX_PICTURE_PIXELS) {
            return Err(missing("a possible count of decoded pixels"));
        }
        let encodes = self.encodes && !(self.had_pictures && frames == 0);
        let mut renditions = Vec::with_capacity(self.renditions.len());
        let most = frames.saturating_mul(MAX_FRAME_RATIO).max(MAX_FRAME_RATIO);
        for (index, slot) in self.renditions.into_iter().enumerate() {
            let rendition = slot.ok_or(missing("a rendition"))?;
            let claimed = rendition.pixels.0;
            if claimed > most.saturating_mul(MAX_PICTURE_PIXELS) || (encodes && claimed == 0) {
                return Err(OutputError::Pixels {
                    index,
                    decoded: frames,
                    pixels: claimed,
                });
            }
            let counted = counted(&rendition.bytes)
                .map_err(|problem| OutputError::Container { index, problem })?;
            if let Some(counted) = counted.filter(|counted| self.encodes && *counted != claimed) {
                return Err(OutputError::Claim {
                    index,
                    pixels: claimed,
                    counted,
                });
            }
            renditions.push(rendition);
        }
        Ok(Outcome {
            decoded_frames: frames,
            decoded_pixels: Pixels(pixels),
            renditions,
            took: Duration::ZERO,
        })
    }
}

/// Reads a memory file away from the threads that serve sockets.
pub(super) async fn read(memory: SealedMemory, limit: usize) -> Result<Bytes, OutputError> {
    let reading = tokio::task::spawn_blocking(move || memory.read(limit));
    match reading.await {
        Ok(read) => Ok(read?),
        // Only the end of the runtime stops it.
        Err(_) => Err(OutputError::Missing("time to read a memory file")),
    }
}

/// Pixels of an H.264 rendition by its headers; `None` where they cannot tell: other codecs, sizes
/// that change, no video.
fn counted(rendition: &[u8]) -> Result<Option<u64>, InspectError> {
    let info = inspect(rendition)?;
    Ok(info.video.as_ref().and_then(|video| {
        let tells = video.codec == VideoCodec::Known(Codec::H264)
            && video.has_picture()
            && !video.size_changes();
        let pixels = Pixels::of_frames(video.width, video.height, video.frame_count())?;
        tells.then_some(pixels.0)
    }))
}

/// What a rendition of this bitrate may weigh. Without a bitrate, and for copied video, the
/// limit is that of the network.
fn rendition_limit(bitrate: u32, duration: Duration, source: u64) -> usize {
    let network = MAX_SEGMENT_BYTES as u64;
    if bitrate == 0 {
        return MAX_SEGMENT_BYTES;
    }
    let seconds = duration.as_secs().saturating_add(1);
    let asked = u64::from(bitrate / 8).saturating_mul(seconds);
    let limit = asked
        .saturating_mul(MAX_BITRATE_RATIO)
        .saturating_add(RENDITION_BASE_BYTES)
        .saturating_add(source.saturating_mul(2))
        .min(network);
    usize::try_from(limit).unwrap_or(MAX_SEGMENT_BYTES)
}

#[cfg(test)]
mod tests {
    use streamflow_types::{ManifestId, Profile, SegmentNumber, SessionId, Work};
    use tokio::time::Instant;

    use super::*;
    use crate::card::{Card, Scene};
    use streamflow_media::mpegts::mux::{AccessUnit, Audio, Muxer};
    use streamflow_media::mpegts::{Ticks, stream_type};

    fn output(signature: bool) -> Output {
        output_of(signature, false)
    }

    fn output_of(signature: bool, had_pictures: bool) -> Output {
        let mut work = Work::new(vec![Profile::preset("P240p30fps16x9").unwrap(); 2]);
        work.signature = signature;
        let job = Job {
            session: SessionId::from_random([0; 4]),
            manifest: ManifestId::new("m").unwrap(),
            number: SegmentNumber(0),
            duration: Duration::from_secs(2),
            source: Bytes::from_static(b"source"),
            work,
            deadline: Instant::now(),
        };
        Output::new(&job, had_pictures)
    }

    /// Three pictures of 20×10.
    fn bytes() -> Bytes {
        let rate = (std::num::NonZeroU32::MIN, std::num::NonZeroU32::MIN);
        let card = Card::new(20, 10, Scene::Black).unwrap();
        card.segment(Ticks::ZERO, rate, 3)
    }

    fn sound() -> Bytes {
        let units: Vec<AccessUnit> = (0..20)
            .map(|number| AccessUnit {
                pts: Ticks(number * 1920),
                dts: Ticks(number * 1920),
                key: true,
                data: Bytes::from_static(&[0xff, 0xf1, 0x4c, 0x80, 1, 0x3f, 0xfc, 0x21, 0x10, 5]),
            })
            .collect();
        let sound = Audio {
            stream_type: stream_type::AAC_ADTS,
            units: &units,
            frame: None,
        };
        Muxer::new().segment(None, Some(sound), false)
    }

    #[tokio::test]
    async fn a_whole_result_is_taken() {
        let mut output = output(true);
        output.decoded(60, 60 * 921_600).unwrap();
        output.rendition(1, 600, bytes()).unwrap();
        output.rendition(0, 600, bytes()).unwrap();
        output.signature(0, bytes()).unwrap();
        let outcome = output.finish().await.unwrap();
        assert_eq!(outcome.renditions[0].pixels, Pixels(600));
        assert!(outcome.renditions[0].signature.is_some());
        assert!(outcome.renditions[1].signature.is_none());
    }

    #[test]
    fn what_was_not_asked_for_or_came_twice_is_refused() {
        let mut output = output(false);
        assert!(output.rendition(2, 1, bytes()).is_err());
        output.rendition(0, 1, bytes()).unwrap();
        assert!(output.rendition(0, 1, bytes()).is_err());
        assert!(output.signature(0, bytes()).is_err());
        output.decoded(1, 1).unwrap();
        assert!(output.decoded(1, 1).is_err());
    }

    #[tokio::test]
    async fn counts_that_cannot_be_and_files_that_are_none_are_refused() {
        for pixels in [0, 599, 601, 26 * MAX_PICTURE_PIXELS, u64::MAX] {
            let mut output = output(false);
            output.decoded(1, 921_600).unwrap();
            output.rendition(0, 600, bytes()).unwrap();
            output.rendition(1, pixels, bytes()).unwrap();
            assert!(output.finish().await.is_err(), "{pixels}");
        }
        for bytes in [Bytes::new(), Bytes::from_static(b"no video at all")] {
            let mut output = output(false);
            output.decoded(1, 921_600).unwrap();
            output.rendition(0, 600, bytes.clone()).unwrap();
            output.rendition(1, 600, bytes).unwrap();
            assert!(output.finish().await.is_err());
        }
        let mut output = output(false);
        output.decoded(1, u64::MAX).unwrap();
        assert!(output.finish().await.is_err());
    }

    #[tokio::test]
    async fn sound_alone_is_taken_once_a_session_had_pictures() {
        for (had_pictures, frames, taken) in [(false, 0, false), (true, 0, true), (true, 1, false)]
        {
            let mut output = output_of(false, had_pictures);
            output.decoded(frames, frames * 921_600).unwrap();
            output.rendition(0, 0, sound()).unwrap();
            output.rendition(1, 0, sound()).unwrap();
            assert_eq!(
                output.finish().await.is_ok(),
                taken,
                "{had_pictures} {frames}"
            );
        }
    }

    #[test]
    fn the_size_of_a_rendition_is_bounded_by_what_was_asked() {
        let limit = rendition_limit(1_000_000, Duration::from_secs(2), 10);
        assert!((16 << 20..20 << 20).contains(&limit), "{limit}");
        assert_eq!(
            rendition_limit(u32::MAX, Duration::from_secs(300), 10),
            MAX_SEGMENT_BYTES
        );
        assert_eq!(rendition_limit(0, Duration::ZERO, 10), MAX_SEGMENT_BYTES);
    }
}
