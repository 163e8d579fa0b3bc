//! A ladder made for a source: nobody has to configure one.
//!
//! No rung is larger than the source or asks for more frames a second; each keeps the source's
//! shape and timing. Bitrates aim at equal quality: they follow the picture's size, the frame rate
//! and what the codec saves, and never exceed what the source itself spends on as much picture.

use std::time::Duration;

use streamflow_types::{Codec, FrameRate, Gop, Profile};

use crate::inspect::MediaInfo;

/// Renditions of a ladder unless asked otherwise.
pub const DEFAULT_RUNGS: usize = 4;

/// Shorter side of each rung and its H.264 bitrate at 30 frames a second, 16:9.
const RUNGS: [(u32, u64); 7] = [
    (2160, 12_000_000),
    (1440, 7_000_000),
    (1080, 4_500_000),
    (720, 2_500_000),
    (480, 1_200_000),
    (360, 800_000),
    (240, 400_000),
];

/// Below this no picture is worth its container.
const MIN_BITRATE: u64 = 64_000;

/// Above this a source is shown at half its rate or less.
const MAX_RATE: u32 = 60;

/// Key frames of the rungs; players can switch no faster.
const GOP: Duration = Duration::from_secs(2);

/// What a ladder is derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceFacts {
    /// Width as shown.
    pub width: u32,
    /// Height as shown.
    pub height: u32,
    /// Frames a second, where known.
    pub rate: Option<(u32, u32)>,
    /// Bits a second of video, where known.
    pub bitrate: Option<u64>,
}

/// What kind of ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LadderOptions {
    /// Codec of every rung.
    pub codec: Codec,
    /// Rungs at most.
    pub rungs: usize,
}

impl Default for LadderOptions {
    fn default() -> Self {
        Self {
            codec: Codec::H264,
            rungs: DEFAULT_RUNGS,
        }
    }
}

/// Why no ladder was derived: wait for a segment with a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a ladder needs a source with a picture, this one has none")]
pub struct NoPicture;

impl SourceFacts {
    /// The facts of an inspected segment.
    pub fn of(info: &MediaInfo) -> Result<Self, NoPicture> {
        let video = info.video.as_ref().filter(|v| v.has_picture());
        let video = video.ok_or(NoPicture)?;
        let millis = video.duration().map(|d| d.to_duration().as_millis());
        let bitrate = millis
            .and_then(|millis| u64::try_from(millis).ok())
            .and_then(|millis| video.bytes.saturating_mul(8000).checked_div(millis));
        Ok(Self {
            width: video.width,
            height: video.height,
            rate: video.frame_rate(),
            bitrate,
        })
    }
}

/// Derives the ladder, best rung first. The source itself is not in it: it is passed through.
pub fn auto(source: SourceFacts, options: LadderOptions) -> Result<Vec<Profile>, NoPicture> {
    if source.width == 0 || source.height == 0 {
        return Err(NoPicture);
    }
    let short = source.width.min(source.height);
    let fits = |(side, _): &&(u32, u64)| *side < short || (*side == short && is_lavish(&source));
    let mut profiles: Vec<Profile> = RUNGS
        .iter()
        .filter(fits)
        .take(options.rungs.max(1))
        .map(|(side, _)| rung(&source, *side, options.codec))
        .collect();
    if profiles.is_empty() {
        profiles.push(rung(&source, short, options.codec));
    }
    Ok(profiles)
}

/// Whether the source spends so much that the same size at a usual bitrate helps viewers.
fn is_lavish(source: &SourceFacts) -> bool {
    let usual = usual_bitrate(source, source.width.min(source.height));
    source
        .bitrate
        .is_some_and(|bitrate| bitrate * 2 > usual * 3)
}

fn rung(source: &SourceFacts, side: u32, codec: Codec) -> Profile {
    let (short, long) = (
        source.width.min(source.height),
        source.width.max(source.height),
    );
    let side = side.max(2) & !1;
    let pairs = (u64::from(side) * u64::from(long) + u64::from(short)) / (2 * u64::from(short));
    let long_side = u32::try_from(pairs * 2).unwrap_or(u32::MAX - 1);
    let (width, height) = if source.width >= source.height {
        (long_side, side)
    } else {
        (side, long_side)
    };
    let bitrate = (bitrate(source, side) * savings(codec) / 100).max(MIN_BITRATE);
    let mut profile = Profile::new(
        &format!("{side}p0"),
        width,
        height,
        u32::try_from(bitrate).unwrap_or(u32::MAX),
        rate(source),
    );
    profile.codec = codec;
    profile.gop = Gop::Every(GOP);
    profile
}

/// The source's timing; a fast source loses whole frames, so that the rest stays evenly spaced.
fn rate(source: &SourceFacts) -> FrameRate {
    match source.rate {
        Some((num, den)) if den > 0 && num / den > MAX_RATE => {
            let every = num.div_ceil(den).div_ceil(MAX_RATE);
            den.checked_mul(every)
                .map_or(FrameRate::whole(MAX_RATE), |den| FrameRate { num, den })
        }
        _ => FrameRate::SOURCE,
    }
}

/// The H.264 bitrate of a rung: the usual one, or the source's share where that is less.
fn bitrate(source: &SourceFacts, side: u32) -> u64 {
    let usual = usual_bitrate(source, side);
    let whole = usual_bitrate(source, source.width.min(source.height)).max(1);
    match source.bitrate {
        // A quarter above its share: smaller pictures need more bits a pixel.
        Some(spent) => {
            let share = u128::from(spent) * u128::from(usual) * 5 / (u128::from(whole) * 4);
            let share = u64::try_from(share).unwrap_or(u64::MAX);
            usual.min(share).min(spent)
        }
        None => usual,
    }
}

