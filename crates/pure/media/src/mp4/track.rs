//! A track of the index.

use super::boxes::Box4;
use super::entry::SampleEntry;
use super::{Mp4Error, Track, TrackKind, tables};

/// What `trak` says, its sample tables not read yet.
pub(super) struct TrackHeader<'a> {
    id: u32,
    kind: TrackKind,
    timescale: u32,
    matrix: Option<[i32; 9]>,
    /// What the edit list adds to every time, in units of the track.
    shift: i64,
    samples: Option<Box4<'a>>,
}

/// No rotation, no mirroring, no scaling.
const IDENTITY: [i32; 9] = [1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30];

/// Units a second of the movie's own times.
pub(super) fn movie_timescale(mvhd: &Box4<'_>) -> Result<u32, Mp4Error> {
    timescale(mvhd)
}

impl<'a> TrackHeader<'a> {
    pub(super) fn read(trak: &Box4<'a>, movie_timescale: u32) -> Result<Self, Mp4Error> {
        let mut header = Self {
            id: 0,
            kind: TrackKind::Other,
            timescale: 0,
            matrix: None,
            shift: 0,
            samples: None,
        };
        if let Some(tkhd) = trak.child(b"tkhd")? {
            (header.id, header.matrix) = track_header(&tkhd)?;
        }
        if let Some(mdia) = trak.child(b"mdia")? {
            header.read_media(&mdia)?;
        }
        if header.timescale == 0 {
            return Err(header.problem("its timescale is 0 or missing"));
        }
        let edits = trak.child(b"edts")?.map(|edts| edts.child(b"elst"));
        if let Some(elst) = edits.transpose()?.flatten() {
            header.shift = shift(&elst, movie_timescale, header.timescale)?;
        }
        Ok(header)
    }

    pub(super) fn into_track(self, limit: usize) -> Result<Track<'a>, Mp4Error> {
        let mut track = Track {
            id: self.id,
            kind: self.kind,
            timescale: self.timescale,
            entry: None,
            matrix: self.matrix,
            samples: Vec::new(),
            shift: self.shift,
            limit,
        };
        let Some(stbl) = self.samples else {
            return Ok(track);
        };
        if let Some(stsd) = stbl.child(b"stsd")?
            && self.kind != TrackKind::Other
        {
            track.entry = SampleEntry::read(&stsd, self.kind == TrackKind::Video)?;
        }
        if self.kind != TrackKind::Other {
            tables::read(&stbl, &mut track)?;
        }
        Ok(track)
    }

    fn read_media(&mut self, mdia: &Box4<'a>) -> Result<(), Mp4Error> {
        for child in mdia.children() {
            let child = child?;
            match &child.kind {
                b"mdhd" => self.timescale = timescale(&child)?,
                b"hdlr" => {
                    let mut fields = child.fields();
                    fields.skip(8)?;
                    self.kind = match &fields.u32()?.to_be_bytes() {
                        b"vide" => TrackKind::Video,
                        b"soun" => TrackKind::Audio,
                        _ => TrackKind::Other,
                    };
                }
                b"minf" => self.samples = child.child(b"stbl")?,
                _ => {}
            }
        }
        Ok(())
    }

    const fn problem(&self, problem: &'static str) -> Mp4Error {
        Mp4Error::Tables {
            track: self.id,
            problem,
        }
    }
}

/// The timescale of `mvhd` or `mdhd`, which begin alike.
fn timescale(header: &Box4<'_>) -> Result<u32, Mp4Error> {
    let mut fields = header.fields();
    let (version, _) = fields.version()?;
    fields.skip(if version == 1 { 16 } else { 8 })?;
    fields.u32()
}

fn track_header(tkhd: &Box4<'_>) -> Result<(u32, Option<[i32; 9]>), Mp4Error> {
    let mut fields = tkhd.fields();
    let (version, _) = fields.version()?;
    fields.skip(if version == 1 { 16 } else { 8 })?;
    let id = fields.u32()?;
    fields.skip(if version == 1 { 12 } else { 8 })?;
    fields.skip(16)?;
    let mut matrix = [0; 9];
    for cell in &mut matrix {
        *cell = fields.i32()?;
    }
    Ok((id, (matrix != IDENTITY).then_some(matrix)))
}

/// What an edit list adds to times: empty edits in front delay, the start of the first real one
/// is cut off.
fn shift(elst: &Box4<'_>, movie_timescale: u32, timescale: u32) -> Result<i64, Mp4Error> {
    /// Edits looked at; a segment has one or two.
    const MAX_EDITS: u32 = 16;
    let mut fields = elst.fields();
    let (version, _) = fields.version()?;
    let count = fields.u32()?;
    let mut delay = 0u128;
    for _ in 0..count.min(MAX_EDITS) {
        let duration = fields.word(version)?;
        let media_time = if version == 1 {
            i64::from_be_bytes(fields.u64()?.to_be_bytes())
        } else {
            i64::from(fields.i32()?)
        };
        fields.skip(4)?;
        if media_time >= 0 {
            let scaled = delay * u128::from(timescale) / u128::from(movie_timescale.max(1));
            let delay = i64::try_from(scaled).unwrap_or(i64::MAX);
            return Ok(delay.saturating_sub(media_time));
        }
        delay += u128::from(duration);
    }
    Ok(0)
}
