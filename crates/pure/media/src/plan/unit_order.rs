//! Puts supplemental units that an encoder wrote behind the slices of their picture in front of
//! them, where the standards want them.
//!
//! A parser takes such a unit for the start of the next picture and gives that picture's time
//! away; hardware decoders lose pictures over it. Units are only moved within their picture, and a
//! picture only within the bytes it already has, so nothing else of the segment changes. Segments
//! in order come back as they are, without a copy.

use std::borrow::Cow;
use std::ops::Range;

use crate::codec::nal::AnnexB;
use crate::mpegts::demux::TransportStream;
use crate::mpegts::{PACKET_BYTES, SYNC_BYTE, stream_type};

/// Why a segment cannot be put in order. Use it as it is: whoever reads it judges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnitOrderError {
    /// No transport packets: give MPEG-TS.
    #[error("these bytes are no transport stream")]
    NotTransport,
    /// Packets do not follow each other: bytes are missing or were added.
    #[error("no transport packet begins at byte {at}")]
    LostSync {
        /// Where one should.
        at: usize,
    },
}

/// Bytes from the front in which the streams must be announced. Segments open with their tables.
const ANNOUNCED_WITHIN: usize = 256 * 1024;

/// Bytes of a PES header before its optional part.
const PES_HEADER_BYTES: usize = 9;

/// The segment with every supplemental unit before the slices of its picture.
pub fn repaired(segment: &[u8]) -> Result<Cow<'_, [u8]>, UnitOrderError> {
    let packets = in_step(segment)?;
    let front = segment.get(..ANNOUNCED_WITHIN).unwrap_or(segment);
    let mut order = Cow::Borrowed(segment);
    for stream in TransportStream::parse(front).streams {
        let units = match stream.stream_type {
            stream_type::H264 => Units::H264,
            stream_type::H265 => Units::H265,
            _ => continue,
        };
        for moved in Walk::new(segment, packets, stream.pid, units) {
            moved.into_place(order.to_mut());
        }
    }
    Ok(order)
}

/// How many packets there are, each where it should be. A last one cut short does not count.
fn in_step(segment: &[u8]) -> Result<usize, UnitOrderError> {
    let packets = segment.len() / PACKET_BYTES;
    if packets == 0 {
        return Err(UnitOrderError::NotTransport);
    }
    let lost = segment
        .chunks_exact(PACKET_BYTES)
        .position(|packet| packet.first() != Some(&SYNC_BYTE));
    match lost {
        None => Ok(packets),
        Some(0) => Err(UnitOrderError::NotTransport),
        Some(packet) => Err(UnitOrderError::LostSync {
            at: packet * PACKET_BYTES,
        }),
    }
}

/// Which units mean what.
#[derive(Clone, Copy, Debug)]
enum Units {
    H264,
    H265,
}

/// What a unit is, as far as order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Opens a picture, whatever stood before.
    Delimiter,
    /// Part of a picture, and whether it is the first.
    Slice {
        opens: bool,
    },
    /// Must stand before the slices.
    Supplement,
    Other,
}

impl Units {
    fn kind(self, unit: &[u8]) -> Kind {
        let byte = |at: usize| unit.get(at).copied().unwrap_or(0);
        // The first bit of a slice: its number in the picture is 0, or it says so outright.
        let opens = |at: usize| byte(at) & 0x80 != 0;
        match self {
            Self::H264 => match byte(0) & 0x1f {
                1 | 2 | 5 => Kind::Slice { opens: opens(1) },
                3 | 4 => Kind::Slice { opens: false },
                6 => Kind::Supplement,
                9 => Kind::Delimiter,
                _ => Kind::Other,
            },
            Self::H265 => match byte(0) >> 1 & 0x3f {
                0..=31 => Kind::Slice { opens: opens(2) },
                35 => Kind::Delimiter,
                39 => Kind::Supplement,
                _ => Kind::Other,
            },
        }
    }
}

