//! Sections, and the two tables that say where streams are.

use super::packet::Packet;
use crate::mpegts::{PAT_TABLE_ID, PMT_TABLE_ID, crc32};

/// Longest section: a 12-bit length and what stands before it.
const MAX_SECTION_BYTES: usize = 4096 + 3;

/// Bytes of a table section before its own content.
const HEADER_BYTES: usize = 8;

/// Bytes of a checksum.
const CRC_BYTES: usize = 4;

/// Puts the sections of one PID together.
#[derive(Debug, Default)]
pub(super) struct SectionReader {
    /// A section that is not whole yet. At most [`MAX_SECTION_BYTES`].
    partial: Vec<u8>,
    /// The section before: tables are repeated all the time.
    last: Vec<u8>,
}

impl SectionReader {
    /// Forgets a section that is not whole.
    pub(super) fn reset(&mut self) {
        self.partial.clear();
    }

    /// Takes the payload of a transport packet. Hands on each new whole section, without its
    /// checksum, and counts those with a wrong one.
    pub(super) fn push(
        &mut self,
        packet: &Packet<'_>,
        errors: &mut u64,
        mut with_section: impl FnMut(&[u8]),
    ) {
        let mut payload = packet.payload;
        if packet.starts_unit {
            let Some((pointer, rest)) = payload.split_first() else {
                return;
            };
            let Some((end, rest)) = rest.split_at_checked(usize::from(*pointer)) else {
                self.reset();
                return;
            };
            if !self.partial.is_empty() {
                self.collect(end, errors, &mut with_section);
            }
            self.reset();
            payload = rest;
        } else if self.partial.is_empty() {
            return;
        }
        self.collect(payload, errors, &mut with_section);
    }

    /// Appends bytes and takes every whole section from the front.
    fn collect(&mut self, bytes: &[u8], errors: &mut u64, with_section: &mut impl FnMut(&[u8])) {
        /// Fills the rest of a packet behind its last section.
        const STUFFING: u8 = 0xff;
        self.partial.extend_from_slice(bytes);
        while let Some(&[kind, high, low]) = self.partial.first_chunk::<3>() {
            if kind == STUFFING {
                self.reset();
                return;
            }
            let length = 3 + usize::from(u16::from_be_bytes([high & 0xf, low]));
            let Some(section) = self.partial.get(..length) else {
                break;
            };
            if section != self.last {
                match section.split_last_chunk::<CRC_BYTES>() {
                    Some((content, _)) if crc32(section) == 0 => {
                        with_section(content);
                        self.last = section.to_vec();
                    }
                    _ => *errors += 1,
                }
            }
            self.partial.drain(..length);
        }
        debug_assert!(
            self.partial.len() <= MAX_SECTION_BYTES + crate::mpegts::PACKET_BYTES,
            "whole sections are taken"
        );
    }
}

/// A program association section.
pub(super) struct Pat<'a>(&'a [u8]);

impl<'a> Pat<'a> {
    pub(super) fn parse(section: &'a [u8]) -> Option<Self> {
        content(section, PAT_TABLE_ID).map(Self)
    }

    /// Where the program maps are.
    pub(super) fn map_pids(&self) -> impl Iterator<Item = u16> {
        self.0.chunks_exact(4).filter_map(|entry| {
            let &[number_high, number_low, high, low] = entry else {
                return None;
            };
            // Number 0 is the network's own table.
            ((number_high, number_low) != (0, 0)).then(|| pid(high, low))
        })
    }
}

/// A program map section.
pub(super) struct Pmt<'a> {
    pub(super) clock_pid: u16,
    entries: &'a [u8],
}

/// One stream of a program.
pub(super) struct MapEntry {
    pub(super) pid: u16,
    pub(super) stream_type: u8,
    pub(super) registration: Option<[u8; 4]>,
}

impl<'a> Pmt<'a> {
    pub(super) fn parse(section: &'a [u8]) -> Option<Self> {
        let (&[clock_high, clock_low, high, low], rest) =
            content(section, PMT_TABLE_ID)?.split_first_chunk::<4>()?;
        Some(Self {
            clock_pid: pid(clock_high, clock_low),
            entries: rest.get(length(high, low)..)?,
        })
    }

