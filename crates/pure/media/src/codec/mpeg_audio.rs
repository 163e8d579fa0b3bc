//! MPEG-1 and MPEG-2 audio frames, MP3 among them.

/// Bytes of a frame header.
pub const HEADER_BYTES: usize = 4;

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// 1, 2 or 3.
    pub layer: u8,
    /// Samples a second.
    pub sample_rate: u32,
    /// One or two.
    pub channels: u8,
    /// Bytes of the frame, its header included.
    pub frame_bytes: usize,
    /// Samples of each channel in it.
    pub samples: u32,
}

/// Kilobits a second by number: MPEG-1 layers I to III, then MPEG-2 layer I, layers II and III.
const BITRATES: [[u32; 14]; 5] = [
    [
        32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448,
    ],
    [
        32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
    ],
    [
        32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ],
    [
        32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256,
    ],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

impl FrameHeader {
    /// Reads the header at the start of `bytes`; `None` where there is none, or where the bitrate
    /// is left open.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let [sync, version, rates, mode] = bytes.first_chunk::<HEADER_BYTES>().copied()?;
        if sync != 0xff || version & 0xe0 != 0xe0 {
            return None;
        }
        // Each halving of the sample rates is a version: MPEG-1, MPEG-2, and 2.5.
        let halvings = match version >> 3 & 3 {
            3 => 0u32,
            2 => 1,
            0 => 2,
            _ => return None,
        };
        let layer = 4 - (version >> 1 & 3);
        if layer == 4 {
            return None;
        }
        let table = match (halvings, layer) {
            (0, layer) => usize::from(layer) - 1,
            (_, 1) => 3,
            _ => 4,
        };
        let index = usize::from(rates >> 4).checked_sub(1)?;
        let bitrate = BITRATES.get(table)?.get(index)? * 1000;
        let base: u32 = *[44_100, 48_000, 32_000].get(usize::from(rates >> 2 & 3))?;
        let sample_rate = base >> halvings;
        let padding = u32::from(rates >> 1 & 1);
        let (samples, frame_bytes) = match layer {
            1 => (384, (12 * bitrate / sample_rate + padding) * 4),
            3 if halvings > 0 => (576, 72 * bitrate / sample_rate + padding),
            _ => (1152, 144 * bitrate / sample_rate + padding),
        };
        Some(Self {
            layer,
            sample_rate,
            channels: if mode >> 6 == 3 { 1 } else { 2 },
            frame_bytes: usize::try_from(frame_bytes).ok()?,
            samples,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_header_is_read() {
        // MP3, 128 kbit/s, 44.1 kHz, joint stereo.
        let header = FrameHeader::parse(&[0xff, 0xfb, 0x90, 0x64]).unwrap();
        assert_eq!(
            header,
            FrameHeader {
                layer: 3,
                sample_rate: 44_100,
                channels: 2,
                frame_bytes: 417,
                samples: 1152,
            }
        );
    }

    #[test]
    fn no_header_makes_trouble() {
        for version in 0..=255 {
            for rates in 0..=255 {
                let header = FrameHeader::parse(&[0xff, version, rates, 0]);
                assert!(header.is_none_or(|header| header.frame_bytes > 4));
            }
        }
    }
}
