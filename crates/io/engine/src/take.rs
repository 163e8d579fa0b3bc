//! Transport streams taken apart and put together again, as far as stand-in transcoders need it:
//! the pictures as units with their times, the sound as it is.

use bytes::Bytes;
use streamflow_media::mpegts::demux::{ElementaryStream, TransportStream};
use streamflow_media::mpegts::mux::{AccessUnit, Audio, Muxer, Video};
use streamflow_media::mpegts::{Ticks, stream_type};

/// Sound that can be passed on packet by packet.
const SOUND_TYPES: [u8; 5] = [
    stream_type::AAC_ADTS,
    stream_type::AAC_LATM,
    stream_type::MPEG1_AUDIO,
    stream_type::AC3,
    stream_type::EAC3,
];

/// The sound of a segment; empty where it has none, or is no transport stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sound {
    stream_type: u8,
    units: Vec<AccessUnit>,
}

impl Sound {
    /// The first sound of a transport stream.
    pub(crate) fn of(segment: &[u8]) -> Self {
        let parsed = TransportStream::parse(segment);
        let mut streams = parsed.streams.iter();
        let found = streams.find(|stream| SOUND_TYPES.contains(&stream.stream_type));
        found.map_or_else(Self::default, |stream| Self {
            stream_type: stream.stream_type,
            units: units(stream),
        })
    }
}

/// The pictures of an H.264 or HEVC transport stream, each with its key flag.
pub(crate) fn pictures(segment: &[u8]) -> Option<(u8, Vec<AccessUnit>)> {
    let parsed = TransportStream::parse(segment);
    let video = [stream_type::H264, stream_type::H265];
    let mut streams = parsed.streams.iter();
    let stream = streams.find(|stream| video.contains(&stream.stream_type))?;
    Some((stream.stream_type, units(stream)))
}

/// A segment of these pictures and this sound.
pub(crate) fn write(stream_type: u8, pictures: &[AccessUnit], sound: &Sound) -> Bytes {
    let video = Video {
        stream_type,
        units: pictures,
    };
    let audio = Audio {
        stream_type: sound.stream_type,
        units: &sound.units,
        frame: None,
    };
    Muxer::new().segment(Some(video), Some(audio), false)
}

/// A picture shown when it is decoded.
pub(crate) fn picture(time: Ticks, key: bool, data: Bytes) -> AccessUnit {
    AccessUnit {
        pts: time,
        dts: time,
        key,
        data,
    }
}

/// A unit for each packet that says its time; what follows without one belongs to it.
fn units(stream: &ElementaryStream) -> Vec<AccessUnit> {
    let mut units: Vec<(AccessUnit, Vec<u8>)> = Vec::new();
    for (index, packet) in stream.packets.iter().enumerate() {
        let payload = stream.payload(index);
        match (packet.pts, units.last_mut()) {
            (Some(pts), _) => {
                let unit = AccessUnit {
                    pts,
                    dts: packet.dts.unwrap_or(pts),
                    key: packet.random_access,
                    data: Bytes::new(),
                };
                units.push((unit, payload.to_vec()));
            }
            (None, Some((_, data))) => data.extend_from_slice(payload),
            (None, None) => {}
        }
    }
    units
        .into_iter()
        .map(|(unit, data)| AccessUnit {
            data: data.into(),
            ..unit
        })
        .collect()
}
