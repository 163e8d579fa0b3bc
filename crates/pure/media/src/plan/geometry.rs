//! How large a rendition's pictures are.
//!
//! The larger side of the request is the length of the picture's longer side; the other side
//! follows the source's shape. So a portrait source gives a portrait rendition. Both sides are
//! even, and within what every encoder of the codec takes.

use streamflow_types::Codec;

/// Width and height of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// Of these sides.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Pixels of one picture.
    pub const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }
}

/// The shape of one pixel, width to height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SampleAspect {
    /// Width.
    pub num: u32,
    /// Height.
    pub den: u32,
}

/// Smallest and largest picture of a codec. All four sides are even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// No side may be below.
    pub min: Size,
    /// No side may be above.
    pub max: Size,
}

/// Why there is no such picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// The source has no picture yet: wait for a frame.
    #[error("the source picture has a side of 0")]
    EmptySource,
    /// The profile asks for nothing: give it a width and a height.
    #[error("the requested picture has a side of 0; ask for WIDTHxHEIGHT")]
    EmptyRequest,
}

/// Largest numbers a stream header can carry for the shape of a pixel.
const MAX_ASPECT_TERM: u128 = 65_535;

impl Bounds {
    /// What hardware and software encoders of this codec both take.
    pub const fn of(codec: Codec) -> Self {
        let (min, max) = match codec {
            Codec::H264 => (Size::new(146, 50), 4096),
            Codec::H265 => (Size::new(132, 40), 8192),
            Codec::Vp8 | Codec::Vp9 => (Size::new(16, 16), 8192),
        };
        Self {
            min,
            max: Size::new(max, max),
        }
    }
}

/// The size of a rendition of `source` where `requested` was asked for.
///
/// A source whose shape fits no picture within the bounds is squeezed into them;
/// [`sample_aspect`] then tells players how to stretch it back.
pub fn scaled(source: Size, requested: Size, bounds: Bounds) -> Result<Size, GeometryError> {
    if source.width == 0 || source.height == 0 {
        return Err(GeometryError::EmptySource);
    }
    if requested.width == 0 || requested.height == 0 {
        return Err(GeometryError::EmptyRequest);
    }
    let longer = requested.width.max(requested.height).max(2) & !1;
    let mut size = if source.width >= source.height {
        of_width(source, longer)
    } else {
        of_height(source, longer)
    };
    if size.width < bounds.min.width {
        size = of_width(source, bounds.min.width);
    }
    if size.height < bounds.min.height {
        size = of_height(source, bounds.min.height);
    }
    if size.width > bounds.max.width {
        size = of_width(source, bounds.max.width);
    }
    if size.height > bounds.max.height {
        size = of_height(source, bounds.max.height);
    }
    Ok(Size {
        width: size.width.clamp(bounds.min.width, bounds.max.width),
        height: size.height.clamp(bounds.min.height, bounds.max.height),
    })
}

/// The shape of a rendition's pixels that shows it as the source is shown. `None` stays `None`:
/// a source that does not say is taken as it comes.
pub fn sample_aspect(
    source: Size,
    source_aspect: Option<SampleAspect>,
    rendition: Size,
) -> Option<SampleAspect> {
    let aspect = source_aspect.filter(|aspect| aspect.num != 0 && aspect.den != 0)?;
    let num = u128::from(aspect.num) * u128::from(source.width) * u128::from(rendition.height);
    let den = u128::from(aspect.den) * u128::from(source.height) * u128::from(rendition.width);
    if num == 0 || den == 0 {
        return None;
    }
    let (num, den) = nearest_ratio(num, den);
    (num != 0 && den != 0).then_some(SampleAspect { num, den })
}

fn of_width(source: Size, width: u32) -> Size {
    Size::new(width, proportional(width, source.height, source.width))
}

fn of_height(source: Size, height: u32) -> Size {
    Size::new(proportional(height, source.width, source.height), height)
}

/// The even number nearest to `side` × `num` / `den`, halves up, at least 2.
fn proportional(side: u32, num: u32, den: u32) -> u32 {
    let den = u64::from(den);
    let pairs = (u64::from(side) * u64::from(num) + den) / (2 * den);
    u32::try_from(pairs * 2).unwrap_or(u32::MAX - 1).max(2)
}

