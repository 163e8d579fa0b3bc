//! Facts of a video track from the units it is made of.

use streamflow_types::Codec;

use super::report::{FrameTime, VideoCodec, VideoInfo};
use super::{InspectError, MAX_FRAMES};
use crate::codec::nal::AnnexB;
use crate::codec::scan::Scanner;
use crate::mpegts::demux::{ElementaryStream, PesStart};

/// A track of which nothing is known but its codec.
pub(super) const fn unknown(codec: VideoCodec) -> VideoInfo {
    VideoInfo {
        codec,
        codec_string: None,
        width: 0,
        height: 0,
        largest: (0, 0),
        display_matrix: None,
        chroma: None,
        bit_depth: 0,
        profile: 0,
        level: 0,
        declared_rate: None,
        sample_aspect: None,
        frames: Vec::new(),
        bytes: 0,
        last_duration: None,
    }
}

/// Fills in what the parameter sets said.
pub(super) fn describe(video: &mut VideoInfo, scanner: &Scanner) {
    let Some(format) = scanner.format() else {
        return;
    };
    video.codec_string = Some(format.codec_string.clone());
    video.width = format.width;
    video.height = format.height;
    video.largest = scanner.largest();
    video.chroma = format.chroma;
    video.bit_depth = format.bit_depth;
    video.profile = format.profile;
    video.level = format.level;
    video.declared_rate = format.frame_rate;
    video.sample_aspect = format.sample_aspect;
}

/// The video of an elementary stream.
pub(super) fn of_stream(
    stream: &ElementaryStream,
    codec: VideoCodec,
) -> Result<VideoInfo, InspectError> {
    let mut video = unknown(codec);
    video.bytes = stream.data.len() as u64;
    match codec {
        VideoCodec::Known(known) => scan(stream, known, &mut video)?,
        // One PES packet holds one frame of the codecs not looked into.
        _ => {
            let frames = stream.packets.iter().map(|packet| FrameTime {
                pts: packet.pts,
                dts: packet.dts,
                key: packet.random_access,
                idr: packet.random_access,
            });
            video.frames = frames.take(MAX_FRAMES).collect();
        }
    }
    Ok(video)
}

fn scan(
    stream: &ElementaryStream,
    codec: Codec,
    video: &mut VideoInfo,
) -> Result<(), InspectError> {
    let Some(mut scanner) = Scanner::new(codec) else {
        return Ok(());
    };
    let mut times = StartTimes {
        packets: stream.packets.iter().peekable(),
    };
    for (offset, unit) in AnnexB::new(&stream.data) {
        let Some(frame) = scanner.push(offset, unit) else {
            continue;
        };
        if video.frames.len() >= MAX_FRAMES {
            return Err(InspectError::TooManyFrames);
        }
        let (pts, dts) = times.of_frame_at(frame.start);
        video.frames.push(FrameTime {
            pts,
            dts,
            key: frame.key,
            idr: frame.idr,
        });
    }
    describe(video, &scanner);
    Ok(())
}

/// Times of PES packets: each is that of the first frame that begins in the packet.
struct StartTimes<'a, I: Iterator<Item = &'a PesStart>> {
    packets: std::iter::Peekable<I>,
}

impl<'a, I: Iterator<Item = &'a PesStart>> StartTimes<'a, I> {
    fn of_frame_at(
        &mut self,
        start: usize,
    ) -> (Option<crate::mpegts::Ticks>, Option<crate::mpegts::Ticks>) {
        let mut found = None;
        while let Some(packet) = self.packets.next_if(|packet| packet.offset <= start) {
            found = Some(packet);
        }
        found.map_or((None, None), |packet| (packet.pts, packet.dts))
    }
}