/// A picture whose units were moved, and where its bytes belong.
struct Moved {
    bytes: Vec<u8>,
    places: Vec<Range<usize>>,
}

impl Moved {
    fn into_place(self, segment: &mut [u8]) {
        let mut rest = self.bytes.as_slice();
        for place in self.places {
            let (Some(target), Some((bytes, after))) = (
                segment.get_mut(place.clone()),
                rest.split_at_checked(place.len()),
            ) else {
                return;
            };
            target.copy_from_slice(bytes);
            rest = after;
        }
    }
}

/// Goes over the packets of one stream, a PES packet at a time.
struct Walk<'a> {
    segment: &'a [u8],
    packets: usize,
    next: usize,
    pid: u16,
    units: Units,
    /// Where the bytes of the PES packet being collected lie.
    places: Vec<Range<usize>>,
    /// Whether it can be read: its header is whole and nothing is scrambled.
    is_clear: bool,
}

impl<'a> Walk<'a> {
    const fn new(segment: &'a [u8], packets: usize, pid: u16, units: Units) -> Self {
        Self {
            segment,
            packets,
            next: 0,
            pid,
            units,
            places: Vec::new(),
            is_clear: false,
        }
    }

    /// Adds a transport packet. Gives the places of the PES packet it ends.
    fn add(&mut self, at: usize) -> Option<Vec<Range<usize>>> {
        let packet = self.segment.get(at..at + PACKET_BYTES)?;
        let &[_, first, second, flags] = packet.first_chunk::<4>()?;
        if u16::from_be_bytes([first & 0x1f, second]) != self.pid || flags & 0x10 == 0 {
            return None;
        }
        let mut start = 4;
        if flags & 0x20 != 0 {
            start += 1 + usize::from(*packet.get(4)?);
        }
        let starts_unit = first & 0x40 != 0;
        let ended = if starts_unit { self.end() } else { None };
        if starts_unit {
            let header = packet.get(start..)?;
            let optional = header.get(PES_HEADER_BYTES - 1).copied();
            self.is_clear = optional.is_some();
            start += PES_HEADER_BYTES + usize::from(optional.unwrap_or(0));
        }
        self.is_clear &= flags & 0xc0 == 0 && first & 0x80 == 0 && start <= PACKET_BYTES;
        if start < PACKET_BYTES {
            self.places.push(at + start..at + PACKET_BYTES);
        }
        ended
    }

    fn end(&mut self) -> Option<Vec<Range<usize>>> {
        let places = std::mem::take(&mut self.places);
        (self.is_clear && !places.is_empty()).then_some(places)
    }

    fn sorted(&self, places: Vec<Range<usize>>) -> Option<Moved> {
        let mut bytes = Vec::new();
        for place in &places {
            bytes.extend_from_slice(self.segment.get(place.clone())?);
        }
        let bytes = in_order(&bytes, self.units)?;
        Some(Moved { bytes, places })
    }
}

impl Iterator for Walk<'_> {
    type Item = Moved;

    fn next(&mut self) -> Option<Moved> {
        while self.next < self.packets {
            let at = self.next * PACKET_BYTES;
            self.next += 1;
            if let Some(places) = self.add(at)
                && let Some(moved) = self.sorted(places)
            {
                return Some(moved);
            }
        }
        let places = self.end()?;
        self.sorted(places)
    }
}

/// The bytes with their units in order; `None` where they already are.
fn in_order(bytes: &[u8], units: Units) -> Option<Vec<u8>> {
    let mut starts = Vec::new();
    let mut kinds = Vec::new();
    for (start, unit) in AnnexB::new(bytes) {
        // The zero that makes a start code four bytes long goes with its unit.
        let zero = start.checked_sub(1).and_then(|before| bytes.get(before));
        starts.push(start - usize::from(zero == Some(&0)));
        kinds.push(units.kind(unit));
    }
    let order = order_of(&kinds)?;
    let range = |unit: usize| {
        let start = starts.get(unit).copied()?;
        let end = starts.get(unit + 1).copied().unwrap_or(bytes.len());
        bytes.get(start..end)
    };
    let mut sorted = Vec::with_capacity(bytes.len());
    sorted.extend_from_slice(bytes.get(..*starts.first()?)?);
    for unit in order {
        sorted.extend_from_slice(range(unit)?);
    }
    (sorted.len() == bytes.len()).then_some(sorted)
}

