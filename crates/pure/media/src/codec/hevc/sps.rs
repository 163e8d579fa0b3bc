//! Sequence parameter sets.

use std::fmt::Write;

use super::reference_sets;
use crate::codec::HeaderError;
use crate::codec::bits::BitReader;
use crate::codec::nal::unescape;
use crate::codec::picture::{self, PictureFormat};

/// Longest parameter set looked at; real ones have under 200 bytes, more with scaling lists.
const MAX_BYTES: usize = 8192;

/// Sub-layers a stream may have.
const MAX_SUB_LAYERS: u32 = 7;

/// A sequence parameter set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sps {
    /// Which of the stream's sets it is.
    pub id: u8,
    /// What pictures look like.
    pub format: PictureFormat,
}

impl Sps {
    /// Parses a NAL unit, its header included.
    pub fn parse(unit: &[u8]) -> Result<Self, HeaderError> {
        let payload = unescape(unit, MAX_BYTES);
        let mut bits = BitReader::new(payload.get(super::HEADER_BYTES..).ok_or(TRUNCATED)?);
        bits.skip(4).ok_or(TRUNCATED)?; // sps_video_parameter_set_id
        let sub_layers = bits.bits(3).ok_or(TRUNCATED)? + 1;
        if sub_layers > MAX_SUB_LAYERS {
            return Err(HeaderError::field(
                "sps_max_sub_layers_minus1",
                sub_layers - 1,
            ));
        }
        bits.skip(1).ok_or(TRUNCATED)?; // sps_temporal_id_nesting_flag
        let tier = ProfileTier::read(&mut bits, sub_layers).ok_or(TRUNCATED)?;
        let id = read_small(&mut bits, "sps_seq_parameter_set_id", 15)?;
        let chroma_idc = read_small(&mut bits, "chroma_format_idc", 3)?;
        let separate = chroma_idc == 3 && bits.flag().ok_or(TRUNCATED)?;
        let (width, height) = read_size(&mut bits, chroma_idc, separate)?;
        let depth = read_small(&mut bits, "bit_depth_luma_minus8", 8)? + 8;
        read_small(&mut bits, "bit_depth_chroma_minus8", 8)?;
        let vui = Vui::read(&mut bits, sub_layers);
        Ok(Self {
            // At most 15.
            id: id as u8,
            format: PictureFormat {
                codec_string: tier.codec_string(),
                width,
                height,
                chroma: picture::chroma(chroma_idc)
                    .ok_or_else(|| HeaderError::field("chroma_format_idc", chroma_idc))?,
                // At most 16.
                bit_depth: depth as u8,
                profile: tier.profile,
                level: tier.level,
                frame_rate: vui.rate,
                sample_aspect: vui.aspect,
            },
        })
    }
}

const TRUNCATED: HeaderError = HeaderError::Truncated("sequence parameter set");

/// Profile, tier and level as far as they name the codec.
struct ProfileTier {
    space: u8,
    high_tier: bool,
    profile: u8,
    compatibility: u32,
    constraints: [u8; 6],
    level: u8,
}

impl ProfileTier {
    fn read(bits: &mut BitReader<'_>, sub_layers: u32) -> Option<Self> {
        let space = bits.bits(2)? as u8;
        let high_tier = bits.flag()?;
        let profile = bits.bits(5)? as u8;
        let compatibility = bits.bits(32)?;
        let mut constraints = [0; 6];
        for byte in &mut constraints {
            *byte = bits.bits(8)? as u8;
        }
        let level = bits.bits(8)? as u8;
        skip_sub_layers(bits, sub_layers)?;
        Some(Self {
            space,
            high_tier,
            profile,
            compatibility,
            constraints,
            level,
        })
    }

    /// As ISO 14496-15 writes it, for example `hvc1.1.6.L93.B0`.
    fn codec_string(&self) -> String {
        let space = ["", "A", "B", "C"]
            .get(usize::from(self.space))
            .unwrap_or(&"");
        let tier = if self.high_tier { 'H' } else { 'L' };
        let mut text = format!(
            "hvc1.{space}{}.{:x}.{tier}{}",
            self.profile,
            self.compatibility.reverse_bits(),
            self.level
        );
        let used = self.constraints.iter().rposition(|byte| *byte != 0);
        for byte in self.constraints.iter().take(used.map_or(0, |i| i + 1)) {
            write!(text, ".{byte:X}").expect("a String takes everything");
        }
        text
    }
}

