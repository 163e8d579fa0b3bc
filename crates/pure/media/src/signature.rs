//! MPEG-7 video signatures (ISO/IEC 15938-3): what FFmpeg's `signature` filter writes about a film
//! in its binary format, and whether two films are the same one.
//!
//! A signature survives scaling and another bitrate; it does not survive another film. Verdicts
//! are those of the filter's own detect mode with its documented thresholds, frame for frame, so
//! two nodes that compare the same bytes agree. Nothing here computes a signature: that takes
//! pictures.
//!
//! Invariants: no bytes lead to a panic; what is read is bounded by [`MAX_FRAMES`], and what
//! comparing costs by [`MAX_WORK`].

mod coarse;
mod evaluate;
mod fine;
mod frame;
mod parse;
pub mod renditions;

use self::coarse::Segment;
use self::frame::Frame;

/// Frames of the longest film that is read: 300 s at 60 frames a second, and a fifth.
pub const MAX_FRAMES: usize = 21_600;

/// Most steps of one comparison. A step is one vote for a displacement, or a thirtieth of a
/// comparison of two frames: some nanoseconds. Two unrelated films of a minute stay below, and so
/// do two still pictures of five seconds; equal films of any length end early.
pub const MAX_WORK: u64 = 500_000_000;

/// Frames at most of a film that the filter matches with nothing, not even with itself: it only
/// tries displacements that set in a coarse segment later, and those begin every 45 frames.
pub const MAX_BLIND_FRAMES: usize = 47;

/// Why signatures cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Foreign or truncated bytes. Whoever sent them did not send a signature.
    #[error("InvalidSignData: {0}")]
    InvalidSignData(&'static str),
    /// Readable, but comparing would take longer than is granted to foreign bytes.
    #[error("comparing films of {first} and {second} frames takes more than {MAX_WORK} steps")]
    TooMuchWork {
        /// Frames of the first film.
        first: usize,
        /// Frames of the second film.
        second: usize,
    },
}

/// How two films relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No part of one was found in the other.
    Different,
    /// A part of one is in the other.
    Partial,
    /// They match from the first frame to the last of one of them.
    Full,
}

/// A verdict and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// How the films relate.
    pub verdict: Verdict,
    /// The pair of frames the match was found at, and frames compared from there; `None` where
    /// the films differ.
    pub found: Option<Found>,
}

/// Where a match was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Frame of the first film.
    pub first: usize,
    /// The frame of the second film that equals it.
    pub second: usize,
    /// Frames that were walked over on both sides of it.
    pub frames: usize,
}

/// How eagerly a match is taken: the filter's `detectmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Every candidate is tried, the last good one counts.
    #[default]
    Full,
    /// The first good candidate of a pair of coarse segments counts.
    Fast,
}

/// The filter's thresholds, with its names in brackets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// From this Jaccard value on a word of a coarse segment speaks against it (`th_d`).
    pub word: u32,
    /// Beyond this sum of them the coarse segments are not looked at (`th_dc`).
    pub words: u32,
    /// L1 distance up to which two frames are alike (`th_xh`).
    pub frame: u32,
    /// Frames that have to match; 0 for any number (`th_di`).
    pub frames: usize,
    /// Share of good frames among those compared (`th_it`).
    pub good: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            word: 9_000,
            words: 60_000,
            frame: 116,
            frames: 0,
            good: 0.5,
        }
    }
}

/// The signature of one film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    width: u32,
    height: u32,
    segments: Vec<Segment>,
    frames: Vec<Frame>,
}

impl Signature {
    /// Reads what the filter writes with `format=binary`.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        parse::signature(bytes)
    }

    /// Frames of the film.
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// Width and height of the pictures.
    pub const fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }
}

/// Whether two signatures as they came over the wire are of one film: wholly or in part. Films
/// too short for the filter are compared frame by frame instead.
pub fn equal(first: &[u8], second: &[u8]) -> Result<bool, SignatureError> {
    let (first, second) = (Signature::parse(first)?, Signature::parse(second)?);
    let thresholds = Thresholds::default();
    if first.frames().min(second.frames()) <= MAX_BLIND_FRAMES
        && evaluate::in_step(&first.frames, &second.frames, thresholds)
    {
        return Ok(true);
    }
    let found = compare(&first, &second, Mode::Full, thresholds)?;
    Ok(found.verdict != Verdict::Different)
}

