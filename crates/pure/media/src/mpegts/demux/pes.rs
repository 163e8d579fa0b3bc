//! PES packets: the pieces of an elementary stream, with their times.

use super::packet::Packet;
use super::{ElementaryStream, PesStart};
use crate::mpegts::{Ticks, Unwrapper};

/// Bytes of a PES header before its optional part.
const FIXED_BYTES: usize = 9;

/// Longest PES header.
const MAX_HEADER_BYTES: usize = FIXED_BYTES + 255;

/// Kinds of PES packets that have no optional header: their payload follows their length.
const BARE_STREAM_IDS: [u8; 8] = [0xbc, 0xbe, 0xbf, 0xf0, 0xf1, 0xf2, 0xf8, 0xff];

/// Puts the payload of one PID together.
#[derive(Debug)]
pub(super) struct PesReader {
    state: State,
    /// A header that is not whole yet. At most [`MAX_HEADER_BYTES`].
    header: Vec<u8>,
    random_access: bool,
    times: Unwrapper,
    seeded: bool,
}

#[derive(Debug)]
enum State {
    /// Until the first start.
    Idle,
    Header,
    /// Payload, of which so many bytes are left; `None` runs to the next start.
    Payload(Option<usize>),
}

impl PesReader {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Idle,
            header: Vec::new(),
            random_access: false,
            times: Unwrapper::new(),
            seeded: false,
        }
    }

    /// Takes the payload of a transport packet. `near` is a time of any stream, to place the
    /// first one of this.
    pub(super) fn push(
        &mut self,
        packet: &Packet<'_>,
        near: &mut Option<Ticks>,
        stream: &mut ElementaryStream,
    ) {
        if packet.starts_unit {
            self.header.clear();
            self.state = State::Header;
            self.random_access = packet.random_access;
        }
        let mut payload = packet.payload;
        if matches!(self.state, State::Header) {
            let Some(rest) = self.header(payload, near, stream) else {
                return;
            };
            payload = rest;
        }
        let State::Payload(left) = &mut self.state else {
            return;
        };
        if let Some(left) = left {
            let (taken, _) = payload.split_at(payload.len().min(*left));
            *left -= taken.len();
            payload = taken;
        }
        stream.data.extend_from_slice(payload);
    }

    /// The segment is over. A start without any payload is none.
    pub(super) fn finish(&mut self, stream: &mut ElementaryStream) {
        let end = stream.data.len();
        while stream.packets.last().is_some_and(|p| p.offset == end) {
            stream.packets.pop();
        }
    }

    /// Collects a header; answers with the payload behind it once it is whole.
    fn header<'a>(
        &mut self,
        payload: &'a [u8],
        near: &mut Option<Ticks>,
        stream: &mut ElementaryStream,
    ) -> Option<&'a [u8]> {
        if self.header.is_empty()
            && let Some(header) = Header::parse(payload)
        {
            // The usual case: no copy.
            return self.begin(&header, payload, near, stream);
        }
        let before = self.header.len();
        let room = MAX_HEADER_BYTES - before;
        self.header.extend(payload.iter().take(room));
        let Some(header) = Header::parse(&self.header) else {
            if self.header.len() >= MAX_HEADER_BYTES || !is_start(&self.header) {
                self.state = State::Idle;
            }
            return None;
        };
        let used = header.bytes.saturating_sub(before);
        let rest = Header {
            bytes: used,
            ..header
        };
        self.begin(&rest, payload, near, stream)
    }

    fn begin<'a>(
        &mut self,
        header: &Header,
        payload: &'a [u8],
        near: &mut Option<Ticks>,
        stream: &mut ElementaryStream,
    ) -> Option<&'a [u8]> {
        if !self.seeded && header.pts.is_some() {
            self.seeded = true;
            self.times = near.map_or(Unwrapper::new(), Unwrapper::near);
        }
        let pts = header.pts.map(|wire| self.times.unwrap(wire));
        *near = pts.or(*near);
        let dts = match (header.dts, pts) {
            (Some(wire), Some(pts)) => Some(Unwrapper::near(pts).unwrap(wire)),
            _ => pts,
        };
        stream.packets.push(PesStart {
            offset: stream.data.len(),
            pts,
            dts,
            random_access: self.random_access,
        });
        self.header.clear();
        self.state = State::Payload(header.payload_bytes);
        payload.get(header.bytes..)
    }
}

