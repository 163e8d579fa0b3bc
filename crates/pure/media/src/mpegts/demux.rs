//! Reads MPEG transport streams.
//!
//! [`TransportStream::parse`] takes a whole segment apart into its elementary streams. It goes on
//! over damage: lost bytes are searched for the next packet, broken sections and packets are
//! counted. What it keeps is never more than the bytes it was given.

mod packet;
mod pes;
mod tables;

use std::ops::Range;

use self::packet::{Packet, Packets};
use self::pes::PesReader;
use self::tables::{Pat, Pmt, SectionReader};
use super::{NULL_PID, PAT_PID, Ticks, Unwrapper};

pub use self::packet::looks_like_transport_stream;

/// Programs looked into.
const MAX_PROGRAMS: usize = 8;

/// Elementary streams kept over all programs.
pub const MAX_STREAMS: usize = 32;

/// PIDs of a stream.
const PIDS: usize = 1 << 13;

/// A transport stream taken apart.
#[derive(Clone, Debug, Default)]
pub struct TransportStream {
    /// Its elementary streams, as announced by the program maps.
    pub streams: Vec<ElementaryStream>,
    /// Packets that did not follow the one before on their PID.
    pub continuity_errors: u64,
    /// Bytes that belong to no packet.
    pub lost_bytes: u64,
    /// Sections with a wrong checksum.
    pub table_errors: u64,
    /// Scrambled packets, whose content is skipped.
    pub scrambled: u64,
    /// Packets read.
    pub packets: u64,
    /// The first program map was whole before any payload came on a PID of its own.
    pub tables_first: bool,
    /// Longest time between clock references of the first program.
    pub longest_clock_gap: Option<Ticks>,
}

/// One elementary stream of a segment.
#[derive(Clone, Debug)]
pub struct ElementaryStream {
    /// Its PID.
    pub pid: u16,
    /// What it holds; see [`super::stream_type`].
    pub stream_type: u8,
    /// Four letters that say what private data is, where given.
    pub registration: Option<[u8; 4]>,
    /// Its bytes.
    pub data: Vec<u8>,
    /// Where its PES packets begin in `data`.
    pub packets: Vec<PesStart>,
}

/// The start of a PES packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PesStart {
    /// Offset of its first byte in the elementary stream.
    pub offset: usize,
    /// When the first frame that begins in it shows.
    pub pts: Option<Ticks>,
    /// When that frame decodes; equal to `pts` where only that is written.
    pub dts: Option<Ticks>,
    /// Its sender says that decoding can start here.
    pub random_access: bool,
}

impl ElementaryStream {
    /// The bytes of the PES packet with this index.
    pub fn payload(&self, index: usize) -> &[u8] {
        let start = self.packets.get(index).map(|packet| packet.offset);
        let end = self.packets.get(index + 1).map(|packet| packet.offset);
        let range = Range {
            start: start.unwrap_or(self.data.len()),
            end: end.unwrap_or(self.data.len()),
        };
        self.data.get(range).unwrap_or_default()
    }
}

impl TransportStream {
    /// Takes a segment apart. Bytes that are no transport stream have no streams.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut demuxer = Demuxer::new(bytes.len());
        let mut packets = Packets::new(bytes);
        for packet in &mut packets {
            demuxer.packet(&packet);
        }
        demuxer.finish(packets.lost_bytes())
    }
}

/// What a PID carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Nothing known.
    Unknown,
    /// The map of the program with this index.
    Map(usize),
    /// The stream with this index.
    Stream(usize),
}

struct Demuxer {
    out: TransportStream,
    roles: Vec<Role>,
    /// The last counter of each PID, `NO_COUNTER` before the first.
    counters: Vec<u8>,
    pat: SectionReader,
    maps: Vec<SectionReader>,
    readers: Vec<PesReader>,
    input_bytes: usize,
    clock_pid: Option<u16>,
    clock: Option<Ticks>,
    clock_times: Unwrapper,
    /// The last time read of any stream: times of others are near it.
    near: Option<Ticks>,
    stray_payload: bool,
}

const NO_COUNTER: u8 = 0xff;

impl Demuxer {
    fn new(input_bytes: usize) -> Self {
        Self {
            out: TransportStream::default(),
            roles: vec![Role::Unknown; PIDS],
            counters: vec![NO_COUNTER; PIDS],
            pat: SectionReader::default(),
            maps: Vec::new(),
            readers: Vec::new(),
            input_bytes,
            clock_pid: None,
            clock: None,
            clock_times: Unwrapper::new(),
            near: None,
            stray_payload: false,
        }
    }