/// What pictures of this shorter side, and the source's shape and rate, usually take.
fn usual_bitrate(source: &SourceFacts, side: u32) -> u64 {
    let wide = table(side);
    let (short, long) = (
        u64::from(source.width.min(source.height)),
        u64::from(source.width.max(source.height)),
    );
    // Against 16:9 of the same height; a banner of any length counts as four times that at most.
    let shape = (long * 9 * 100 / (short.max(1) * 16)).min(400);
    let shaped = wide * shape / 100;
    // Twice the frames cost half as much again.
    let fps_tenths = source.rate.map_or(300, |(num, den)| {
        (u64::from(num) * 10 / u64::from(den.max(1))).clamp(50, 10 * u64::from(MAX_RATE))
    });
    shaped * (300 + fps_tenths) / 600
}

/// The table's bitrate for a side, straight lines between its rows.
fn table(side: u32) -> u64 {
    let above = RUNGS.iter().rev().find(|(s, _)| *s >= side);
    let below = RUNGS.iter().find(|(s, _)| *s <= side);
    match (below, above) {
        (Some((low, less)), Some((high, more))) if high > low => {
            less + (more - less) * u64::from(side - low) / u64::from(high - low)
        }
        (Some((_, bitrate)), Some(_)) => *bitrate,
        (None, Some((high, bitrate))) => bitrate * u64::from(side) / u64::from(*high),
        (Some((low, bitrate)), None) => bitrate * u64::from(side.min(4 * low)) / u64::from(*low),
        (None, None) => MIN_BITRATE,
    }
}

/// Percent of H.264's bits a codec takes for the same picture.
const fn savings(codec: Codec) -> u64 {
    match codec {
        Codec::H264 | Codec::Vp8 => 100,
        Codec::H265 => 65,
        Codec::Vp9 => 70,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn source(width: u32, height: u32, fps: u32, bitrate: Option<u64>) -> SourceFacts {
        SourceFacts {
            width,
            height,
            rate: Some((fps, 1)),
            bitrate,
        }
    }

    fn named(source: SourceFacts) -> Vec<(String, u32, u32, u32)> {
        auto(source, LadderOptions::default())
            .unwrap()
            .into_iter()
            .map(|p| (p.name, p.width, p.height, p.bitrate))
            .collect()
    }

    #[test]
    fn a_usual_source_gets_the_usual_ladder() {
        assert_eq!(
            named(source(1920, 1080, 30, None)),
            [
                ("720p0".to_owned(), 1280, 720, 2_500_000),
                ("480p0".to_owned(), 854, 480, 1_200_000),
                ("360p0".to_owned(), 640, 360, 800_000),
                ("240p0".to_owned(), 426, 240, 400_000),
            ]
        );
    }

    #[test]
    fn a_lavish_source_also_gets_its_own_size() {
        let names: Vec<_> = named(source(1280, 720, 30, Some(8_000_000)));
        assert_eq!(names[0].0, "720p0");
        assert_eq!(named(source(1280, 720, 30, Some(2_600_000)))[0].0, "480p0");
    }

    #[test]
    fn a_portrait_source_gets_portrait_rungs() {
        let rungs = named(source(1080, 1920, 30, None));
        assert_eq!((rungs[0].1, rungs[0].2), (720, 1280));
    }

    #[test]
    fn a_thrifty_source_is_not_outspent() {
        let rungs = named(source(1280, 720, 30, Some(500_000)));
        assert!(rungs.iter().all(|rung| rung.3 < 500_000), "{rungs:?}");
    }

    #[test]
    fn a_tiny_source_gets_one_rung_of_its_size() {
        let rungs = named(source(160, 120, 15, None));
        assert_eq!((rungs.len(), rungs[0].1, rungs[0].2), (1, 160, 120));
        assert_eq!(
            auto(source(0, 9, 1, None), LadderOptions::default()),
            Err(NoPicture)
        );
    }

    #[test]
    fn a_fast_source_is_thinned_evenly() {
        let rungs = auto(source(1280, 720, 120, None), LadderOptions::default()).unwrap();
        assert_eq!(rungs[0].fps, FrameRate { num: 120, den: 2 });
        let rungs = auto(source(1280, 720, 60, None), LadderOptions::default()).unwrap();
        assert_eq!(rungs[0].fps, FrameRate::SOURCE);
    }

    proptest! {
        #[test]
        fn no_rung_exceeds_the_source(
            width in 2u32..=8192, height in 2u32..=8192,
            num in 1u32..=240_000, den in 1u32..=1001,
            bitrate in proptest::option::of(100_000u64..50_000_000),
            rungs in 1usize..=10,
        ) {
            let source = SourceFacts { width, height, rate: Some((num, den)), bitrate };
            let options = LadderOptions { codec: Codec::H264, rungs };
            let ladder = auto(source, options).unwrap();
            prop_assert!(!ladder.is_empty() && ladder.len() <= rungs);
            for rung in &ladder {
                prop_assert!(rung.width <= width + 1 && rung.height <= height + 1);
                prop_assert!(rung.width.is_multiple_of(2) && rung.height.is_multiple_of(2));
                if let Some(bitrate) = bitrate {
                    prop_assert!(u64::from(rung.bitrate) <= bitrate);
                }
                if let Some((n, d)) = rung.fps.ratio() {
                    prop_assert!(u64::from(n.get()) * u64::from(den)
                        <= u64::from(num) * u64::from(d.get()));
                }
            }
            let sizes: Vec<u32> = ladder.iter().map(|rung| rung.width.min(rung.height)).collect();
            prop_assert!(sizes.windows(2).all(|pair| pair[0] > pair[1]));
        }
    }
}
