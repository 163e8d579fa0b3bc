//! Takes transport streams made by the ffmpeg program apart, to break them in known ways.

use streamflow_media::codec::nal::AnnexB;
use streamflow_media::mpegts::crc32;
use streamflow_media::mpegts::demux::TransportStream;

/// The PID that the ffmpeg program gives the first stream.
pub(crate) const VIDEO: u16 = 0x100;

/// The PID of the second.
pub(crate) const SOUND: u16 = 0x101;

const PACKET: usize = 188;

/// Which times of a PES packet stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    All,
    /// Only when it is shown.
    Shown,
    Nothing,
}

/// The stream a transport packet belongs to.
pub(crate) fn pid(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1f, packet[2]])
}

fn starts_unit(packet: &[u8]) -> bool {
    packet[1] & 0x40 != 0
}

fn payload_start(packet: &[u8]) -> usize {
    if packet[3] & 0x20 != 0 {
        5 + usize::from(packet[4])
    } else {
        4
    }
}

/// Runs over the transport packets in which a PES packet of a stream begins, with its number.
fn each_start(bytes: &mut [u8], stream: u16, mut change: impl FnMut(usize, &mut [u8])) {
    let mut number = 0;
    for packet in bytes.chunks_exact_mut(PACKET) {
        if pid(packet) == stream && starts_unit(packet) {
            let start = payload_start(packet);
            change(number, &mut packet[start..]);
            number += 1;
        }
    }
}

/// The stream with times taken out of its PES headers, by the number of the packet.
pub(crate) fn without_times(source: &[u8], stream: u16, keep: impl Fn(usize) -> Keep) -> Vec<u8> {
    let mut bytes = source.to_vec();
    each_start(&mut bytes, stream, |number, header| {
        let flags = header[7] >> 6;
        match keep(number) {
            Keep::Shown if flags == 3 => {
                header[7] &= 0xbf;
                header[9] = header[9] & 0x0f | 0x20;
                header[14..19].fill(0xff);
            }
            Keep::Nothing if flags != 0 => {
                let end = if flags == 3 { 19 } else { 14 };
                header[7] &= 0x3f;
                header[9..end].fill(0xff);
            }
            _ => {}
        }
    });
    bytes
}

/// The stream with other times in its PES headers, by number and time.
pub(crate) fn with_times(
    source: &[u8],
    stream: u16,
    change: impl Fn(usize, i64) -> i64,
) -> Vec<u8> {
    let mut bytes = source.to_vec();
    each_start(&mut bytes, stream, |number, header| {
        for (flag, at) in [(0x80, 9), (0x40, 14)] {
            if header[7] & flag != 0 {
                let field = &mut header[at..at + 5];
                let time = change(number, read_time(field));
                write_time(field, time);
            }
        }
    });
    bytes
}

fn read_time(field: &[u8]) -> i64 {
    let part = |at: usize| i64::from(field[at]);
    (part(0) >> 1 & 7) << 30 | part(1) << 22 | (part(2) >> 1) << 15 | part(3) << 7 | part(4) >> 1
}

fn write_time(field: &mut [u8], time: i64) {
    field[0] = field[0] & 0xf1 | ((time >> 30 & 7) << 1) as u8;
    field[1] = (time >> 22) as u8;
    field[2] = ((time >> 15) << 1) as u8 | 1;
    field[3] = (time >> 7) as u8;
    field[4] = (time << 1) as u8 | 1;
}

/// The stream without the PES packets of these numbers; counters are closed up again.
pub(crate) fn without_pictures(
    source: &[u8],
    stream: u16,
    drop: impl Fn(usize) -> bool,
) -> Vec<u8> {
    let (mut kept, mut number, mut counter) = (Vec::new(), None, 0u8);
    for packet in source.chunks_exact(PACKET) {
        let mut packet = packet.to_vec();
        if pid(&packet) == stream {
            if starts_unit(&packet) {
                number = Some(number.map_or(0, |number: usize| number + 1));
            }
            if number.is_none_or(&drop) {
                continue;
            }
            packet[3] = packet[3] & 0xf0 | counter;
            counter = (counter + 1) & 0xf;
        }
        kept.extend(packet);
    }
    kept
}