    fn packet(&mut self, packet: &Packet<'_>) {
        self.out.packets += 1;
        if packet.pid == NULL_PID || packet.damaged {
            return;
        }
        if let Some(clock) = packet.clock {
            self.clock_reference(packet, clock);
        }
        if packet.payload.is_empty() || !self.follows(packet) {
            return;
        }
        if packet.scrambled {
            self.out.scrambled += 1;
            return;
        }
        if packet.pid == PAT_PID {
            self.association(packet);
            return;
        }
        match self.roles.get(usize::from(packet.pid)) {
            Some(Role::Map(program)) => self.map(*program, packet),
            Some(Role::Stream(stream)) => self.payload(*stream, packet),
            // Tables of the standard live below 0x20.
            _ if packet.pid >= 0x20 => self.stray_payload |= self.out.streams.is_empty(),
            _ => {}
        }
    }

    /// Counts breaks. `false` for a packet sent twice, which is legal once.
    fn follows(&mut self, packet: &Packet<'_>) -> bool {
        let Some(counter) = self.counters.get_mut(usize::from(packet.pid)) else {
            return false;
        };
        let last = std::mem::replace(counter, packet.counter);
        if last == NO_COUNTER || packet.discontinuity {
            return true;
        }
        if last == packet.counter {
            return false;
        }
        if (last + 1) & 0xf != packet.counter {
            self.out.continuity_errors += 1;
            self.reset_sections(packet.pid);
        }
        true
    }

    /// A section with a hole is worthless; a picture with one may still decode.
    fn reset_sections(&mut self, pid: u16) {
        if pid == PAT_PID {
            self.pat.reset();
        } else if let Some(Role::Map(program)) = self.roles.get(usize::from(pid))
            && let Some(map) = self.maps.get_mut(*program)
        {
            map.reset();
        }
    }

    fn association(&mut self, packet: &Packet<'_>) {
        let errors = &mut self.out.table_errors;
        let (roles, maps) = (&mut self.roles, &mut self.maps);
        self.pat.push(packet, errors, |section| {
            let Some(pat) = Pat::parse(section) else {
                return;
            };
            for pid in pat.map_pids() {
                let role = roles.get_mut(usize::from(pid));
                let Some(role @ Role::Unknown) = role else {
                    continue;
                };
                if maps.len() < MAX_PROGRAMS {
                    *role = Role::Map(maps.len());
                    maps.push(SectionReader::default());
                }
            }
        });
    }

    fn map(&mut self, program: usize, packet: &Packet<'_>) {
        let Some(reader) = self.maps.get_mut(program) else {
            return;
        };
        let first_program = program == 0;
        let errors = &mut self.out.table_errors;
        let (roles, streams) = (&mut self.roles, &mut self.out.streams);
        let (readers, clock_pid) = (&mut self.readers, &mut self.clock_pid);
        let stray = self.stray_payload;
        let tables_first = &mut self.out.tables_first;
        reader.push(packet, errors, |section| {
            let Some(map) = Pmt::parse(section) else {
                return;
            };
            if first_program {
                *clock_pid = Some(map.clock_pid);
            }
            *tables_first |= streams.is_empty() && !stray;
            for entry in map.streams() {
                let Some(role @ Role::Unknown) = roles.get_mut(usize::from(entry.pid)) else {
                    continue;
                };
                if streams.len() >= MAX_STREAMS {
                    break;
                }
                *role = Role::Stream(streams.len());
                readers.push(PesReader::new());
                streams.push(ElementaryStream {
                    pid: entry.pid,
                    stream_type: entry.stream_type,
                    registration: entry.registration,
                    data: Vec::new(),
                    packets: Vec::new(),
                });
            }
        });
    }

    fn payload(&mut self, stream: usize, packet: &Packet<'_>) {
        let (Some(reader), Some(stream)) = (
            self.readers.get_mut(stream),
            self.out.streams.get_mut(stream),
        ) else {
            return;
        };
        if stream.data.is_empty() && super::stream_type::is_video(stream.stream_type) {
            // Nearly all of a segment is its video.
            stream.data.reserve(self.input_bytes);
        }
        reader.push(packet, &mut self.near, stream);
    }

    fn clock_reference(&mut self, packet: &Packet<'_>, wire: u64) {
        if self.clock_pid.is_some_and(|pid| pid != packet.pid) {
            return;
        }
        let time = self.clock_times.unwrap(wire);
        let last = self.clock.replace(time);
        if let Some(last) = last.filter(|_| !packet.discontinuity) {
            let gap = (time - last).abs();
            self.out.longest_clock_gap = self.out.longest_clock_gap.max(Some(gap));
        }
    }

    fn finish(mut self, lost_bytes: u64) -> TransportStream {
        for (reader, stream) in self.readers.iter_mut().zip(&mut self.out.streams) {
            reader.finish(stream);
        }
        self.out.lost_bytes = lost_bytes;
        self.out
    }
}
