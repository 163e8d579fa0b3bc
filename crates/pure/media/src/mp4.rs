//! Reads MP4, whole or fragmented, as far as a segment's tracks and the times and places of their
//! samples.
//!
//! Nothing is followed out of the file: data references are ignored, offsets outside the bytes
//! given are errors. What tables claim is checked against what they hold before it is believed.

mod boxes;
mod entry;
mod fragment;
mod tables;
mod track;
pub mod write;

use self::boxes::{Box4, Boxes};
use self::track::TrackHeader;

pub(crate) use self::entry::is_aac;
pub use self::entry::{Coding, SampleEntry};

/// Tracks kept.
pub const MAX_TRACKS: usize = 8;

/// Samples kept of a track: 300 s at over 400 frames a second. Nor are there more than bytes in the
/// file, so that a short file cannot claim many.
pub const MAX_SAMPLES: usize = 1 << 17;

/// Fragments read.
const MAX_FRAGMENTS: usize = 1 << 14;

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mp4Error {
    /// A box ends before what it must hold, or runs over the box around it.
    #[error("box {0:?} has a wrong length")]
    Length(String),
    /// No index: neither whole nor the start of a fragmented file.
    #[error("there is no moov box: a fragment needs its initialisation in front")]
    NoIndex,
    /// Tables of a track contradict each other.
    #[error("track {track}: {problem}")]
    Tables {
        /// Its number in the file.
        track: u32,
        /// Which and how.
        problem: &'static str,
    },
    /// More samples than a segment can have.
    #[error("track {0} has more than {MAX_SAMPLES} samples, or more than the file has bytes")]
    TooManySamples(u32),
    /// More fragments than a segment can have.
    #[error("more than {MAX_FRAGMENTS} fragments")]
    TooManyFragments,
}

/// The tracks of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mp4<'a> {
    /// At most [`MAX_TRACKS`].
    pub tracks: Vec<Track<'a>>,
    /// Its index stands in front of its media.
    pub index_first: bool,
}

/// One track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track<'a> {
    /// Its number in the file.
    pub id: u32,
    /// What it holds.
    pub kind: TrackKind,
    /// Units of its times in a second; never 0.
    pub timescale: u32,
    /// What its samples are; `None` where the description is empty.
    pub entry: Option<SampleEntry<'a>>,
    /// Rotation and mirroring for display, where it is not the identity.
    pub matrix: Option<[i32; 9]>,
    /// Its samples in decoding order. Times are those of the presentation: the edit list is
    /// applied.
    pub samples: Vec<Sample>,
    /// What the edit list adds to every time.
    shift: i64,
    /// Samples it may have.
    limit: usize,
}

/// What a track holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Text, hints, metadata.
    Other,
}

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it decodes, in units of the track.
    pub dts: i64,
    /// When it shows, in units of the track.
    pub pts: i64,
    /// How long, in units of the track.
    pub duration: u32,
    /// Where it is in the file.
    pub offset: u64,
    /// Its bytes.
    pub size: u32,
    /// The file says that decoding can start here.
    pub sync: bool,
}

impl Sample {
    /// Its bytes, where they are inside the file.
    pub fn bytes(self, file: &[u8]) -> Option<&[u8]> {
        let start = usize::try_from(self.offset).ok()?;
        let end = start.checked_add(usize::try_from(self.size).ok()?)?;
        file.get(start..end)
    }
}

/// Whether an MP4 file begins in these bytes.
pub fn looks_like_mp4(bytes: &[u8]) -> bool {
    const FIRST: [&[u8; 4]; 8] = [
        b"ftyp", b"styp", b"moov", b"moof", b"sidx", b"mdat", b"free", b"wide",
    ];
    let kind = bytes.get(4..8);
    FIRST.iter().any(|first| kind == Some(first.as_slice()))
}

impl<'a> Mp4<'a> {
    /// Reads a file.
    pub fn parse(file: &'a [u8]) -> Result<Self, Mp4Error> {
        let mut mp4 = Self::default();
        let mut defaults = Vec::new();
        let mut seen_index = false;
        let mut fragments = 0;
        for child in Boxes::new(file) {
            // What is cut short at the end may be media nobody refers to.
            let Ok(child) = child else { break };
            match &child.kind {
                b"moov" if !seen_index => {
                    seen_index = true;
                    defaults = mp4.read_index(&child, file.len().min(MAX_SAMPLES))?;
                }
                b"moof" if seen_index => {
                    fragments += 1;
                    if fragments > MAX_FRAGMENTS {
                        return Err(Mp4Error::TooManyFragments);
                    }
                    fragment::read(&child, &defaults, &mut mp4.tracks)?;
                }
                b"mdat" if !seen_index => mp4.index_first = false,
                _ => {}
            }
        }
        if !seen_index {
            return Err(Mp4Error::NoIndex);
        }
        Ok(mp4)
    }

    /// Reads `moov`, with at most `limit` samples a track; gives the defaults of fragments.
    fn read_index(
        &mut self,
        moov: &Box4<'a>,
        limit: usize,
    ) -> Result<Vec<fragment::Defaults>, Mp4Error> {
        self.index_first = true;
        let mut defaults = Vec::new();
        let mut movie_timescale = 0;
        for child in moov.children() {
            let child = child?;
            match &child.kind {
                b"mvhd" => movie_timescale = track::movie_timescale(&child)?,
                b"trak" if self.tracks.len() < MAX_TRACKS => {
                    let header = TrackHeader::read(&child, movie_timescale)?;
                    self.tracks.push(header.into_track(limit)?);
                }
                b"mvex" => defaults = fragment::defaults(&child)?,
                _ => {}
            }
        }
        Ok(defaults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).unwrap();
        [&size.to_be_bytes()[..], kind, body].concat()
    }

    /// A file whose video track claims `count` samples of one byte, all in one chunk.
    fn claiming(count: u32) -> Vec<u8> {
        let count = count.to_be_bytes();
        let one = [0, 0, 0, 1];
        let stsz = boxed(b"stsz", &[&[0; 4][..], &one, &count].concat());
        let stsc = boxed(b"stsc", &[&[0; 4][..], &one, &one, &count, &one].concat());
        let stco = boxed(b"stco", &[&[0; 4][..], &one, &[0; 4]].concat());
        let stbl = boxed(b"stbl", &[stsz, stsc, stco].concat());
        let mdhd = boxed(
            b"mdhd",
            &[&[0; 12][..], &[0, 1, 0x5f, 0x90], &[0; 8]].concat(),
        );
        let hdlr = boxed(b"hdlr", &[&[0; 8][..], b"vide", &[0; 12]].concat());
        let media = [mdhd, hdlr, boxed(b"minf", &stbl)].concat();
        let track = boxed(b"trak", &boxed(b"mdia", &media));
        boxed(b"moov", &track)
    }

    #[test]
    fn a_short_file_cannot_claim_many_samples() {
        let mp4 = claiming(100);
        let parsed = Mp4::parse(&mp4).unwrap();
        assert_eq!(parsed.tracks[0].samples.len(), 100);
        assert_eq!(parsed.tracks[0].samples[99].offset, 99);
        let error = Mp4::parse(&claiming(1000)).unwrap_err();
        assert_eq!(error, Mp4Error::TooManySamples(0));
    }

    #[test]
    fn a_fragment_alone_has_no_index() {
        assert_eq!(Mp4::parse(&boxed(b"moof", &[])), Err(Mp4Error::NoIndex));
    }
}
