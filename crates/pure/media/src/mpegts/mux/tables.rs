//! The two tables at the head of every segment.

use super::super::{PACKET_BYTES, PAT_TABLE_ID, PMT_TABLE_ID, crc32};
use super::packet::Pid;
use super::{AUDIO_PID, PMT_PID, VIDEO_PID};

/// The only program of our streams.
const PROGRAM: u16 = 1;

/// What the tables say. The version goes up with every change.
#[derive(Debug, Default)]
pub(super) struct Tables {
    video: Option<u8>,
    audio: Option<u8>,
    version: u8,
    is_written: bool,
}

impl Tables {
    /// Takes over the stream types of the coming segment.
    pub(super) fn update(&mut self, video: Option<u8>, audio: Option<u8>) {
        if self.is_written && (self.video, self.audio) != (video, audio) {
            self.version = self.version.wrapping_add(1) & 0x1f;
        }
        (self.video, self.audio, self.is_written) = (video, audio, true);
    }

    pub(super) fn write_pat(&self, pid: &mut Pid, out: &mut Vec<u8>) {
        let mut body = PROGRAM.to_be_bytes().to_vec();
        body.extend((0xe000 | PMT_PID).to_be_bytes());
        // One transport stream, whose tables never change.
        write_section(pid, PAT_TABLE_ID, 1, 0, &body, out);
    }

    pub(super) fn write_pmt(&self, pid: &mut Pid, out: &mut Vec<u8>) {
        let clock = if self.video.is_some() {
            VIDEO_PID
        } else {
            AUDIO_PID
        };
        let mut body = (0xe000 | clock).to_be_bytes().to_vec();
        body.extend([0xf0, 0]);
        for (stream_type, pid) in [(self.video, VIDEO_PID), (self.audio, AUDIO_PID)] {
            if let Some(stream_type) = stream_type {
                body.push(stream_type);
                body.extend((0xe000 | pid).to_be_bytes());
                body.extend([0xf0, 0]);
            }
        }
        write_section(pid, PMT_TABLE_ID, PROGRAM, self.version, &body, out);
    }
}

/// One section in one packet, stuffed behind.
fn write_section(pid: &mut Pid, table: u8, id: u16, version: u8, body: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend(pid.header(true, false));
    out.push(0); // The section begins right here.
    let section = out.len();
    out.push(table);
    // Identifier, version, section numbers and CRC count into the length.
    let length = u16::try_from(body.len() + 9).unwrap_or(u16::MAX) & 0x0fff;
    out.extend((0xb000 | length).to_be_bytes());
    out.extend(id.to_be_bytes());
    out.extend([0xc1 | (version << 1), 0, 0]);
    out.extend_from_slice(body);
    let crc = crc32(out.get(section..).unwrap_or_default());
    out.extend(crc.to_be_bytes());
    out.resize(start + PACKET_BYTES, 0xff);
}
