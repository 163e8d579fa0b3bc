//! Transport and PES packets.

use super::super::{PACKET_BYTES, SYNC_BYTE, Ticks};

/// Bytes of a packet behind its header.
const BODY_BYTES: usize = PACKET_BYTES - 4;

/// A PID and the counter of its packets, modulo 16.
#[derive(Debug)]
pub(super) struct Pid {
    number: u16,
    next: u8,
}

/// What the adaptation field of a packet says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Adaptation {
    pub(super) clock: Option<Ticks>,
    pub(super) random_access: bool,
    pub(super) discontinuity: bool,
}

impl Pid {
    pub(super) const fn new(number: u16) -> Self {
        Self { number, next: 0 }
    }

    /// The header of a packet with content. `start` marks the first of a section or PES packet.
    pub(super) fn header(&mut self, start: bool, has_adaptation: bool) -> [u8; 4] {
        let counter = self.next & 0x0f;
        self.next = self.next.wrapping_add(1) & 0x0f;
        let flags = if has_adaptation { 0x30 } else { 0x10 };
        header(self.number, start, flags | counter)
    }

    /// The header of a packet without content, which repeats the last counter.
    fn empty_header(&self) -> [u8; 4] {
        header(
            self.number,
            false,
            0x20 | (self.next.wrapping_sub(1) & 0x0f),
        )
    }
}

fn header(pid: u16, start: bool, last: u8) -> [u8; 4] {
    let [high, low] = (pid & 0x1fff).to_be_bytes();
    [SYNC_BYTE, if start { high | 0x40 } else { high }, low, last]
}

impl Adaptation {
    /// Bytes of the field with its length byte; 0 when there is nothing to say.
    const fn length(self) -> usize {
        match (self.clock, self.random_access || self.discontinuity) {
            (Some(_), _) => 8,
            (None, true) => 2,
            (None, false) => 0,
        }
    }

    /// Appends the field, stuffed to exactly `length` bytes.
    fn write(self, length: usize, out: &mut Vec<u8>) {
        let Some(behind) = length.checked_sub(1) else {
            return;
        };
        out.push(u8::try_from(behind).unwrap_or(u8::MAX));
        if behind == 0 {
            return;
        }
        let mut flags = 0;
        if self.discontinuity {
            flags |= 0x80;
        }
        if self.random_access {
            flags |= 0x40;
        }
        if self.clock.is_some() {
            flags |= 0x10;
        }
        out.push(flags);
        if let Some(clock) = self.clock {
            // 33 bits of 90 kHz, 6 reserved bits, 9 bits of 27 MHz that stay zero.
            let base = clock.to_wire();
            let [_, _, _, rest @ ..] = (base << 7).to_be_bytes();
            let [a, b, c, d, e] = rest;
            out.extend([a, b, c, d, e | 0x7e, 0]);
        }
        let written = self.length().max(2);
        out.resize(out.len() + length.saturating_sub(written), 0xff);
    }
}

/// Replaces `pes` by the header of a PES packet with `length` bytes of content to come.
pub(super) fn begin_pes(
    stream_id: u8,
    pts: Ticks,
    dts: Option<Ticks>,
    length: usize,
    pes: &mut Vec<u8>,
) {
    pes.clear();
    let times = if dts.is_some() { 10 } else { 5 };
    // Too long for the field: 0, which only video may use and only video reaches.
    let length = u16::try_from(length.saturating_add(3 + times)).unwrap_or(0);
    pes.extend([0, 0, 1, stream_id]);
    pes.extend(length.to_be_bytes());
    pes.extend([0x84, if dts.is_some() { 0xc0 } else { 0x80 }, times as u8]);
    pes.extend(time_field(if dts.is_some() { 3 } else { 2 }, pts));
    if let Some(dts) = dts {
        pes.extend(time_field(1, dts));
    }
}

/// 33 bits in three runs, each followed by a marker bit.
fn time_field(prefix: u8, time: Ticks) -> [u8; 5] {
    let time = time.to_wire();
    [
        (prefix << 4) | ((time >> 29) as u8 & 0x0e) | 1,
        (time >> 22) as u8,
        ((time >> 14) as u8 & 0xfe) | 1,
        (time >> 7) as u8,
        ((time << 1) as u8 & 0xfe) | 1,
    ]
}

/// Cuts a PES packet into transport packets; `first` goes with the first of them.
pub(super) fn write_pes(pid: &mut Pid, pes: &[u8], first: Adaptation, out: &mut Vec<u8>) {
    let (mut rest, mut adaptation, mut start) = (pes, first, true);
    while !rest.is_empty() {
        let room = BODY_BYTES.saturating_sub(adaptation.length());
        let taken = room.min(rest.len());
        let (content, left) = rest.split_at(taken);
        let field = BODY_BYTES.saturating_sub(taken);
        out.extend(pid.header(start, field > 0));
        adaptation.write(field, out);
        out.extend_from_slice(content);
        (rest, adaptation, start) = (left, Adaptation::default(), false);
    }
}

/// A packet that carries nothing but the clock.
pub(super) fn write_clock(pid: &Pid, adaptation: Adaptation, out: &mut Vec<u8>) {
    out.extend(pid.empty_header());
    adaptation.write(BODY_BYTES, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_fills_whole_packets() {
        for length in 1..800 {
            for adaptation in [
                Adaptation::default(),
                Adaptation {
                    random_access: true,
                    ..Adaptation::default()
                },
                Adaptation {
                    clock: Some(Ticks(1)),
                    ..Adaptation::default()
                },
            ] {
                let (mut pid, mut out) = (Pid::new(0x100), Vec::new());
                write_pes(&mut pid, &vec![1; length], adaptation, &mut out);
                assert_eq!(out.len() % PACKET_BYTES, 0, "{length}");
                let content: usize = out
                    .chunks(PACKET_BYTES)
                    .map(|packet| {
                        let field = if packet[3] & 0x20 == 0 {
                            0
                        } else {
                            1 + packet[4] as usize
                        };
                        PACKET_BYTES - 4 - field
                    })
                    .sum();
                assert_eq!(content, length);
            }
        }
    }

    #[test]
    fn times_are_written_in_33_bits() {
        assert_eq!(time_field(2, Ticks(0)), [0x21, 0, 1, 0, 1]);
        let all = Ticks((1 << 33) - 1);
        assert_eq!(time_field(3, all), [0x3f, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(time_field(2, all + Ticks(1)), time_field(2, Ticks(0)));
    }

    #[test]
    fn the_clock_is_written_above_its_extension() {
        let mut out = Vec::new();
        let clock = Some(Ticks((1 << 33) - 1));
        write_clock(
            &Pid::new(1),
            Adaptation {
                clock,
                ..Adaptation::default()
            },
            &mut out,
        );
        assert_eq!(
            &out[..12],
            &[0x47, 0, 1, 0x2f, 183, 0x10, 0xff, 0xff, 0xff, 0xff, 0xfe, 0]
        );
        assert_eq!(out.len(), PACKET_BYTES);
    }
}
