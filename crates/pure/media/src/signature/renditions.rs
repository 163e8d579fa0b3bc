//! What is compared of two renditions besides their signatures: the very packets.

use std::collections::HashMap;

use streamflow_types::Container;

use crate::codec::aac::AdtsHeader;
use crate::inspect::{InspectError, MediaInfo, container_of, inspect};
use crate::mp4::{Mp4, TrackKind};
use crate::mpegts::demux::{ElementaryStream, TransportStream};
use crate::mpegts::stream_type;

/// Packets of sound that one rendition may have more than the other.
const MAX_SOUND_DIFFERENCE: usize = 10;

/// Packets of sound that may be without a twin; fewer than this many.
const MAX_UNMATCHED: usize = 10;

/// How two renditions differ, or why they cannot be compared. Peers know all of it as
/// `InvalidVideoData`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Difference {
    /// One of them cannot be read.
    #[error("InvalidVideoData: {0}")]
    Unreadable(#[from] InspectError),
    /// One of them has no video.
    #[error("InvalidVideoData: a rendition has no video")]
    NoVideo,
    /// Other sizes.
    #[error("InvalidVideoData: {first:?} and {second:?} pixels")]
    Size {
        /// Width and height of the first.
        first: (u32, u32),
        /// Width and height of the second.
        second: (u32, u32),
    },
    /// Other numbers of packets.
    #[error("InvalidVideoData: {first} and {second} packets of {of}")]
    Count {
        /// "video" or "sound".
        of: &'static str,
        /// Packets of the first.
        first: usize,
        /// Packets of the second.
        second: usize,
    },
    /// A picture at another time.
    #[error("InvalidVideoData: picture {0} has another time")]
    Time(usize),
    /// A picture of other bytes.
    #[error("InvalidVideoData: picture {0} has other bytes")]
    Content(usize),
    /// Too many packets of sound without a twin.
    #[error("InvalidVideoData: {0} packets of sound have no twin")]
    Sound(usize),
}

/// Whether two renditions show the same pictures bit for bit: as many, of one size, at the same
/// times, of the same bytes. So it is where one encoder with one setting made both.
pub fn compare_renditions(first: &[u8], second: &[u8]) -> Result<(), Difference> {
    let (infos, tracks) = (same_size(first, second)?, (tracks(first), tracks(second)));
    let (one, other) = (&tracks.0.pictures, &tracks.1.pictures);
    if one.len() != other.len() {
        return Err(Difference::Count {
            of: "video",
            first: one.len(),
            second: other.len(),
        });
    }
    let (infos, other_infos) = infos;
    let times = |info: &MediaInfo| -> Vec<_> {
        let frames = info.video.iter().flat_map(|video| &video.frames);
        frames.map(|frame| frame.pts).collect()
    };
    let (times, other_times) = (times(&infos), times(&other_infos));
    if let Some(at) = first_difference(&times, &other_times) {
        return Err(Difference::Time(at));
    }
    match first_difference(one, other) {
        Some(at) => Err(Difference::Content(at)),
        None => Ok(()),
    }
}

/// Whether two renditions go together though different encoders made them: one size, and the
/// same sound but for a few packets at the ends. Their pictures are compared by signature.
pub fn belong_together(first: &[u8], second: &[u8]) -> Result<(), Difference> {
    same_size(first, second)?;
    let (one, other) = (tracks(first).sound, tracks(second).sound);
    if one.len().abs_diff(other.len()) > MAX_SOUND_DIFFERENCE {
        return Err(Difference::Count {
            of: "sound",
            first: one.len(),
            second: other.len(),
        });
    }
    let (fewer, more) = if one.len() <= other.len() {
        (&one, &other)
    } else {
        (&other, &one)
    };
    let mut twins = HashMap::<&[u8], usize>::new();
    for packet in more {
        *twins.entry(packet).or_default() += 1;
    }
    let mut has_no_twin = |packet: &&Vec<u8>| match twins.get_mut(packet.as_slice()) {
        Some(left @ 1..) => {
            *left -= 1;
            false
        }
        _ => true,
    };
    let unmatched = fewer.iter().filter(&mut has_no_twin).count();
    if unmatched >= MAX_UNMATCHED {
        return Err(Difference::Sound(unmatched));
    }
    Ok(())
}

fn same_size(first: &[u8], second: &[u8]) -> Result<(MediaInfo, MediaInfo), Difference> {
    let infos = (inspect(first)?, inspect(second)?);
    let size = |info: &MediaInfo| -> Result<(u32, u32), Difference> {
        let video = info.video.as_ref().ok_or(Difference::NoVideo)?;
        Ok((video.width, video.height))
    };
    let (one, other) = (size(&infos.0)?, size(&infos.1)?);
    if one != other {
        return Err(Difference::Size {
            first: one,
            second: other,
        });
    }
    Ok(infos)
}

fn first_difference<T: PartialEq>(one: &[T], other: &[T]) -> Option<usize> {
    if one.len() != other.len() {
        return Some(one.len().min(other.len()));
    }
    one.iter().zip(other).position(|(one, other)| one != other)
}

/// The packets of a rendition, their bytes owned where they were spread over transport packets.
#[derive(Default)]
struct Packets {
    pictures: Vec<Vec<u8>>,
    sound: Vec<Vec<u8>>,
}

/// Those of the first video and the first audio track. `inspect` has read the file before.
fn tracks(bytes: &[u8]) -> Packets {
    match container_of(bytes) {
        Some(Container::Mp4) => of_mp4(bytes),
        _ => of_transport(bytes),
    }
}

