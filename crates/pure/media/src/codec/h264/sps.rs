//! Sequence parameter sets.

use crate::codec::HeaderError;
use crate::codec::bits::BitReader;
use crate::codec::nal::unescape;
use crate::codec::picture::{self, PictureFormat};

/// Longest parameter set looked at. Real ones have under 100 bytes, 700 with all scaling lists.
const MAX_BYTES: usize = 2048;

/// Profiles whose parameter sets name their chroma format.
const WITH_CHROMA: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// A sequence parameter set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sps {
    /// Which of the stream's sets it is.
    pub id: u8,
    /// Constraint flags, as the byte after the profile.
    pub constraints: u8,
    /// What pictures look like.
    pub format: PictureFormat,
    /// Frames that may be shown later than ones decoded after them, where given.
    pub reorder_frames: Option<u32>,
    /// Bits of a frame number.
    pub(super) frame_number_bits: u32,
    /// Colour planes are coded apart.
    pub(super) separate_planes: bool,
    /// No picture is a single field.
    pub(super) frames_only: bool,
}

impl Sps {
    /// Parses a NAL unit, its header byte included.
    pub fn parse(unit: &[u8]) -> Result<Self, HeaderError> {
        let payload = unescape(unit, MAX_BYTES);
        let header = payload.get(1..4).ok_or(TRUNCATED)?;
        let &[profile, constraints, level] = header else {
            return Err(TRUNCATED);
        };
        let mut bits = BitReader::new(payload.get(4..).unwrap_or_default());
        let id = bits.ue().ok_or(TRUNCATED)?;
        if id > 31 {
            return Err(HeaderError::field("seq_parameter_set_id", id));
        }
        let mut chroma_idc = 1;
        let mut depth = 8;
        let mut separate_planes = false;
        if WITH_CHROMA.contains(&profile) {
            (chroma_idc, separate_planes, depth) = read_chroma(&mut bits)?;
        }
        let frame_number_bits = read_small(&mut bits, "log2_max_frame_num_minus4", 12)? + 4;
        read_picture_order(&mut bits)?;
        bits.ue().ok_or(TRUNCATED)?; // max_num_ref_frames
        bits.flag().ok_or(TRUNCATED)?; // gaps_in_frame_num_value_allowed_flag
        let size = read_size(&mut bits, chroma_idc, separate_planes)?;
        let vui = match bits.flag() {
            Some(true) => Vui::read(&mut bits),
            _ => Vui::default(),
        };
        Ok(Self {
            // At most 31.
            id: id as u8,
            constraints,
            format: PictureFormat {
                codec_string: format!("avc1.{profile:02x}{constraints:02x}{level:02x}"),
                width: size.width,
                height: size.height,
                chroma: picture::chroma(chroma_idc)
                    .ok_or_else(|| HeaderError::field("chroma_format_idc", chroma_idc))?,
                bit_depth: depth,
                profile,
                level,
                frame_rate: vui.rate,
                sample_aspect: vui.aspect,
            },
            reorder_frames: vui.reorder_frames,
            frame_number_bits,
            separate_planes,
            frames_only: size.frames_only,
        })
    }
}

const TRUNCATED: HeaderError = HeaderError::Truncated("sequence parameter set");

struct Size {
    width: u32,
    height: u32,
    frames_only: bool,
}

fn read_small(bits: &mut BitReader<'_>, field: &'static str, max: u32) -> Result<u32, HeaderError> {
    let value = bits.ue().ok_or(TRUNCATED)?;
    if value > max {
        return Err(HeaderError::field(field, value));
    }
    Ok(value)
}

/// Chroma format, whether planes are separate, and bits a luma sample.
fn read_chroma(bits: &mut BitReader<'_>) -> Result<(u32, bool, u8), HeaderError> {
    let idc = read_small(bits, "chroma_format_idc", 3)?;
    let separate = idc == 3 && bits.flag().ok_or(TRUNCATED)?;
    let depth = read_small(bits, "bit_depth_luma_minus8", 6)? + 8;
    read_small(bits, "bit_depth_chroma_minus8", 6)?;
    bits.flag().ok_or(TRUNCATED)?; // qpprime_y_zero_transform_bypass_flag
    if bits.flag().ok_or(TRUNCATED)? {
        let lists = if idc == 3 { 12 } else { 8 };
        for list in 0..lists {
            if bits.flag().ok_or(TRUNCATED)? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 }).ok_or(TRUNCATED)?;
            }
        }
    }
    // At most 14.
    Ok((idc, separate, depth as u8))
}

