//! What pictures of a stream look like, whatever codec says it.

use streamflow_types::ChromaFormat;

/// What the parameter sets say about pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureFormat {
    /// As playlists name the codec (RFC 6381).
    pub codec_string: String,
    /// Width to show, after cropping.
    pub width: u32,
    /// Height to show, after cropping.
    pub height: u32,
    /// Chroma subsampling; `None` is monochrome.
    pub chroma: Option<ChromaFormat>,
    /// Bits a luma sample.
    pub bit_depth: u8,
    /// Profile number.
    pub profile: u8,
    /// Level number.
    pub level: u8,
    /// Frames a second.
    pub frame_rate: Option<(u32, u32)>,
    /// Shape of a pixel, width to height.
    pub sample_aspect: Option<(u32, u32)>,
}

/// No side of a picture is longer in any level of the codecs read here.
pub(super) const MAX_SIDE: u32 = 16_888;

/// Shapes of pixels that have a number, from 1.
const ASPECTS: [(u32, u32); 16] = [
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];

/// Reads the shape of a pixel, which both codecs write alike.
pub(super) fn sample_aspect(bits: &mut super::bits::BitReader<'_>) -> Option<Option<(u32, u32)>> {
    const EXTENDED: u32 = 255;
    let number = bits.bits(8)?;
    if number == EXTENDED {
        let (width, height) = (bits.bits(16)?, bits.bits(16)?);
        return Some((width != 0 && height != 0).then_some((width, height)));
    }
    let index = usize::try_from(number).ok()?.checked_sub(1);
    Some(index.and_then(|index| ASPECTS.get(index)).copied())
}

/// The chroma subsampling with this number; `None` for no such number.
pub(super) const fn chroma(idc: u32) -> Option<Option<ChromaFormat>> {
    Some(match idc {
        0 => None,
        1 => Some(ChromaFormat::Yuv420),
        2 => Some(ChromaFormat::Yuv422),
        3 => Some(ChromaFormat::Yuv444),
        _ => return None,
    })
}

/// A picture's size less its cropping: `None` when nothing is left or it is too large.
pub(super) fn cropped(coded: u64, units: u64, unit: u64) -> Option<u32> {
    let side = coded.checked_sub(units.checked_mul(unit)?)?;
    u32::try_from(side)
        .ok()
        .filter(|side| (1..=MAX_SIDE).contains(side))
}

/// `ticks`/`units` in lowest terms, where both are set.
pub(super) fn rate(ticks: u64, units: u64) -> Option<(u32, u32)> {
    if ticks == 0 || units == 0 {
        return None;
    }
    let divisor = gcd(ticks, units);
    Some((
        u32::try_from(ticks / divisor).ok()?,
        u32::try_from(units / divisor).ok()?,
    ))
}

const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
