//! Fragments: runs of samples behind the index.

use super::boxes::{Box4, Fields};
use super::{Mp4Error, Sample, Track};

/// What samples of a track are where a fragment does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Defaults {
    track: u32,
    duration: u32,
    size: u32,
    flags: u32,
}

/// Sample flag: decoding cannot start here.
const NOT_SYNC: u32 = 1 << 16;

/// Reads `mvex`.
pub(super) fn defaults(mvex: &Box4<'_>) -> Result<Vec<Defaults>, Mp4Error> {
    let mut all = Vec::new();
    for child in mvex.children() {
        let child = child?;
        if child.kind != *b"trex" || all.len() >= super::MAX_TRACKS {
            continue;
        }
        let mut fields = child.fields();
        fields.version()?;
        let track = fields.u32()?;
        fields.u32()?; // description
        all.push(Defaults {
            track,
            duration: fields.u32()?,
            size: fields.u32()?,
            flags: fields.u32()?,
        });
    }
    Ok(all)
}

/// Reads `moof` and appends its samples to their tracks.
pub(super) fn read(
    moof: &Box4<'_>,
    defaults: &[Defaults],
    tracks: &mut [Track<'_>],
) -> Result<(), Mp4Error> {
    // Without another base, data of the first run lies relative to the fragment, that of each
    // further one behind it.
    let mut next_offset = moof.start;
    for child in moof.children() {
        let child = child?;
        if child.kind == *b"traf" {
            read_track(&child, moof.start, &mut next_offset, defaults, tracks)?;
        }
    }
    Ok(())
}

fn read_track(
    traf: &Box4<'_>,
    moof_start: u64,
    next_offset: &mut u64,
    defaults: &[Defaults],
    tracks: &mut [Track<'_>],
) -> Result<(), Mp4Error> {
    let Some(tfhd) = traf.child(b"tfhd")? else {
        return Ok(());
    };
    let mut fields = tfhd.fields();
    let (_, flags) = fields.version()?;
    let id = fields.u32()?;
    let Some(track) = tracks.iter_mut().find(|track| track.id == id) else {
        return Ok(());
    };
    let mut defaults = defaults
        .iter()
        .find(|defaults| defaults.track == id)
        .copied()
        .unwrap_or_default();
    let base = fragment_header(&mut fields, flags, &mut defaults)?;
    let base = base.unwrap_or(moof_start);
    let mut dts = match traf.child(b"tfdt")? {
        Some(tfdt) => {
            let mut fields = tfdt.fields();
            let (version, _) = fields.version()?;
            let time = fields.word(version)?;
            i64::try_from(time)
                .unwrap_or(i64::MAX)
                .saturating_add(track.shift)
        }
        None => end_of(track),
    };
    for child in traf.children() {
        let child = child?;
        if child.kind == *b"trun" {
            let run = Run {
                base,
                next_offset,
                dts: &mut dts,
                defaults,
            };
            run.read(&child, track)?;
        }
    }
    Ok(())
}

/// Reads the optional fields of `tfhd`: own defaults, and the base of offsets.
fn fragment_header(
    fields: &mut Fields<'_>,
    flags: u32,
    defaults: &mut Defaults,
) -> Result<Option<u64>, Mp4Error> {
    let base = if flags & 0x01 != 0 {
        Some(fields.u64()?)
    } else {
        None
    };
    if flags & 0x02 != 0 {
        fields.u32()?; // description
    }
    if flags & 0x08 != 0 {
        defaults.duration = fields.u32()?;
    }
    if flags & 0x10 != 0 {
        defaults.size = fields.u32()?;
    }
    if flags & 0x20 != 0 {
        defaults.flags = fields.u32()?;
    }
    Ok(base)
}

fn end_of(track: &Track<'_>) -> i64 {
    track.samples.last().map_or(track.shift, |last| {
        last.dts.saturating_add(i64::from(last.duration))
    })
}

/// What a run of samples goes on from.
struct Run<'a> {
    base: u64,
    next_offset: &'a mut u64,
    dts: &'a mut i64,
    defaults: Defaults,
}

impl Run<'_> {
    fn read(self, trun: &Box4<'_>, track: &mut Track<'_>) -> Result<(), Mp4Error> {
        let mut fields = trun.fields();
        let (_, flags) = fields.version()?;
        let count = fields.u32()?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > track.limit.saturating_sub(track.samples.len()) {
            return Err(Mp4Error::TooManySamples(track.id));
        }
        let mut offset = *self.next_offset;
        if flags & 0x01 != 0 {
            offset = self.base.saturating_add_signed(i64::from(fields.i32()?));
        }
        let mut first_flags = None;
        if flags & 0x04 != 0 {
            first_flags = Some(fields.u32()?);
        }
        for _ in 0..count {
            let mut sample = self.sample(&mut fields, flags, first_flags.take())?;
            sample.dts = *self.dts;
            sample.pts = sample.pts.saturating_add(sample.dts);
            sample.offset = offset;
            offset = offset.saturating_add(u64::from(sample.size));
            *self.dts = self.dts.saturating_add(i64::from(sample.duration));
            track.samples.push(sample);
        }
        *self.next_offset = offset;
        Ok(())
    }

    /// One row; its `pts` is the delay alone.
    fn sample(
        &self,
        fields: &mut Fields<'_>,
        flags: u32,
        first_flags: Option<u32>,
    ) -> Result<Sample, Mp4Error> {
        let mut own = self.defaults;
        if flags & 0x100 != 0 {
            own.duration = fields.u32()?;
        }
        if flags & 0x200 != 0 {
            own.size = fields.u32()?;
        }
        if flags & 0x400 != 0 {
            own.flags = fields.u32()?;
        }
        let delay = if flags & 0x800 != 0 { fields.i32()? } else { 0 };
        Ok(Sample {
            dts: 0,
            pts: i64::from(delay),
            duration: own.duration,
            offset: 0,
            size: own.size,
            sync: first_flags.unwrap_or(own.flags) & NOT_SYNC == 0,
        })
    }
}
