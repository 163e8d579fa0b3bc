//! The size a rendition gets.

use streamflow_types::Codec;

/// Width and height in pixels.
pub type Size = (u32, u32);

/// Why there is no size for a rendition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// A side is zero. Ask for a picture with sides of at least two pixels.
    #[error("width and height must not be zero")]
    Empty,
    /// No proportional size lies within what the codec takes.
    #[error("no picture of the source's shape lies within {min:?} to {max:?}")]
    OutOfRange {
        /// Least width and height.
        min: Size,
        /// Most width and height.
        max: Size,
    },
}

/// Least and most width and height of a codec's pictures.
pub const fn limits(codec: Codec) -> (Size, Size) {
    match codec {
        Codec::H265 => ((132, 40), (8192, 8192)),
        Codec::H264 | Codec::Vp8 | Codec::Vp9 => ((146, 50), (4096, 4096)),
    }
}

/// The size of a rendition: the larger side asked for becomes the longer side of the picture,
/// the other follows in proportion, both even and within the codec's limits.
pub fn fit(source: Size, asked: Size, codec: Codec) -> Result<Size, GeometryError> {
    if source.0 == 0 || source.1 == 0 || asked.0.max(asked.1) < 2 {
        return Err(GeometryError::Empty);
    }
    let (min, max) = limits(codec);
    let long = asked.0.max(asked.1);
    let mut size = if source.0 >= source.1 {
        of_width(source, long)
    } else {
        of_height(source, long)
    };
    if size.0 > max.0 {
        size = of_width(source, max.0);
    }
    if size.1 > max.1 {
        size = of_height(source, max.1);
    }
    if size.0 < min.0 {
        size = of_width(source, min.0);
    }
    if size.1 < min.1 {
        size = of_height(source, min.1);
    }
    let within = |value: u32, low: u32, high: u32| (low..=high).contains(&value);
    if within(size.0, min.0, max.0) && within(size.1, min.1, max.1) {
        Ok(size)
    } else {
        Err(GeometryError::OutOfRange { min, max })
    }
}

fn of_width(source: Size, width: u32) -> Size {
    (even(width), proportional(source.1, source.0, width))
}

fn of_height(source: Size, height: u32) -> Size {
    (proportional(source.0, source.1, height), even(height))
}

/// The even number at or below, at least two.
const fn even(side: u32) -> u32 {
    if side < 2 { 2 } else { side & !1 }
}

/// `side × by / of` to the nearest even number, at least two.
fn proportional(side: u32, of: u32, by: u32) -> u32 {
    let (double, part) = (2 * u64::from(of), u64::from(side) * u64::from(by));
    let pairs = (part + u64::from(of)) / double;
    u32::try_from(pairs.saturating_mul(2)).unwrap_or(u32::MAX & !1).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_side_asked_for_bounds_the_longer_side() {
        let fit = |source, asked| fit(source, asked, Codec::H264);
        assert_eq!(fit((1280, 720), (640, 360)), Ok((640, 360)));
        assert_eq!(fit((720, 1280), (640, 360)), Ok((360, 640)));
        assert_eq!(fit((1280, 720), (854, 480)), Ok((854, 480)));
        assert_eq!(fit((1280, 720), (426, 240)), Ok((426, 240)));
        assert_eq!(fit((640, 480), (256, 144)), Ok((256, 192)));
        assert_eq!(fit((1280, 720), (427, 241)), Ok((426, 240)));
    }

    #[test]
    fn a_size_too_small_for_the_codec_grows_in_proportion() {
        assert_eq!(fit((720, 1280), (256, 144), Codec::H264), Ok((146, 260)));
        assert_eq!(fit((720, 1280), (256, 144), Codec::H265), Ok((144, 256)));
        assert_eq!(fit((1280, 720), (8000, 10), Codec::H264), Ok((4096, 2304)));
    }

    #[test]
    fn what_cannot_be_met_is_an_error() {
        assert_eq!(fit((0, 720), (256, 144), Codec::H264), Err(GeometryError::Empty));
        assert_eq!(fit((20, 10), (0, 1), Codec::H264), Err(GeometryError::Empty));
        assert!(matches!(
            fit((4096, 2), (640, 360), Codec::H264),
            Err(GeometryError::OutOfRange { .. })
        ));
    }

    #[test]
    fn every_size_is_even_and_within_limits() {
        for source in [(1, 1), (1920, 1080), (1079, 1919), (333, 777), (4096, 4096)] {
            for asked in [(2, 2), (146, 50), (1279, 719), (9999, 1)] {
                let Ok((width, height)) = fit(source, asked, Codec::H264) else {
                    continue;
                };
                assert!(width % 2 == 0 && height % 2 == 0);
                assert!((146..=4096).contains(&width) && (50..=4096).contains(&height));
            }
        }
    }
}