/// The last convergent of the continued fraction whose terms a header can carry; the ratio itself
/// in lowest terms when it fits.
fn nearest_ratio(mut num: u128, mut den: u128) -> (u32, u32) {
    let (mut before, mut last) = ((0u128, 1u128), (1u128, 0u128));
    while den != 0 {
        let whole = num / den;
        let next = (
            whole.saturating_mul(last.0).saturating_add(before.0),
            whole.saturating_mul(last.1).saturating_add(before.1),
        );
        if next.0 > MAX_ASPECT_TERM || next.1 > MAX_ASPECT_TERM {
            break;
        }
        (before, last) = (last, next);
        (num, den) = (den, num % den);
    }
    // Both terms are at most `MAX_ASPECT_TERM`.
    (last.0 as u32, last.1 as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn h264(source: (u32, u32), requested: (u32, u32)) -> (u32, u32) {
        let size = scaled(
            Size::new(source.0, source.1),
            Size::new(requested.0, requested.1),
            Bounds::of(Codec::H264),
        )
        .unwrap();
        (size.width, size.height)
    }

    #[test]
    fn the_longer_side_takes_the_larger_number() {
        assert_eq!(h264((1280, 720), (854, 480)), (854, 480));
        assert_eq!(h264((1280, 720), (426, 240)), (426, 240));
        assert_eq!(h264((720, 1280), (640, 360)), (360, 640));
        assert_eq!(h264((1920, 800), (1280, 720)), (1280, 534));
        assert_eq!(h264((640, 640), (360, 640)), (640, 640));
        assert_eq!(h264((853, 480), (853, 480)), (852, 480));
    }

    #[test]
    fn the_picture_grows_to_what_encoders_take() {
        assert_eq!(h264((720, 1280), (256, 144)), (146, 260));
        assert_eq!(h264((1280, 720), (256, 144)), (256, 144));
        assert_eq!(h264((1280, 720), (16, 9)), (146, 82));
        assert_eq!(h264((1280, 720), (8192, 8192)), (4096, 2304));
    }

    #[test]
    fn an_impossible_shape_is_squeezed_and_its_pixels_say_so() {
        let (source, square) = (Size::new(4000, 20), SampleAspect { num: 1, den: 1 });
        let size = scaled(source, Size::new(640, 360), Bounds::of(Codec::H264)).unwrap();
        assert_eq!(size, Size::new(4096, 50));
        let aspect = sample_aspect(source, Some(square), size).unwrap();
        assert_eq!((aspect.num, aspect.den), (625, 256));
    }

    #[test]
    fn empty_sizes_are_refused() {
        let bounds = Bounds::of(Codec::H264);
        let full = Size::new(640, 360);
        let error = scaled(Size::new(0, 360), full, bounds);
        assert_eq!(error, Err(GeometryError::EmptySource));
        let error = scaled(full, Size::new(0, 360), bounds);
        assert_eq!(error, Err(GeometryError::EmptyRequest));
    }

    #[test]
    fn the_shape_of_pixels_is_carried() {
        let square = Some(SampleAspect { num: 1, den: 1 });
        let aspect = sample_aspect(Size::new(1280, 720), square, Size::new(640, 360)).unwrap();
        assert_eq!((aspect.num, aspect.den), (1, 1));
        let aspect = sample_aspect(Size::new(1280, 720), square, Size::new(854, 480)).unwrap();
        assert_eq!((aspect.num, aspect.den), (1280, 1281));
        assert_eq!(sample_aspect(Size::new(2, 2), None, Size::new(4, 4)), None);
    }

    proptest! {
        #[test]
        fn sizes_are_even_and_within_bounds(
            source in (1u32..=16_384, 1u32..=16_384),
            requested in (1u32..=u32::MAX, 1u32..=u32::MAX),
            hevc: bool,
        ) {
            let bounds = Bounds::of(if hevc { Codec::H265 } else { Codec::H264 });
            let source = Size::new(source.0, source.1);
            let size = scaled(source, Size::new(requested.0, requested.1), bounds).unwrap();
            prop_assert!(size.width.is_multiple_of(2) && size.height.is_multiple_of(2));
            prop_assert!((bounds.min.width..=bounds.max.width).contains(&size.width));
            prop_assert!((bounds.min.height..=bounds.max.height).contains(&size.height));
        }

        #[test]
        fn an_unbounded_picture_keeps_its_shape_within_a_row(
            source in (200u32..=4_096, 200u32..=4_096),
            longer in 900u32..=4_000,
        ) {
            let source = Size::new(source.0, source.1);
            let bounds = Bounds { min: Size::new(2, 2), max: Size::new(8192, 8192) };
            let size = scaled(source, Size::new(longer, 2), bounds).unwrap();
            let exact = u64::from(size.width) * u64::from(source.height);
            let ours = u64::from(size.height) * u64::from(source.width);
            prop_assert!(exact.abs_diff(ours) <= u64::from(source.width.max(source.height)));
        }

        #[test]
        fn any_ratio_has_a_nearest_one(num in 1u128..=1 << 90, den in 1u128..=1 << 90) {
            let (a, b) = nearest_ratio(num, den);
            prop_assert!(u128::from(a) <= MAX_ASPECT_TERM && u128::from(b) <= MAX_ASPECT_TERM);
        }
    }
}