fn skip_scaling_list(bits: &mut BitReader<'_>, size: u32) -> Option<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.se()?).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

fn read_picture_order(bits: &mut BitReader<'_>) -> Result<(), HeaderError> {
    match read_small(bits, "pic_order_cnt_type", 2)? {
        0 => {
            read_small(bits, "log2_max_pic_order_cnt_lsb_minus4", 12)?;
        }
        1 => {
            bits.flag().ok_or(TRUNCATED)?;
            bits.se().ok_or(TRUNCATED)?;
            bits.se().ok_or(TRUNCATED)?;
            let cycle = read_small(bits, "num_ref_frames_in_pic_order_cnt_cycle", 255)?;
            for _ in 0..cycle {
                bits.se().ok_or(TRUNCATED)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn read_size(
    bits: &mut BitReader<'_>,
    chroma_idc: u32,
    separate_planes: bool,
) -> Result<Size, HeaderError> {
    let columns = u64::from(bits.ue().ok_or(TRUNCATED)?) + 1;
    let rows = u64::from(bits.ue().ok_or(TRUNCATED)?) + 1;
    let frames_only = bits.flag().ok_or(TRUNCATED)?;
    if !frames_only {
        bits.flag().ok_or(TRUNCATED)?; // mb_adaptive_frame_field_flag
    }
    bits.flag().ok_or(TRUNCATED)?; // direct_8x8_inference_flag
    let mut crop = [0u64; 4];
    if bits.flag().ok_or(TRUNCATED)? {
        for side in &mut crop {
            *side = u64::from(bits.ue().ok_or(TRUNCATED)?);
        }
    }
    let [left, right, top, bottom] = crop;
    let fields = if frames_only { 1 } else { 2 };
    let (unit_x, unit_y) = match chroma_idc {
        1 if !separate_planes => (2, 2 * fields),
        2 if !separate_planes => (2, fields),
        _ => (1, fields),
    };
    let coded_height = rows * 16 * fields;
    Ok(Size {
        width: picture::cropped(columns * 16, left + right, unit_x)
            .ok_or_else(|| HeaderError::field("pic_width_in_mbs_minus1", columns - 1))?,
        height: picture::cropped(coded_height, top + bottom, unit_y)
            .ok_or_else(|| HeaderError::field("pic_height_in_map_units_minus1", rows - 1))?,
        frames_only,
    })
}

/// What the optional part says. A part cut short says what came before.
#[derive(Default)]
struct Vui {
    aspect: Option<(u32, u32)>,
    rate: Option<(u32, u32)>,
    reorder_frames: Option<u32>,
}

impl Vui {
    fn read(bits: &mut BitReader<'_>) -> Self {
        let mut vui = Self::default();
        // A defect here does not take away the picture's size.
        let _ = vui.fill(bits);
        vui
    }

    fn fill(&mut self, bits: &mut BitReader<'_>) -> Option<()> {
        if bits.flag()? {
            self.aspect = picture::sample_aspect(bits)?;
        }
        if bits.flag()? {
            bits.skip(1)?; // overscan_appropriate_flag
        }
        if bits.flag()? {
            bits.skip(4)?; // video_format, video_full_range_flag
            if bits.flag()? {
                bits.skip(24)?; // colour description
            }
        }
        if bits.flag()? {
            bits.ue()?;
            bits.ue()?;
        }
        if bits.flag()? {
            let units = bits.bits(32)?;
            let ticks = bits.bits(32)?;
            bits.skip(1)?; // fixed_frame_rate_flag
            // A tick is a field: two make a frame.
            self.rate = picture::rate(u64::from(ticks), u64::from(units) * 2);
        }
        let nal_hrd = bits.flag()?;
        if nal_hrd {
            skip_hrd(bits)?;
        }
        let vcl_hrd = bits.flag()?;
        if vcl_hrd {
            skip_hrd(bits)?;
        }
        if nal_hrd || vcl_hrd {
            bits.skip(1)?; // low_delay_hrd_flag
        }
        bits.skip(1)?; // pic_struct_present_flag
        if bits.flag()? {
            bits.skip(1)?; // motion_vectors_over_pic_boundaries_flag
            for _ in 0..4 {
                bits.ue()?;
            }
            self.reorder_frames = bits.ue();
        }
        Some(())
    }
}

fn skip_hrd(bits: &mut BitReader<'_>) -> Option<()> {
    let buffers = bits.ue()?;
    if buffers > 31 {
        return None;
    }
    bits.skip(8)?;
    for _ in 0..=buffers {
        bits.ue()?;
        bits.ue()?;
        bits.skip(1)?;
    }
    bits.skip(20)
}

#[cfg(test)]
mod tests {
    use streamflow_types::ChromaFormat;

    use super::*;

    /// 1280×720 at 30 frames a second, High, level 3.1, two frames of reordering.
    const HIGH: [u8; 28] = [
        0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03,
        0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0xc0, 0xf1, 0x83, 0x19, 0x60, 0x00, 0x00,
    ];

    #[test]
    fn a_usual_set_is_read_whole() {
        let sps = Sps::parse(&HIGH).unwrap();
        assert_eq!(sps.format.codec_string, "avc1.64001f");
        assert_eq!((sps.format.width, sps.format.height), (1280, 720));
        assert_eq!(sps.format.chroma, Some(ChromaFormat::Yuv420));
        assert_eq!(sps.format.bit_depth, 8);
        assert_eq!(sps.format.frame_rate, Some((30, 1)));
        assert_eq!(sps.format.sample_aspect, Some((1, 1)));
        assert_eq!(sps.reorder_frames, Some(2));
    }

    #[test]
    fn every_shortened_set_is_an_answer() {
        for end in 0..HIGH.len() {
            let parsed = Sps::parse(&HIGH[..end]);
            // The size stands in the first ten bytes; what follows is optional.
            assert_eq!(parsed.is_ok(), end >= 10, "{end} bytes: {parsed:?}");
        }
    }

    #[test]
    fn a_gigantic_picture_is_refused() {
        // Baseline with a width of 2^20 macroblocks.
        let mut bits = String::new();
        for field in ["1", "1", "1", "1", "010", "0"] {
            bits.push_str(field);
        }
        bits.push_str(&format!("{}1{}", "0".repeat(20), "0".repeat(20)));
        bits.push_str("11100000");
        let bytes = bits.as_bytes().chunks(8).map(|chunk| {
            let text = String::from_utf8(chunk.to_vec()).unwrap();
            u8::from_str_radix(&format!("{text:0<8}"), 2).unwrap()
        });
        let unit: Vec<u8> = [0x67, 66, 0, 30].into_iter().chain(bytes).collect();
        let error = Sps::parse(&unit).unwrap_err();
        assert!(matches!(error, HeaderError::Field { field, .. } if field.contains("width")));
    }
}
