//! Facts of an audio track.

use super::report::{AudioCodec, AudioInfo};
use crate::codec::aac::{self, AdtsHeader};
use crate::codec::mpeg_audio::FrameHeader;
use crate::mpegts::Ticks;
use crate::mpegts::demux::ElementaryStream;

/// A track of which nothing is known but its codec.
pub(super) fn unknown(codec: AudioCodec) -> AudioInfo {
    let codec_string = match codec {
        AudioCodec::Ac3 => Some("ac-3"),
        AudioCodec::Eac3 => Some("ec-3"),
        AudioCodec::Opus => Some("opus"),
        AudioCodec::Aac | AudioCodec::MpegAudio | AudioCodec::Other => None,
    };
    AudioInfo {
        codec,
        codec_string: codec_string.map(str::to_owned),
        sample_rate: 0,
        channels: 0,
        frames: 0,
        first_pts: None,
        duration: None,
        bytes: 0,
    }
}

/// The audio of an elementary stream.
pub(super) fn of_stream(stream: &ElementaryStream, codec: AudioCodec) -> AudioInfo {
    let mut audio = unknown(codec);
    audio.bytes = stream.data.len() as u64;
    audio.first_pts = stream.packets.iter().find_map(|packet| packet.pts);
    match codec {
        AudioCodec::Aac => count(&stream.data, &mut audio, adts),
        AudioCodec::MpegAudio => count(&stream.data, &mut audio, mpeg),
        // One PES packet at least holds a frame of the others.
        _ => audio.frames = stream.packets.len() as u64,
    }
    audio
}

/// What the header of a frame says.
struct Frame {
    bytes: usize,
    samples: u32,
    sample_rate: u32,
    channels: u8,
    codec_string: String,
}

/// Steps from frame to frame; looks for the next header over damage.
fn count(data: &[u8], audio: &mut AudioInfo, parse: impl Fn(&[u8]) -> Option<Frame>) {
    let mut rest = data;
    let mut samples = 0u64;
    while !rest.is_empty() {
        let Some(frame) = parse(rest) else {
            let next = memchr::memchr(0xff, rest.get(1..).unwrap_or_default());
            rest = next.and_then(|at| rest.get(at + 1..)).unwrap_or_default();
            continue;
        };
        // A frame cut short at the end is not counted.
        let Some(after) = rest.get(frame.bytes..) else {
            break;
        };
        rest = after;
        samples = samples.saturating_add(u64::from(frame.samples));
        if audio.frames == 0 {
            audio.sample_rate = frame.sample_rate;
            audio.channels = frame.channels;
            audio.codec_string = Some(frame.codec_string);
        }
        audio.frames += 1;
    }
    let samples = i64::try_from(samples).unwrap_or(i64::MAX);
    audio.duration = Ticks::from_units(samples, 1, audio.sample_rate);
}

fn adts(bytes: &[u8]) -> Option<Frame> {
    AdtsHeader::parse(bytes).map(|header| Frame {
        bytes: header.frame_bytes,
        samples: aac::FRAME_SAMPLES * u32::from(header.blocks),
        sample_rate: header.sample_rate,
        channels: header.channels,
        codec_string: aac::codec_string(header.object_type),
    })
}

fn mpeg(bytes: &[u8]) -> Option<Frame> {
    FrameHeader::parse(bytes).map(|header| Frame {
        bytes: header.frame_bytes,
        samples: header.samples,
        sample_rate: header.sample_rate,
        channels: header.channels,
        // Layers have object types 32 to 34.
        codec_string: aac::codec_string(31 + header.layer),
    })
}