fn of_mp4(bytes: &[u8]) -> Packets {
    let Ok(mp4) = Mp4::parse(bytes) else {
        return Packets::default();
    };
    let of = |kind| -> Vec<Vec<u8>> {
        let track = mp4.tracks.iter().find(|track| track.kind == kind);
        let samples = track.iter().flat_map(|track| &track.samples);
        samples
            .filter_map(|sample| sample.bytes(bytes).map(<[u8]>::to_vec))
            .collect()
    };
    Packets {
        pictures: of(TrackKind::Video),
        sound: of(TrackKind::Audio),
    }
}

fn of_transport(bytes: &[u8]) -> Packets {
    let transport = TransportStream::parse(bytes);
    let payloads = |stream: &ElementaryStream| -> Vec<Vec<u8>> {
        (0..stream.packets.len())
            .map(|index| stream.payload(index).to_vec())
            .collect()
    };
    let is_video = |stream: &&ElementaryStream| {
        stream_type::is_video(stream.stream_type) || stream.registration.is_some()
    };
    let video = transport.streams.iter().find(is_video);
    let sound = transport.streams.iter().find(|stream| !is_video(stream));
    Packets {
        pictures: video.map(payloads).unwrap_or_default(),
        sound: sound.map_or_else(Vec::new, |stream| match stream.stream_type {
            stream_type::AAC_ADTS => adts_frames(&stream.data),
            _ => payloads(stream),
        }),
    }
}

/// AAC frames, however many stand in one PES packet. What is no frame is left out.
fn adts_frames(mut data: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while !data.is_empty() {
        let length = AdtsHeader::parse(data).map(|header| header.frame_bytes);
        match length.and_then(|length| data.split_at_checked(length)) {
            Some((frame, rest)) if !frame.is_empty() => {
                frames.push(frame.to_vec());
                data = rest;
            }
            _ => data = data.get(1..).unwrap_or_default(),
        }
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mpegts::Ticks;
    use crate::mpegts::mux::{AccessUnit, Audio, Muxer, Video};

    const PARAMETER_SETS: &[u8] =
        b"\0\0\0\x01\x67\x42\xc0\x0a\xda\x3d\xa1\0\0\0\x01\x68\xce\x3c\x80";

    /// Pictures at these times, and AAC frames with these bytes in them.
    fn rendition(pictures: &[(i64, u8)], sound: &[u8]) -> Vec<u8> {
        let unit = |time, data: Vec<u8>| AccessUnit {
            pts: Ticks(time),
            dts: Ticks(time),
            key: true,
            data: data.into(),
        };
        let picture = |&(time, byte): &(i64, u8)| {
            let slice = [0, 0, 0, 1, 0x65, 0x88, 0x84, byte, 0x80];
            unit(
                time,
                [b"\0\0\0\x01\x09\xf0", PARAMETER_SETS, &slice[..]].concat(),
            )
        };
        let pictures: Vec<_> = pictures.iter().map(picture).collect();
        let frames = (0i64..).zip(sound).map(|(index, byte)| {
            let frame = [0xff, 0xf1, 0x50, 0x80, 0x01, 0x1f, 0xfc, *byte];
            unit(90_000 + index * 1_920, frame.to_vec())
        });
        let frames: Vec<_> = frames.collect();
        let video = Video {
            stream_type: stream_type::H264,
            units: &pictures,
        };
        let audio = Audio {
            stream_type: stream_type::AAC_ADTS,
            units: &frames,
            frame: Some((1024, 48_000)),
        };
        Muxer::new()
            .segment(Some(video), Some(audio), false)
            .to_vec()
    }

    #[test]
    fn the_same_pictures_are_told_from_any_other() {
        let one = rendition(&[(90_000, 1), (93_000, 2)], &[1, 2]);
        assert_eq!(compare_renditions(&one, &one), Ok(()));
        let sound = rendition(&[(90_000, 1), (93_000, 2)], &[7, 8, 9]);
        assert_eq!(compare_renditions(&one, &sound), Ok(()));
        let fewer = rendition(&[(90_000, 1)], &[1, 2]);
        let expected = Difference::Count {
            of: "video",
            first: 2,
            second: 1,
        };
        assert_eq!(compare_renditions(&one, &fewer), Err(expected));
        let moved = rendition(&[(90_000, 1), (93_001, 2)], &[1, 2]);
        assert_eq!(compare_renditions(&one, &moved), Err(Difference::Time(1)));
        let other = rendition(&[(90_000, 1), (93_000, 3)], &[1, 2]);
        assert_eq!(
            compare_renditions(&one, &other),
            Err(Difference::Content(1))
        );
        let unreadable = compare_renditions(&one, b"neither");
        assert!(matches!(unreadable, Err(Difference::Unreadable(_))));
    }

    #[test]
    fn sound_may_differ_by_a_few_frames() {
        let pictures = [(90_000, 1)];
        let all: Vec<u8> = (0..60).collect();
        let one = rendition(&pictures, &all);
        for (sound, expected) in [
            (all.clone(), Ok(())),
            (all[10..].to_vec(), Ok(())),
            (
                all[11..].to_vec(),
                Err(Difference::Count {
                    of: "sound",
                    first: 60,
                    second: 49,
                }),
            ),
            ([&all[..51], &[200; 9]].concat(), Ok(())),
            (
                [&all[..50], &[200; 10]].concat(),
                Err(Difference::Sound(10)),
            ),
        ] {
            let other = rendition(&[(90_000, 9)], &sound);
            assert_eq!(belong_together(&one, &other), expected);
        }
    }
}