    pub(super) fn streams(&self) -> impl Iterator<Item = MapEntry> {
        let mut rest = self.entries;
        std::iter::from_fn(move || {
            let (&[stream_type, pid_high, pid_low, high, low], after) =
                rest.split_first_chunk::<5>()?;
            let (descriptors, after) = after.split_at_checked(length(high, low))?;
            rest = after;
            Some(MapEntry {
                pid: pid(pid_high, pid_low),
                stream_type,
                registration: registration(descriptors),
            })
        })
    }
}

/// What stands between header and checksum of the current table of this kind.
fn content(section: &[u8], table_id: u8) -> Option<&[u8]> {
    let (header, content) = section.split_first_chunk::<HEADER_BYTES>()?;
    let current = header[5] & 1 != 0;
    (header[0] == table_id && current).then_some(content)
}

const fn pid(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high & 0x1f, low])
}

fn length(high: u8, low: u8) -> usize {
    usize::from(u16::from_be_bytes([high & 0xf, low]))
}

/// What the descriptors say private data is, in the letters of its registration.
fn registration(mut descriptors: &[u8]) -> Option<[u8; 4]> {
    const REGISTRATION: u8 = 0x05;
    const AC3: u8 = 0x6a;
    const EAC3: u8 = 0x7a;
    while let Some((&[tag, length], rest)) = descriptors.split_first_chunk::<2>() {
        let (body, rest) = rest.split_at_checked(usize::from(length))?;
        match tag {
            REGISTRATION => return body.first_chunk::<4>().copied(),
            AC3 => return Some(*b"AC-3"),
            EAC3 => return Some(*b"EAC3"),
            _ => descriptors = rest,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(kind: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(5 + content.len() + CRC_BYTES).unwrap();
        let [high, low] = length.to_be_bytes();
        let mut section = vec![kind, 0xb0 | high, low, 0, 1, 0xc1, 0, 0];
        section.extend(content);
        section.extend(crc32(&section).to_be_bytes());
        section
    }

    fn packet(payload: &[u8], starts_unit: bool) -> Packet<'_> {
        Packet {
            pid: 0,
            starts_unit,
            damaged: false,
            scrambled: false,
            counter: 0,
            discontinuity: false,
            random_access: false,
            clock: None,
            payload,
        }
    }

    #[test]
    fn a_program_map_names_streams_and_private_data() {
        let content = [
            0xe1, 0x00, 0xf0, 0x00, 0x1b, 0xe1, 0x00, 0xf0, 0x00, 0x06, 0xe1, 0x01, 0xf0, 0x06, 5,
            4, b'O', b'p', b'u', b's',
        ];
        let section = section(PMT_TABLE_ID, &content);
        let map = Pmt::parse(&section[..section.len() - 4]).unwrap();
        let streams: Vec<_> = map
            .streams()
            .map(|entry| (entry.pid, entry.stream_type, entry.registration))
            .collect();
        assert_eq!(map.clock_pid, 256);
        assert_eq!(streams, [(256, 0x1b, None), (257, 6, Some(*b"Opus"))]);
    }

    #[test]
    fn sections_are_put_together_and_repetitions_left_out() {
        let section = section(PAT_TABLE_ID, &[0, 1, 0xf0, 0x00].repeat(60));
        let payload = [&[0][..], &section].concat();
        let (head, tail) = payload.split_at(184);
        let (mut reader, mut errors, mut seen) = (SectionReader::default(), 0, 0);
        for _ in 0..3 {
            reader.push(&packet(head, true), &mut errors, |_| seen += 1);
            reader.push(&packet(tail, false), &mut errors, |section| {
                assert_eq!(Pat::parse(section).unwrap().map_pids().count(), 60);
                seen += 1;
            });
        }
        assert_eq!((seen, errors), (1, 0));
    }

    #[test]
    fn a_wrong_checksum_is_counted() {
        let mut section = section(PAT_TABLE_ID, &[0, 1, 0xf0, 0x00]);
        section[9] ^= 1;
        let payload = [&[0][..], &section, &[0xff; 100]].concat();
        let (mut reader, mut errors) = (SectionReader::default(), 0);
        reader.push(&packet(&payload, true), &mut errors, |_| {
            panic!("it is broken")
        });
        assert_eq!(errors, 1);
    }
}
