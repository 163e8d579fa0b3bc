//! Transport packets and how to find them.

use crate::mpegts::{PACKET_BYTES, SYNC_BYTE};

/// Packets in a row that have to begin with the sync byte before a stream is recognised.
const RECOGNISED_BY: usize = 3;

/// As many to find the next packet of a stream that is one.
const FOUND_BY: usize = 2;

/// Bytes searched for the first packet. What precedes it is garbage, and more of it is no
/// transport stream.
const MAX_LEADING_BYTES: usize = 64 * 1024;

/// One transport packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    pub(super) pid: u16,
    /// A PES packet or section begins in it.
    pub(super) starts_unit: bool,
    /// Marked as damaged on its way.
    pub(super) damaged: bool,
    pub(super) scrambled: bool,
    pub(super) counter: u8,
    /// Its sender says that counters and clock start anew.
    pub(super) discontinuity: bool,
    pub(super) random_access: bool,
    /// Clock reference in wire ticks of 90 kHz.
    pub(super) clock: Option<u64>,
    pub(super) payload: &'a [u8],
}

/// All packets of a segment.
pub(super) struct Packets<'a> {
    bytes: &'a [u8],
    position: usize,
    lost: usize,
    /// A packet was found where the last one ended.
    in_step: bool,
}

/// Whether a transport stream begins in these bytes, after little garbage at most.
pub fn looks_like_transport_stream(bytes: &[u8]) -> bool {
    find_sync(bytes, 0, RECOGNISED_BY).is_some_and(|at| at <= MAX_LEADING_BYTES)
}

impl<'a> Packets<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            position: 0,
            lost: 0,
            in_step: false,
        }
    }

    /// Bytes passed over so far.
    pub(super) const fn lost_bytes(&self) -> u64 {
        self.lost as u64
    }

    /// Moves to the next packet. At the start and after damage it must be confirmed by the ones
    /// behind it.
    fn synchronise(&mut self) -> Option<()> {
        if self.in_step && self.bytes.get(self.position) == Some(&SYNC_BYTE) {
            return Some(());
        }
        self.in_step = true;
        let next = find_sync(self.bytes, self.position, FOUND_BY);
        let next = next.unwrap_or(self.bytes.len());
        self.lost += next - self.position;
        self.position = next;
        (next < self.bytes.len()).then_some(())
    }
}

impl<'a> Iterator for &mut Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        loop {
            self.synchronise()?;
            let end = self.position + PACKET_BYTES;
            let Some(bytes) = self.bytes.get(self.position..end) else {
                // A packet cut short at the end.
                self.lost += self.bytes.len() - self.position;
                self.position = self.bytes.len();
                return None;
            };
            self.position = end;
            if let Some(packet) = parse(bytes) {
                return Some(packet);
            }
            self.lost += PACKET_BYTES;
        }
    }
}

/// The first position from `from` on where `confirming` packets begin, or as many as there are.
fn find_sync(bytes: &[u8], from: usize, confirming: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    memchr::memchr_iter(SYNC_BYTE, rest)
        .map(|at| from + at)
        .find(|at| {
            bytes.len() - at >= PACKET_BYTES
                && (1..confirming).all(|n| {
                    bytes
                        .get(at + n * PACKET_BYTES)
                        .is_none_or(|byte| *byte == SYNC_BYTE)
                })
        })
}

/// `None` when its own lengths do not fit into it.
fn parse(bytes: &[u8]) -> Option<Packet<'_>> {
    let (&[_, first, second, flags], mut payload) = bytes.split_first_chunk::<4>()?;
    let mut packet = Packet {
        pid: u16::from_be_bytes([first & 0x1f, second]),
        starts_unit: first & 0x40 != 0,
        damaged: first & 0x80 != 0,
        scrambled: flags & 0xc0 != 0,
        counter: flags & 0x0f,
        discontinuity: false,
        random_access: false,
        clock: None,
        payload: &[],
    };
    if flags & 0x20 != 0 {
        let (length, rest) = payload.split_first()?;
        let (field, rest) = rest.split_at_checked(usize::from(*length))?;
        if let Some((flags, field)) = field.split_first() {
            packet.discontinuity = flags & 0x80 != 0;
            packet.random_access = flags & 0x40 != 0;
            if flags & 0x10 != 0 {
                packet.clock = clock(field);
            }
        }
        payload = rest;
    }
    if flags & 0x10 != 0 {
        packet.payload = payload;
    }
    Some(packet)
}

fn clock(field: &[u8]) -> Option<u64> {
    let &[a, b, c, d, e] = field.first_chunk::<5>()?;
    let high = u64::from(u32::from_be_bytes([a, b, c, d]));
    Some(high << 1 | u64::from(e >> 7))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(pid: u8) -> Vec<u8> {
        let mut packet = vec![0x11; PACKET_BYTES];
        packet[..4].copy_from_slice(&[SYNC_BYTE, 0x40, pid, 0x10]);
        packet
    }

    fn pids(bytes: &[u8]) -> (Vec<u16>, u64) {
        let mut packets = Packets::new(bytes);
        let pids = (&mut packets).map(|packet| packet.pid).collect();
        (pids, packets.lost_bytes())
    }

    #[test]
    fn packets_are_found_behind_garbage() {
        let mut bytes = vec![SYNC_BYTE; 5];
        bytes.extend([packet(1), packet(2), packet(3)].concat());
        assert_eq!(pids(&bytes), (vec![1, 2, 3], 5));
        assert!(looks_like_transport_stream(&bytes));
    }

    #[test]
    fn lost_bytes_in_the_middle_cost_one_packet() {
        let mut bytes = [packet(1), packet(2), packet(3), packet(4), packet(5)].concat();
        bytes.drain(200..210);
        let (found, lost) = pids(&bytes);
        assert_eq!(found, [1, 2, 4, 5]);
        assert_eq!(lost, 178);
    }

    #[test]
    fn lengths_beyond_the_packet_are_refused() {
        let mut bytes = packet(1);
        bytes[3] = 0x30;
        bytes[4] = 184;
        assert_eq!(pids(&bytes), (vec![], 188));
        assert!(!looks_like_transport_stream(b"not one"));
    }
}
