//! Whether a rendition is what was bought, told from its structure and without decoding it.
//!
//! Nothing that fails here is published. It cannot see whether the picture shows the right thing.

use streamflow_media::inspect::{InspectError, MediaInfo, VideoCodec, VideoInfo, inspect};
use streamflow_media::mpegts::Ticks;
use streamflow_media::plan::frame_rate::{FrameRatePlan, TimeBase};
use streamflow_media::plan::geometry::{Bounds, Size, scaled};
use streamflow_types::{Container, Pixels, Profile};
use streamflow_wire::result::MIN_RENDITION_BYTES;

/// How far the first picture may be from the source's: a millisecond, as other containers round.
const FIRST_PTS_TOLERANCE: Ticks = Ticks(90);

/// Frames a rendition may have more or less than expected.
const FRAME_TOLERANCE: u64 = 1;

/// A rendition may take this many times the bitrate asked for; encoders overshoot on short ones.
const BITRATE_FACTOR: u64 = 2;

/// Wrapping, tables and a first key frame on top of that.
const SLACK_BYTES: u64 = 384 * 1024;

/// Bytes a second of picture at constant quality, where no bitrate holds: more than any ladder.
const UNBOUNDED_BYTES_PER_SECOND: u64 = 16 << 20;

/// What was bought.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purchase<'a> {
    /// The source.
    pub(crate) source: &'a MediaInfo,
    /// The rendition asked for.
    pub(crate) profile: &'a Profile,
    /// Only a part of the source was to be encoded.
    pub(crate) is_clip: bool,
}