/// The filter's verdict about two films. Their order is that of the filter's inputs.
pub fn compare(
    first: &Signature,
    second: &Signature,
    mode: Mode,
    thresholds: Thresholds,
) -> Result<Match, SignatureError> {
    let mut work = Work(MAX_WORK);
    let too_much = || SignatureError::TooMuchWork {
        first: first.frames(),
        second: second.frames(),
    };
    let mut best = None;
    let films = (&first.frames[..], &second.frames[..]);
    let pairs = first.segments.iter().flat_map(|one| {
        let others = second.segments.iter();
        others.map(move |other| (one, other))
    });
    for (one, other) in pairs.filter(|(one, other)| one.resembles(other, thresholds)) {
        let starts = (one.start, other.start);
        let candidates =
            fine::candidates(films, starts, thresholds, &mut work).ok_or_else(too_much)?;
        evaluate::judge(films, &candidates, mode, thresholds, &mut best, &mut work)
            .ok_or_else(too_much)?;
        if best.is_some_and(|best| best.verdict == Verdict::Full) {
            break;
        }
    }
    Ok(Match {
        verdict: best.map_or(Verdict::Different, |best| best.verdict),
        found: best.map(|best| best.found),
    })
}

/// Steps that may still be taken.
#[derive(Debug)]
struct Work(u64);

impl Work {
    /// `None` once they are used up.
    fn spend(&mut self, steps: u64) -> Option<()> {
        self.0 = self.0.checked_sub(steps)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::parse::tests::written;
    use super::*;

    /// Frames that differ from each other, different for each seed.
    fn film(frames: usize, seed: u32) -> Vec<u8> {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 16) % 243) as u8
        };
        let frames: Vec<[u8; 76]> = (0..frames)
            .map(|_| std::array::from_fn(|_| next()))
            .collect();
        written(&frames, 200)
    }

    #[test]
    fn films_too_short_for_the_filter_are_compared_frame_by_frame() {
        for frames in [1, 10, MAX_BLIND_FRAMES] {
            let (one, other) = (film(frames, 1), film(frames, 2));
            assert_eq!(equal(&one, &one), Ok(true), "{frames}");
            assert_eq!(equal(&one, &other), Ok(false), "{frames}");
            let signature = Signature::parse(&one).unwrap();
            let found = compare(&signature, &signature, Mode::Full, Thresholds::default());
            assert_eq!(found.unwrap().verdict, Verdict::Different, "{frames}");
        }
        assert_eq!(equal(&film(40, 1), &film(41, 1)), Ok(false));
        let long = film(MAX_BLIND_FRAMES + 1, 1);
        assert_eq!(equal(&long, &long), Ok(true));
        assert_eq!(equal(&long, &film(MAX_BLIND_FRAMES, 1)), Ok(false));
    }

    #[test]
    fn a_film_found_in_another_is_found_where_it_is() {
        let whole = Signature::parse(&film(200, 7)).unwrap();
        let found = compare(&whole, &whole, Mode::Full, Thresholds::default()).unwrap();
        assert_eq!(found.verdict, Verdict::Full);
        assert_eq!(found.found.unwrap().frames, 200);
    }

    #[test]
    fn unrelated_films_of_a_minute_are_compared_to_the_end() {
        let films = [1, 2].map(|seed| Signature::parse(&film(1_800, seed)).unwrap());
        let found = compare(&films[0], &films[1], Mode::Full, Thresholds::default());
        assert_eq!(found.unwrap().verdict, Verdict::Different);
    }

    #[test]
    fn what_comparing_may_cost_is_bounded() {
        // Every frame resembles every other, and none says enough to be believed.
        let still = vec![[121; 76]; 4_000];
        let still = Signature::parse(&written(&still, 0)).unwrap();
        let refused = compare(&still, &still, Mode::Full, Thresholds::default());
        assert!(matches!(
            refused,
            Err(SignatureError::TooMuchWork { first: 4_000, .. })
        ));
    }
}