/// Places of units in the order they should have; `None` where they have it.
fn order_of(kinds: &[Kind]) -> Option<Vec<usize>> {
    let mut order = Vec::with_capacity(kinds.len());
    let mut is_moved = false;
    let mut picture = 0;
    while picture < kinds.len() {
        let end = picture + picture_end(kinds.get(picture..)?);
        let is = |unit: &usize, wanted: fn(&Kind) -> bool| kinds.get(*unit).is_some_and(wanted);
        let first = (picture..end)
            .find(|unit| is(unit, |kind| matches!(kind, Kind::Slice { .. })))
            .unwrap_or(end);
        let (late, rest): (Vec<usize>, Vec<usize>) =
            (first..end).partition(|unit| is(unit, |kind| *kind == Kind::Supplement));
        is_moved |= !late.is_empty();
        order.extend(picture..first);
        order.extend(late);
        order.extend(rest);
        picture = end;
    }
    is_moved.then_some(order)
}

/// How many units the first picture has; at least one.
fn picture_end(kinds: &[Kind]) -> usize {
    let mut last_slice = None;
    for (unit, kind) in kinds.iter().enumerate() {
        match (kind, last_slice) {
            // What stands between two pictures without a delimiter belongs to the second.
            (Kind::Slice { opens: true }, Some(last)) => return last + 1,
            (Kind::Slice { .. }, _) => last_slice = Some(unit),
            (Kind::Delimiter, Some(_)) => return unit,
            _ => {}
        }
    }
    kinds.len().max(1)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::mpegts::Ticks;
    use crate::mpegts::mux::{AccessUnit, Muxer, Video};

    const DELIMITER: &[u8] = &[0, 0, 0, 1, 9, 0xf0];
    const SUPPLEMENT: &[u8] = &[0, 0, 0, 1, 6, 5, 1, 0x11, 0x80];
    const FIRST: &[u8] = &[0, 0, 1, 0x65, 0x88, 0x84];
    const SECOND: &[u8] = &[0, 0, 1, 0x65, 0x44, 0x84, 7, 7, 7];

    /// Pictures as a transport stream; a long last unit makes each span packets.
    fn stream(stream_type: u8, pictures: &[&[&[u8]]]) -> Bytes {
        let units: Vec<AccessUnit> = (0i64..)
            .zip(pictures)
            .map(|(number, units)| AccessUnit {
                pts: Ticks(90_000 + number * 3000),
                dts: Ticks(90_000 + number * 3000),
                key: number == 0,
                data: [units.concat(), vec![0x55; 300]].concat().into(),
            })
            .collect();
        let video = Video {
            stream_type,
            units: &units,
        };
        Muxer::new().segment(Some(video), None, false)
    }

    fn order(stream_type: u8, pictures: &[&[&[u8]]], expected: &[&[&[u8]]]) {
        let given = stream(stream_type, pictures);
        let found = repaired(&given).unwrap();
        let parsed = TransportStream::parse(&found);
        let wanted = TransportStream::parse(&stream(stream_type, expected));
        assert_eq!(parsed.streams[0].data.len(), wanted.streams[0].data.len());
        assert_eq!(parsed.streams[0].packets, wanted.streams[0].packets);
        let is_borrowed = matches!(found, Cow::Borrowed(_));
        assert_eq!(is_borrowed, pictures == expected);
        for picture in 0..pictures.len() {
            let (found, wanted) = (
                parsed.streams[0].payload(picture),
                wanted.streams[0].payload(picture),
            );
            let names = |bytes| {
                AnnexB::new(bytes)
                    .map(|(_, unit)| unit[0])
                    .collect::<Vec<_>>()
            };
            assert_eq!(names(found), names(wanted));
        }
    }

    #[test]
    fn a_supplement_behind_slices_moves_before_them() {
        let good: &[&[u8]] = &[DELIMITER, SUPPLEMENT, FIRST, SECOND];
        order(
            stream_type::H264,
            &[
                &[DELIMITER, FIRST, SECOND, SUPPLEMENT],
                &[DELIMITER, FIRST, SUPPLEMENT, SECOND],
                good,
            ],
            &[good, good, good],
        );
    }

    #[test]
    fn pictures_in_order_are_not_even_copied() {
        let good: &[&[u8]] = &[DELIMITER, SUPPLEMENT, FIRST, SECOND];
        order(stream_type::H264, &[good, good], &[good, good]);
        // Between two pictures of one PES packet it belongs to the second.
        let pair: &[&[u8]] = &[FIRST, SECOND, SUPPLEMENT, FIRST];
        order(stream_type::H264, &[pair], &[pair]);
    }

    #[test]
    fn the_supplement_before_a_delimiter_is_of_the_picture_before() {
        order(
            stream_type::H264,
            &[&[DELIMITER, FIRST, SUPPLEMENT, DELIMITER, FIRST]],
            &[&[DELIMITER, SUPPLEMENT, FIRST, DELIMITER, FIRST]],
        );
    }

    #[test]
    fn hevc_has_supplements_of_both_kinds() {
        let prefix: &[u8] = &[0, 0, 1, 39 << 1, 1, 5, 1, 9, 0x80];
        let suffix: &[u8] = &[0, 0, 1, 40 << 1, 1, 5, 1, 9, 0x80];
        let slice: &[u8] = &[0, 0, 1, 19 << 1, 1, 0x80, 3];
        let delimiter: &[u8] = &[0, 0, 0, 1, 35 << 1, 1, 0x50];
        order(
            stream_type::H265,
            &[
                &[delimiter, slice, suffix],
                &[delimiter, slice, suffix, prefix],
            ],
            &[
                &[delimiter, slice, suffix],
                &[delimiter, prefix, slice, suffix],
            ],
        );
    }

    #[test]
    fn broken_streams_are_refused() {
        let good: &[&[u8]] = &[DELIMITER, SUPPLEMENT, FIRST];
        let whole = stream(stream_type::H264, &[good, good]);
        assert_eq!(repaired(b"no stream"), Err(UnitOrderError::NotTransport));
        assert_eq!(repaired(&[0; 1000]), Err(UnitOrderError::NotTransport));
        let mut missing = whole.to_vec();
        missing.remove(200);
        let at = 2 * PACKET_BYTES;
        assert_eq!(repaired(&missing), Err(UnitOrderError::LostSync { at }));
    }

    proptest! {
        /// Bytes are moved, never made or lost.
        #[test]
        fn whatever_comes_keeps_its_bytes(
            packets in proptest::collection::vec(proptest::collection::vec(0u8..8, 187), 1..12),
            pictures in proptest::collection::vec(0usize..5, 1..6),
        ) {
            let kinds = [DELIMITER, SUPPLEMENT, FIRST, SECOND, &[0, 0, 0][..]];
            let units: Vec<&[u8]> = pictures.iter().map(|kind| kinds[*kind]).collect();
            let mut bytes = stream(stream_type::H264, &[&units, &units]).to_vec();
            for packet in packets {
                bytes.extend([SYNC_BYTE, 0x41, 0]);
                bytes.extend(&packet[2..]);
            }
            let count = |bytes: &[u8]| {
                let mut counts = [0usize; 256];
                bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
                counts
            };
            if let Ok(found) = repaired(&bytes) {
                prop_assert_eq!(count(&found), count(&bytes));
                let again = repaired(&found).map(Cow::into_owned);
                prop_assert_eq!(again.as_deref(), Ok(&*found));
            }
        }
    }
}