fn skip_sub_layers(bits: &mut BitReader<'_>, sub_layers: u32) -> Option<()> {
    if sub_layers < 2 {
        return Some(());
    }
    let mut present = Vec::with_capacity(MAX_SUB_LAYERS as usize);
    for _ in 1..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    for _ in sub_layers - 1..8 {
        bits.skip(2)?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 })?;
        bits.skip(if level { 8 } else { 0 })?;
    }
    Some(())
}

fn read_small(bits: &mut BitReader<'_>, field: &'static str, max: u32) -> Result<u32, HeaderError> {
    let value = bits.ue().ok_or(TRUNCATED)?;
    if value > max {
        return Err(HeaderError::field(field, value));
    }
    Ok(value)
}

fn read_size(
    bits: &mut BitReader<'_>,
    chroma_idc: u32,
    separate: bool,
) -> Result<(u32, u32), HeaderError> {
    let width = bits.ue().ok_or(TRUNCATED)?;
    let height = bits.ue().ok_or(TRUNCATED)?;
    let mut crop = [0u64; 4];
    if bits.flag().ok_or(TRUNCATED)? {
        for side in &mut crop {
            *side = u64::from(bits.ue().ok_or(TRUNCATED)?);
        }
    }
    let [left, right, top, bottom] = crop;
    let (unit_x, unit_y) = match chroma_idc {
        1 if !separate => (2, 2),
        2 if !separate => (2, 1),
        _ => (1, 1),
    };
    let shown_width = picture::cropped(u64::from(width), left + right, unit_x)
        .ok_or_else(|| HeaderError::field("pic_width_in_luma_samples", width))?;
    let shown_height = picture::cropped(u64::from(height), top + bottom, unit_y)
        .ok_or_else(|| HeaderError::field("pic_height_in_luma_samples", height))?;
    Ok((shown_width, shown_height))
}

/// What the optional part says. A part cut short says what came before.
#[derive(Default)]
struct Vui {
    aspect: Option<(u32, u32)>,
    rate: Option<(u32, u32)>,
}

impl Vui {
    fn read(bits: &mut BitReader<'_>, sub_layers: u32) -> Self {
        let mut vui = Self::default();
        // A defect here does not take away the picture's size.
        let _ = skip_tools(bits, sub_layers).and_then(|()| vui.fill(bits));
        vui
    }

    fn fill(&mut self, bits: &mut BitReader<'_>) -> Option<()> {
        if !bits.flag()? {
            return Some(());
        }
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
        bits.skip(3)?; // neutral_chroma_indication, field_seq, frame_field_info
        if bits.flag()? {
            for _ in 0..4 {
                bits.ue()?; // default display window
            }
        }
        if bits.flag()? {
            let units = bits.bits(32)?;
            let ticks = bits.bits(32)?;
            self.rate = picture::rate(u64::from(ticks), u64::from(units));
        }
        Some(())
    }
}

/// Skips what stands between the bit depths and the optional part.
fn skip_tools(bits: &mut BitReader<'_>, sub_layers: u32) -> Option<()> {
    let order_bits = bits.ue()?.checked_add(4).filter(|bits| *bits <= 16)?;
    let each_layer = bits.flag()?;
    for _ in 0..if each_layer { sub_layers } else { 1 } {
        for _ in 0..3 {
            bits.ue()?;
        }
    }
    for _ in 0..6 {
        bits.ue()?; // block sizes and transform depths
    }
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    bits.skip(2)?; // amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if bits.flag()? {
        bits.skip(8)?; // PCM bit depths
        bits.ue()?;
        bits.ue()?;
        bits.skip(1)?;
    }
    reference_sets::skip(bits)?;
    if bits.flag()? {
        let count = bits.ue().filter(|count| *count <= 32)?;
        for _ in 0..count {
            bits.skip(order_bits as usize + 1)?;
        }
    }
    bits.skip(2) // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
}

fn skip_scaling_lists(bits: &mut BitReader<'_>) -> Option<()> {
    for size in 0..4u32 {
        let step = if size == 3 { 3 } else { 1 };
        for _ in (0..6).step_by(step) {
            if !bits.flag()? {
                bits.ue()?;
                continue;
            }
            if size > 1 {
                bits.se()?;
            }
            for _ in 0..64.min(1 << (4 + 2 * size)) {
                bits.se()?;
            }
        }
    }
    Some(())
}