/// Why a rendition is not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Mismatch {
    /// Nothing, or nearly.
    #[error("a rendition of {0} bytes")]
    Empty(usize),
    /// More bytes than the bitrate allows.
    #[error("{found} bytes where at most {most} were expected")]
    TooLarge { found: u64, most: u64 },
    /// Not a segment.
    #[error(transparent)]
    Unreadable(#[from] InspectError),
    /// No picture.
    #[error("no video")]
    NoVideo,
    /// Another wrapping.
    #[error("{found:?} instead of {wanted:?}")]
    Container { found: Container, wanted: Container },
    /// Another codec.
    #[error("codec {0:?}")]
    Codec(VideoCodec),
    /// Another size.
    #[error("{0}x{1} instead of {2}x{3}")]
    Size(u32, u32, u32, u32),
    /// Frames are missing or too many.
    #[error("{found} frames instead of {expected}")]
    Frames { found: u64, expected: u64 },
    /// It starts at another time.
    #[error("starts {0} ticks away from the source")]
    FirstPts(i64),
    /// It lasts longer or shorter.
    #[error("lasts {found} ticks instead of {expected}")]
    Duration { found: i64, expected: i64 },
    /// Players cannot start with it.
    #[error("does not start with a key frame")]
    NoKeyFrame,
    /// Sound is missing, or was added.
    #[error("has {0}")]
    Audio(&'static str),
    /// Another number of pixels than was reported.
    #[error("{measured} pixels measured, {claimed} claimed")]
    Pixels { measured: u64, claimed: u64 },
}

impl Mismatch {
    /// Whether it cannot happen by accident: something else was made, or more was claimed than
    /// was made.
    pub(crate) const fn is_fraud(&self) -> bool {
        match self {
            Self::Size(..) | Self::Codec(_) | Self::Container { .. } => true,
            Self::Pixels { measured, claimed } => *claimed > *measured,
            _ => false,
        }
    }
}

/// The most bytes a rendition of this profile may have. Nobody who sends more is listened to.
pub(crate) fn most_bytes(purchase: &Purchase<'_>) -> u64 {
    let Purchase {
        source, profile, ..
    } = purchase;
    let millis = source.duration().map_or(2_000, |d| d.as_millis()).max(500);
    let millis = u64::try_from(millis).unwrap_or(300_000).min(300_000);
    let rate = if profile.quality > 0 {
        UNBOUNDED_BYTES_PER_SECOND
    } else {
        u64::from(profile.bitrate).saturating_mul(BITRATE_FACTOR) / 8
    };
    let video = rate.saturating_mul(millis) / 1_000;
    let audio = source.audio.as_ref().map_or(0, |audio| audio.bytes);
    // Transport packets, and as many again for audio frames of a few bytes each.
    let wrapped = video.saturating_add(audio).saturating_mul(5) / 4 + audio;
    let most = streamflow_types::MAX_SEGMENT_BYTES as u64;
    wrapped.saturating_add(SLACK_BYTES).min(most)
}

/// A rendition that is whole.
#[derive(Debug)]
pub(crate) struct Inspected {
    /// What it is.
    pub(crate) info: MediaInfo,
    /// Where it differs from what the source's headers promise. Of a damaged source they promise
    /// what no decoder can keep, so this alone does not tell who is wrong.
    pub(crate) doubt: Option<Mismatch>,
}

/// Checks a rendition; gives what it is.
pub(crate) fn check(
    purchase: &Purchase<'_>,
    bytes: &[u8],
    claimed: Pixels,
) -> Result<Inspected, Mismatch> {
    if bytes.len() < MIN_RENDITION_BYTES {
        return Err(Mismatch::Empty(bytes.len()));
    }
    let (found, most) = (bytes.len() as u64, most_bytes(purchase));
    if found > most {
        return Err(Mismatch::TooLarge { found, most });
    }
    let info = inspect(bytes)?;
    let wanted = purchase
        .profile
        .container
        .unwrap_or(purchase.source.container);
    if info.container != wanted {
        return Err(Mismatch::Container {
            found: info.container,
            wanted,
        });
    }
    let Some(video) = info.video.as_ref().filter(|video| video.has_picture()) else {
        return Err(Mismatch::NoVideo);
    };
    check_picture(purchase, video)?;
    check_pixels(video, claimed)?;
    let doubt = promised(purchase, &info, video).err();
    Ok(Inspected { info, doubt })
}

/// Whether it holds what the source's headers promise.
fn promised(purchase: &Purchase<'_>, info: &MediaInfo, video: &VideoInfo) -> Result<(), Mismatch> {
    check_sound(purchase, info)?;
    match purchase.source.video.as_ref().filter(|_| !purchase.is_clip) {
        Some(source) => check_times(source, purchase.profile, video),
        None => Ok(()),
    }
}

fn check_picture(purchase: &Purchase<'_>, video: &VideoInfo) -> Result<(), Mismatch> {
    let profile = purchase.profile;
    if video.codec != VideoCodec::Known(profile.codec) {
        return Err(Mismatch::Codec(video.codec));
    }
    if !video.starts_with_key() {
        return Err(Mismatch::NoKeyFrame);
    }
    let source = purchase
        .source
        .video
        .as_ref()
        .filter(|s| s.has_picture() && !s.size_changes());
    // A source whose size changes has renditions whose size does.
    let Some(source) = source.filter(|_| !video.size_changes()) else {
        return Ok(());
    };
    let source = Size::new(source.width, source.height);
    let requested = Size::new(profile.width, profile.height);
    match scaled(source, requested, Bounds::of(profile.codec)) {
        Ok(wanted) if (wanted.width, wanted.height) != (video.width, video.height) => Err(
            Mismatch::Size(video.width, video.height, wanted.width, wanted.height),
        ),
        _ => Ok(()),
    }
}

fn check_pixels(video: &VideoInfo, claimed: Pixels) -> Result<(), Mismatch> {
    if video.size_changes() {
        return Ok(());
    }
    let measured = Pixels::of_frames(video.width, video.height, video.frame_count());
    match measured {
        Some(measured) if measured != claimed => Err(Mismatch::Pixels {
            measured: measured.0,
            claimed: claimed.0,
        }),
        _ => Ok(()),
    }
}

fn check_sound(purchase: &Purchase<'_>, info: &MediaInfo) -> Result<(), Mismatch> {
    let has = |info: &MediaInfo| info.audio.as_ref().is_some_and(|audio| audio.frames > 0);
    match (has(purchase.source), has(info)) {
        (true, false) if !purchase.is_clip => Err(Mismatch::Audio("no sound")),
        (false, true) => Err(Mismatch::Audio("sound the source has not")),
        _ => Ok(()),
    }
}

fn check_times(source: &VideoInfo, profile: &Profile, video: &VideoInfo) -> Result<(), Mismatch> {
    // What comes before the first key frame may or may not be decodable.
    if !source.starts_with_key() {
        return Ok(());
    }
    if let Some(expected) = expected_frames(source, profile) {
        let found = video.frame_count();
        if found.abs_diff(expected) > FRAME_TOLERANCE {
            return Err(Mismatch::Frames { found, expected });
        }
    }
    if let (Some(ours), Some(theirs)) = (source.min_pts(), video.min_pts()) {
        let distance = theirs.wrapped_distance(ours);
        if distance.abs() > FIRST_PTS_TOLERANCE {
            return Err(Mismatch::FirstPts(distance.0));
        }
    }
    if let (Some(expected), Some(found)) = (source.duration(), video.duration()) {
        let frame = |info: &VideoInfo, length: Ticks| {
            Ticks(length.0 / i64::try_from(info.frame_count().max(1)).unwrap_or(i64::MAX))
        };
        let one = frame(source, expected).max(frame(video, found)) + FIRST_PTS_TOLERANCE;
        if (found - expected).abs() > one {
            return Err(Mismatch::Duration {
                found: found.0,
                expected: expected.0,
            });
        }
    }
    Ok(())
}

/// Frames a rendition has; `None` where that cannot be told.
fn expected_frames(source: &VideoInfo, profile: &Profile) -> Option<u64> {
    let Some((num, den)) = profile.fps.ratio() else {
        return Some(source.frame_count());
    };
    let times = source.sorted_pts();
    if times.len() as u64 != source.frame_count() {
        return None;
    }
    let mut plan = FrameRatePlan::new(num, den, TimeBase::new(1, 90_000)?).unguarded();
    for time in &times {
        plan.push(time.0).ok()?;
    }
    plan.finish(source.last_duration.map(|last| last.0)).ok()?;
    Some(plan.emitted())
}

#[cfg(test)]
mod tests {
    use streamflow_types::{Codec, FrameRate};

    use super::*;

    const CLIP: &str = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../tests/media/bunny-720p30.ts"
    );

    /// A real clip stands for both: the source, and a rendition of its own size.
    struct Case {
        bytes: Vec<u8>,
        source: MediaInfo,
        profile: Profile,
        claimed: Pixels,
        is_clip: bool,
    }

    impl Case {
        fn new() -> Self {
            let bytes = std::fs::read(CLIP).unwrap();
            let source = inspect(&bytes).unwrap();
            let video = source.video.as_ref().unwrap();
            let (width, height) = (video.width, video.height);
            let claimed = Pixels::of_frames(width, height, video.frame_count()).unwrap();
            let profile = Profile::new("same", width, height, 8_000_000, FrameRate::SOURCE);
            Self {
                source,
                profile,
                claimed,
                bytes,
                is_clip: false,
            }
        }

        fn video(&mut self) -> &mut VideoInfo {
            self.source.video.as_mut().unwrap()
        }

        fn check(&self) -> Result<(), Mismatch> {
            let purchase = Purchase {
                source: &self.source,
                profile: &self.profile,
                is_clip: self.is_clip,
            };
            match check(&purchase, &self.bytes, self.claimed)?.doubt {
                Some(doubt) => Err(doubt),
                None => Ok(()),
            }
        }
    }

    #[test]
    fn what_was_bought_passes() {
        assert_eq!(Case::new().check(), Ok(()));
    }

    #[test]
    fn another_size_codec_container_or_claim_is_fraud() {
        let mut case = Case::new();
        case.profile.width = 640;
        case.profile.height = 360;
        let mismatch = case.check().unwrap_err();
        assert!(
            matches!(mismatch, Mismatch::Size(_, _, 640, 360)),
            "{mismatch}"
        );
        assert!(mismatch.is_fraud());

        let mut case = Case::new();
        case.profile.codec = Codec::H265;
        assert!(matches!(case.check(), Err(m @ Mismatch::Codec(_)) if m.is_fraud()));

        let mut case = Case::new();
        case.profile.container = Some(Container::Mp4);
        assert!(matches!(case.check(), Err(m @ Mismatch::Container { .. }) if m.is_fraud()));

        let mut case = Case::new();
        case.claimed = Pixels(case.claimed.0 + 1);
        assert!(case.check().unwrap_err().is_fraud());
        case.claimed = Pixels(case.claimed.0 - 2);
        assert!(
            !case.check().unwrap_err().is_fraud(),
            "a modest claim is a mistake"
        );
    }

    #[test]
    fn one_frame_more_or_less_is_tolerated_two_are_not() {
        let mut case = Case::new();
        case.video().frames.pop();
        assert_eq!(case.check(), Ok(()));
        case.video().frames.pop();
        assert!(matches!(case.check(), Err(Mismatch::Frames { .. })));
        case.is_clip = true;
        assert_eq!(case.check(), Ok(()), "of a clip that cannot be told");
    }

    #[test]
    fn the_first_picture_stands_where_it_did_also_over_the_wrap() {
        for (shift, is_right) in [
            (90, true),
            (-90, true),
            (91, false),
            (-91, false),
            (1 << 33, true),
        ] {
            let mut case = Case::new();
            for frame in &mut case.video().frames {
                frame.pts = frame.pts.map(|pts| pts + Ticks(shift));
            }
            assert_eq!(
                case.check().is_ok(),
                is_right,
                "{shift}: {:?}",
                case.check()
            );
        }
    }

    #[test]
    fn sound_is_there_exactly_when_the_source_has_it() {
        let mut case = Case::new();
        case.source.audio = None;
        assert_eq!(
            case.check(),
            Err(Mismatch::Audio("sound the source has not"))
        );
    }

    #[test]
    fn too_few_too_many_and_broken_bytes_are_told_apart() {
        let mut case = Case::new();
        case.profile.bitrate = 1_000;
        assert!(matches!(case.check(), Err(Mismatch::TooLarge { .. })));
        let mut case = Case::new();
        case.bytes.truncate(20);
        assert_eq!(case.check(), Err(Mismatch::Empty(20)));
        let mut case = Case::new();
        case.bytes = vec![0xAB; 10_000];
        assert!(matches!(case.check(), Err(Mismatch::Unreadable(_))));
    }

    #[test]
    fn converted_rates_have_the_frames_of_the_plan() {
        let mut case = Case::new();
        case.profile.fps = FrameRate::whole(30);
        assert_eq!(case.check(), Ok(()), "30 to 30");
        case.profile.fps = FrameRate::whole(15);
        assert!(matches!(case.check(), Err(Mismatch::Frames { .. })));
    }
}