/// The stream with another type of a stream in its program map.
pub(crate) fn with_stream_type(source: &[u8], stream: u16, stream_type: u8) -> Vec<u8> {
    const MAP: u16 = 0x1000;
    let mut bytes = source.to_vec();
    for packet in bytes.chunks_exact_mut(PACKET) {
        if pid(packet) != MAP {
            continue;
        }
        let start = payload_start(packet) + 1;
        let length =
            3 + (usize::from(packet[start + 1] & 0xf) << 8) + usize::from(packet[start + 2]);
        let (section, end) = (&mut packet[start..start + length], length - 4);
        let named = (stream | 0xe000).to_be_bytes();
        let at = section
            .windows(2)
            .position(|window| window == named)
            .unwrap();
        section[at - 1] = stream_type;
        let check = crc32(&section[..end]).to_be_bytes();
        section[end..].copy_from_slice(&check);
    }
    bytes
}

/// Which H.264 pictures of a stream, in decoding order, a decoder can start at.
pub(crate) fn key_slices(source: &[u8]) -> Vec<usize> {
    let parsed = TransportStream::parse(source);
    let video = parsed
        .streams
        .iter()
        .find(|stream| stream.pid == VIDEO)
        .unwrap();
    let is_key = |picture: &usize| {
        AnnexB::new(video.payload(*picture)).any(|(_, unit)| unit[0] & 0x1f == KEY_SLICE)
    };
    (0..video.packets.len()).filter(is_key).collect()
}

/// The type of a unit that a decoder can start at.
const KEY_SLICE: u8 = 5;

/// The H.264 video with the slices of its key frames turned into padding.
pub(crate) fn without_key_slices(source: &[u8]) -> Vec<u8> {
    const PADDING: u8 = 12;
    let mut bytes = source.to_vec();
    for at in AnnexB::new(source).map(|(at, _)| at + 3) {
        if source.get(at).is_some_and(|unit| unit & 0x9f == KEY_SLICE) {
            bytes[at] = bytes[at] & 0xe0 | PADDING;
        }
    }
    bytes
}

/// The video with the supplemental units of each picture behind its slices.
pub(crate) fn supplements_last(source: &[u8]) -> Vec<u8> {
    const SUPPLEMENT: u8 = 6;
    let mut bytes = source.to_vec();
    let mut places: Vec<Vec<usize>> = Vec::new();
    for (number, packet) in source.chunks_exact(PACKET).enumerate() {
        if pid(packet) != VIDEO {
            continue;
        }
        let mut start = payload_start(packet);
        if starts_unit(packet) {
            start += 9 + usize::from(packet[start + 8]);
            places.push(Vec::new());
        }
        let at = number * PACKET;
        places.last_mut().unwrap().extend(at + start..at + PACKET);
    }
    for picture in places {
        let whole: Vec<u8> = picture.iter().map(|place| source[*place]).collect();
        let starts: Vec<usize> = AnnexB::new(&whole)
            .map(|(at, _)| {
                if at > 0 && whole[at - 1] == 0 {
                    at - 1
                } else {
                    at
                }
            })
            .chain([whole.len()])
            .collect();
        let units = starts.windows(2).map(|pair| &whole[pair[0]..pair[1]]);
        let kind = |unit: &[u8]| {
            unit.iter()
                .find(|byte| **byte > 1)
                .map_or(0, |byte| byte & 0x1f)
        };
        let (last, first): (Vec<&[u8]>, Vec<&[u8]>) = units.partition(|u| kind(u) == SUPPLEMENT);
        let moved = [first.concat(), last.concat()].concat();
        for (place, byte) in picture.iter().zip(moved) {
            bytes[*place] = byte;
        }
    }
    bytes
}
