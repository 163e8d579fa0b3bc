//! Facts of a transport stream.

use streamflow_types::{Codec, Container};

use super::report::{AudioCodec, MediaInfo, TransportInfo, VideoCodec};
use super::{InspectError, audio, video};
use crate::mpegts::demux::{ElementaryStream, TransportStream};
use crate::mpegts::stream_type;

pub(super) fn inspect(bytes: &[u8]) -> Result<MediaInfo, InspectError> {
    let transport = TransportStream::parse(bytes);
    let mut info = MediaInfo {
        container: Container::MpegTs,
        bytes: bytes.len() as u64,
        video: None,
        audio: None,
        other_tracks: 0,
        transport: Some(TransportInfo {
            continuity_errors: transport.continuity_errors,
            lost_bytes: transport.lost_bytes,
            table_errors: transport.table_errors,
            tables_first: transport.tables_first,
            longest_clock_gap: transport.longest_clock_gap,
            scrambled: transport.scrambled,
        }),
    };
    for stream in &transport.streams {
        match content(stream) {
            Content::Video(codec) if info.video.is_none() => {
                info.video = Some(video::of_stream(stream, codec)?);
            }
            Content::Audio(codec) if info.audio.is_none() => {
                info.audio = Some(audio::of_stream(stream, codec));
            }
            _ => info.other_tracks += 1,
        }
    }
    Ok(info)
}

enum Content {
    Video(VideoCodec),
    Audio(AudioCodec),
    Other,
}

fn content(stream: &ElementaryStream) -> Content {
    use stream_type::{
        AAC_ADTS, AAC_LATM, AC3, EAC3, H264, H265, MPEG1_AUDIO, MPEG2_AUDIO, MPEG2_VIDEO,
        PRIVATE_PES,
    };
    match (stream.stream_type, stream.registration.as_ref()) {
        (H264, _) => Content::Video(VideoCodec::Known(Codec::H264)),
        (H265, _) => Content::Video(VideoCodec::Known(Codec::H265)),
        (MPEG2_VIDEO, _) => Content::Video(VideoCodec::Mpeg2),
        (AAC_ADTS | AAC_LATM, _) => Content::Audio(AudioCodec::Aac),
        (MPEG1_AUDIO | MPEG2_AUDIO, _) => Content::Audio(AudioCodec::MpegAudio),
        (AC3, _) => Content::Audio(AudioCodec::Ac3),
        (EAC3, _) => Content::Audio(AudioCodec::Eac3),
        (PRIVATE_PES, Some(b"HEVC")) => Content::Video(VideoCodec::Known(Codec::H265)),
        (PRIVATE_PES, Some(b"AV01")) => Content::Video(VideoCodec::Av1),
        (PRIVATE_PES, Some(b"AC-3")) => Content::Audio(AudioCodec::Ac3),
        (PRIVATE_PES, Some(b"EAC3")) => Content::Audio(AudioCodec::Eac3),
        (PRIVATE_PES, Some(b"Opus")) => Content::Audio(AudioCodec::Opus),
        (other, _) if stream_type::is_video(other) => Content::Video(VideoCodec::Other),
        _ => Content::Other,
    }
}