/// What a PES header says.
#[derive(Clone, Copy, Debug)]
struct Header {
    /// Bytes of the header.
    bytes: usize,
    /// Bytes behind it, where it says.
    payload_bytes: Option<usize>,
    pts: Option<u64>,
    dts: Option<u64>,
}

impl Header {
    /// `None` when it is none, or not whole.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let &[0, 0, 1, id, high, low] = bytes.first_chunk::<6>()? else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if BARE_STREAM_IDS.contains(&id) {
            return Some(Self {
                bytes: 6,
                payload_bytes: Some(length),
                pts: None,
                dts: None,
            });
        }
        let &[flags, optional] = bytes.get(7..FIXED_BYTES)?.first_chunk::<2>()?;
        let header_bytes = FIXED_BYTES + usize::from(optional);
        let optional = bytes.get(FIXED_BYTES..header_bytes)?;
        let pts = (flags & 0x80 != 0).then(|| time(optional)).flatten();
        let dts = optional.get(5..).filter(|_| flags & 0xc0 == 0xc0);
        // The length counts from behind itself; 0 leaves it open.
        let payload_bytes = match length {
            0 => None,
            length => Some(length.saturating_sub(header_bytes - 6)),
        };
        Some(Self {
            bytes: header_bytes,
            payload_bytes,
            pts,
            dts: dts.and_then(time),
        })
    }
}

/// Whether a header may still become whole.
fn is_start(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .zip([0, 0, 1])
        .all(|(byte, wanted)| *byte == wanted)
}

/// 33 bits spread over five bytes.
fn time(bytes: &[u8]) -> Option<u64> {
    let &[a, b, c, d, e] = bytes.first_chunk::<5>()?;
    let middle = u64::from(u16::from_be_bytes([b, c]) >> 1);
    let low = u64::from(u16::from_be_bytes([d, e]) >> 1);
    Some(u64::from(a >> 1 & 7) << 30 | middle << 15 | low)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> ElementaryStream {
        ElementaryStream {
            pid: 256,
            stream_type: 0x1b,
            registration: None,
            data: Vec::new(),
            packets: Vec::new(),
        }
    }

    fn packet(payload: &[u8], starts_unit: bool) -> Packet<'_> {
        Packet {
            pid: 256,
            starts_unit,
            damaged: false,
            scrambled: false,
            counter: 0,
            discontinuity: false,
            random_access: true,
            clock: None,
            payload,
        }
    }

    /// PTS 2^32 + 2^15 + 1, 3 bytes of payload.
    const PES: [u8; 17] = [
        0, 0, 1, 0xe0, 0, 11, 0x80, 0x80, 5, 0x29, 0, 3, 0, 3, 7, 8, 9,
    ];

    #[test]
    fn a_header_may_be_spread_over_packets() {
        for split in 0..=PES.len() {
            let mut reader = PesReader::new();
            let mut stream = stream();
            let (head, tail) = PES.split_at(split);
            reader.push(&packet(head, true), &mut None, &mut stream);
            reader.push(&packet(tail, false), &mut None, &mut stream);
            assert_eq!(stream.data, [7, 8, 9], "split at {split}");
            let pts = Ticks((1 << 32) + (1 << 15) + 1);
            assert_eq!(stream.packets[0].pts, Some(pts));
            assert_eq!(stream.packets[0].dts, Some(pts));
        }
    }

    #[test]
    fn bytes_beyond_the_length_are_stuffing() {
        let mut reader = PesReader::new();
        let mut stream = stream();
        reader.push(&packet(&PES, true), &mut None, &mut stream);
        reader.push(&packet(&[0xff; 100], false), &mut None, &mut stream);
        assert_eq!(stream.data, [7, 8, 9]);
    }

    #[test]
    fn garbage_is_no_payload() {
        let mut reader = PesReader::new();
        let mut stream = stream();
        reader.push(
            &packet(&[1, 2, 3, 4, 5, 6, 7, 8, 9], true),
            &mut None,
            &mut stream,
        );
        reader.push(&packet(&[0; 100], false), &mut None, &mut stream);
        assert!(stream.data.is_empty() && stream.packets.is_empty());
    }
}
