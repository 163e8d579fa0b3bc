//! MPEG transport streams: what reading and writing them share.
//!
//! [`demux`] reads segments of strangers, [`mux`] writes ours. Times are [`Ticks`] of 90 kHz that
//! do not wrap; the 33-bit form of the stream exists only at its borders ([`Ticks::to_wire`],
//! [`Unwrapper`]).

pub mod demux;
pub mod mux;
mod ticks;

pub use ticks::{Ticks, Unwrapper};

/// Bytes of a transport packet.
pub const PACKET_BYTES: usize = 188;

/// First byte of every transport packet.
pub const SYNC_BYTE: u8 = 0x47;

/// PID of the program association table.
pub const PAT_PID: u16 = 0;

/// PID of stuffing packets.
pub const NULL_PID: u16 = 0x1fff;

/// Table id of a program association section.
pub const PAT_TABLE_ID: u8 = 0x00;

/// Table id of a program map section.
pub const PMT_TABLE_ID: u8 = 0x02;

/// PES stream id of the first video stream.
pub const VIDEO_STREAM_ID: u8 = 0xe0;

/// PES stream id of the first audio stream.
pub const AUDIO_STREAM_ID: u8 = 0xc0;

/// What an elementary stream holds, as numbered in a program map.
pub mod stream_type {
    /// MPEG-2 video.
    pub const MPEG2_VIDEO: u8 = 0x02;
    /// MPEG-1 audio, layers I to III.
    pub const MPEG1_AUDIO: u8 = 0x03;
    /// MPEG-2 audio with half sample rates, layers I to III.
    pub const MPEG2_AUDIO: u8 = 0x04;
    /// Private sections.
    pub const PRIVATE_SECTIONS: u8 = 0x05;
    /// Private PES data; descriptors say what.
    pub const PRIVATE_PES: u8 = 0x06;
    /// AAC in ADTS frames.
    pub const AAC_ADTS: u8 = 0x0f;
    /// AAC in LATM frames.
    pub const AAC_LATM: u8 = 0x11;
    /// Timed metadata in PES packets (ID3).
    pub const METADATA_PES: u8 = 0x15;
    /// H.264, Annex B.
    pub const H264: u8 = 0x1b;
    /// H.265, Annex B.
    pub const H265: u8 = 0x24;
    /// AC-3.
    pub const AC3: u8 = 0x81;
    /// Ad markers.
    pub const SCTE35: u8 = 0x86;
    /// E-AC-3.
    pub const EAC3: u8 = 0x87;

    /// Whether streams of this type are video.
    pub const fn is_video(stream_type: u8) -> bool {
        matches!(
            stream_type,
            0x01 | MPEG2_VIDEO | 0x10 | H264 | H265 | 0x33 | 0xea
        )
    }
}

/// CRC-32 of table sections (polynomial 0x04c11db7, most significant bit first, no final
/// inversion). Over a whole section with its own CRC the result is 0.
pub fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        let index = (crc >> 24) as u8 ^ byte;
        (crc << 8) ^ CRC_TABLE[usize::from(index)]
    })
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0u32; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 0x8000_0000 == 0 {
                value << 1
            } else {
                (value << 1) ^ 0x04c1_1db7
            };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_of_the_check_string_is_the_published_one() {
        assert_eq!(crc32(b"123456789"), 0x0376_e6e7);
    }

    #[test]
    fn crc_over_a_section_with_its_crc_is_zero() {
        let mut section = b"\x00\xb0\x0d\x00\x01\xc1\x00\x00\x00\x01\xf0\x00".to_vec();
        let crc = crc32(&section);
        section.extend(crc.to_be_bytes());
        assert_eq!(crc32(&section), 0);
    }
}
