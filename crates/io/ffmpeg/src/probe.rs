//! What the libraries on this machine can do, tried and not only asked.

use std::ffi::CStr;

use ffmpeg_sys_next as ffi;
use streamflow_types::{Container, FrameRate, Profile, TranscodeFailure, Work};

use crate::av::{self, Dictionary, Encoder, FramePool, Looks, Output, VideoShape, rational};
use crate::{Control, Settings, decode_check, transcode, zimg};

/// Encoders the project knows how to use.
const ENCODERS: [&str; 6] = [
    "libx264",
    "libx265",
    "h264_nvenc",
    "hevc_nvenc",
    "libvpx-vp9",
    "aac",
];

/// Decoders that inputs may need.
const DECODERS: [&str; 7] = ["h264", "hevc", "vp8", "vp9", "libdav1d", "aac", "mp3"];

/// What the libraries on this machine can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// FFmpeg's version text.
    pub ffmpeg: String,
    /// libavcodec as major, minor, micro.
    pub avcodec: (u32, u32, u32),
    /// x264's version number, as its stream headers name it.
    pub x264: Option<u32>,
    /// zimg as major, minor, micro.
    pub zimg: (u32, u32, u32),
    /// Encoders built in, by FFmpeg's names. Whether a device stands behind one is another matter.
    pub encoders: Vec<String>,
    /// Decoders built in, by FFmpeg's names.
    pub decoders: Vec<String>,
}

/// Why this machine cannot transcode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The library lacks something every job needs; install an FFmpeg that has it.
    #[error("FFmpeg here has no {0}; install a build that has it")]
    Missing(&'static str),
    /// A clip made here could not be transcoded.
    #[error("a test clip could not be transcoded: {0}")]
    Failed(#[from] TranscodeFailure),
    /// A clip made here came out with other pixel counts than went in.
    #[error("a test clip of {expected} pixels came out as {found}")]
    WrongPixels {
        /// Pixels the job says it encoded.
        expected: u64,
        /// Pixels its output decodes to.
        found: u64,
    },
}

/// Asks the libraries what they can do and transcodes a clip made in memory.
pub fn probe() -> Result<Probe, ProbeError> {
    av::quiet();
    for demuxer in [c"mpegts", c"mp4"] {
        if !av::can_read(demuxer) {
            return Err(ProbeError::Missing("MPEG-TS or MP4 demuxer"));
        }
    }
    let clip = test_clip()?;
    try_clip(&clip)?;
    // SAFETY: pure functions and static text.
    let (ffmpeg, avcodec) = unsafe {
        let text = CStr::from_ptr(ffi::av_version_info()).to_string_lossy();
        (text.into_owned(), ffi::avcodec_version())
    };
    Ok(Probe {
        ffmpeg,
        avcodec: (avcodec >> 16, avcodec >> 8 & 0xff, avcodec & 0xff),
        x264: x264_version(&clip),
        zimg: zimg::version(),
        encoders: known(&ENCODERS, |name| av::find_encoder(name).is_some()),
        decoders: known(&DECODERS, av::has_decoder),
    })
}

fn known(names: &[&str], is_there: impl Fn(&str) -> bool) -> Vec<String> {
    names
        .iter()
        .filter(|name| is_there(name))
        .map(|name| (*name).to_owned())
        .collect()
}

/// Transcodes the clip and compares what was counted with what can be decoded.
fn try_clip(clip: &[u8]) -> Result<(), ProbeError> {
    let mut small = Profile::new("small", 160, 90, 100_000, FrameRate::SOURCE);
    small.container = Some(Container::MpegTs);
    let mut halved = Profile::new("halved", 192, 108, 100_000, FrameRate::whole(15));
    halved.container = Some(Container::Mp4);
    let work = Work::new(vec![small, halved]);
    let product = transcode(clip, &work, &Settings::default(), &Control::new(1))?;
    for rendition in &product.renditions {
        let found = decode_check(&rendition.bytes)?.pixels.0;
        if found != rendition.pixels.0 || found == 0 {
            return Err(ProbeError::WrongPixels {
                expected: rendition.pixels.0,
                found,
            });
        }
    }
    Ok(())
}

/// Pictures of the test clip: enough for B-frames and a drop of every second one.
const CLIP_FRAMES: i64 = 12;

/// A few pictures of moving stripes, as MPEG-TS.
pub(crate) fn test_clip() -> Result<Vec<u8>, ProbeError> {
    let tick = rational(1, 30);
    let pool = FramePool::new(320, 180).map_err(TranscodeFailure::from)?;
    let first = pool.take().map_err(TranscodeFailure::from)?;
    let shape = VideoShape {
        width: 320,
        height: 180,
        looks: Looks::of(&first),
        tick,
        bitrate: 400_000,
        holds_quality: false,
        gop: None,
        b_frames: 2,
        threads: 1,
        headers_apart: false,
        frames: None,
    };
    let mut options = Dictionary::new();
    options.set("preset", "ultrafast")?;
    let mut encoder = match Encoder::open_video("libx264", &shape, options) {
        Err(TranscodeFailure::EncoderNotFound) => return Err(ProbeError::Missing("libx264")),
        opened => opened?,
    };
    let mut output = Output::new(Container::MpegTs, 1 << 20, "")?;
    let stream = output.add_encoded(&encoder, tick)?;
    output.start(&[])?;
    for number in 0..=CLIP_FRAMES {
        if number < CLIP_FRAMES {
            let mut frame = pool.take().map_err(TranscodeFailure::from)?;
            paint(&mut frame, number);
            // From one second on, so that no time is below zero.
            frame.set_time(30 + number);
            encoder.send(Some(&frame)).map_err(TranscodeFailure::from)?;
        } else {
            encoder.send(None).map_err(TranscodeFailure::from)?;
        }
        while let Ok(mut packet) = encoder.receive() {
            output.write(stream, &mut packet, tick)?;
        }
    }
    Ok(output.finish()?)
}

fn paint(frame: &mut av::Frame, number: i64) {
    for plane in 0..3 {
        if let Some((samples, stride)) = frame.plane_mut(plane) {
            for (place, sample) in samples.iter_mut().enumerate() {
                // Each plane its own, so that none can stand for another.
                let start = 5 * number as usize + 50 * plane;
                let shifted = place % stride + place / stride + start;
                *sample = 40 + (shifted % 160) as u8;
            }
        }
    }
}

/// The number in the text x264 leaves in its streams.
fn x264_version(clip: &[u8]) -> Option<u32> {
    const MARK: &[u8] = b"x264 - core ";
    let at = clip.windows(MARK.len()).position(|window| window == MARK)?;
    let digits = clip.get(at + MARK.len()..)?;
    let text: String = digits
        .iter()
        .take(4)
        .take_while(|byte| byte.is_ascii_digit())
        .map(|b| *b as char)
        .collect();
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_can_transcode() {
        let probe = probe().unwrap();
        assert!(probe.encoders.iter().any(|name| name == "libx264"));
        assert!(probe.decoders.iter().any(|name| name == "h264"));
        assert!(probe.avcodec.0 >= 59 && probe.zimg.0 >= 3);
        assert!(probe.x264.is_some_and(|version| version > 100));
    }
}
