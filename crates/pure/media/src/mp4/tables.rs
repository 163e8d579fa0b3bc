//! Sample tables of a track that is not fragmented.

use super::boxes::{Box4, Fields, row_u32};
use super::{MAX_SAMPLES, Mp4Error, Sample, Track};

/// Reads all tables of `stbl` into the track's samples.
pub(super) fn read(stbl: &Box4<'_>, track: &mut Track<'_>) -> Result<(), Mp4Error> {
    let sizes = Sizes::read(stbl, track)?;
    if sizes.count == 0 {
        return Ok(());
    }
    let mut samples = sizes.samples()?;
    place(stbl, track.id, &mut samples)?;
    time(stbl, track, &mut samples)?;
    mark_sync(stbl, &mut samples)?;
    track.samples = samples;
    Ok(())
}

/// `stsz`: how large samples are.
struct Sizes<'a> {
    count: usize,
    /// Size of all; 0 when each has its own.
    fixed: u32,
    fields: Option<Fields<'a>>,
}

impl<'a> Sizes<'a> {
    fn read(stbl: &Box4<'a>, track: &Track<'_>) -> Result<Self, Mp4Error> {
        let Some(stsz) = stbl.child(b"stsz")? else {
            return Ok(Self {
                count: 0,
                fixed: 0,
                fields: None,
            });
        };
        let mut fields = stsz.fields();
        fields.version()?;
        let fixed = fields.u32()?;
        let count = usize::try_from(fields.u32()?).unwrap_or(usize::MAX);
        if count > track.limit {
            return Err(Mp4Error::TooManySamples(track.id));
        }
        Ok(Self {
            count,
            fixed,
            fields: Some(fields),
        })
    }

    fn samples(self) -> Result<Vec<Sample>, Mp4Error> {
        let sample = |size| Sample {
            dts: 0,
            pts: 0,
            duration: 0,
            offset: 0,
            size,
            sync: true,
        };
        match self.fields {
            Some(mut fields) if self.fixed == 0 => {
                // At most `MAX_SAMPLES`.
                let rows = fields.rows(self.count as u32, 4)?;
                Ok(rows.map(|row| sample(row_u32(row, 0))).collect())
            }
            _ => Ok(vec![sample(self.fixed); self.count]),
        }
    }
}

/// `stsc` and `stco` or `co64`: samples lie in chunks, one behind the other.
fn place(stbl: &Box4<'_>, track: u32, samples: &mut [Sample]) -> Result<(), Mp4Error> {
    let missing = |problem| Mp4Error::Tables { track, problem };
    let stsc = stbl.child(b"stsc")?.ok_or(missing("stsc is missing"))?;
    let mut fields = stsc.fields();
    fields.version()?;
    let count = fields.u32()?;
    let mut runs = fields.rows(count, 12)?.peekable();
    let mut in_chunk = 0;
    let mut left = samples.iter_mut();
    for (number, offset) in (1u64..).zip(chunk_offsets(stbl, track)?) {
        while runs
            .peek()
            .is_some_and(|run| u64::from(row_u32(run, 0)) <= number)
        {
            in_chunk = runs.next().map_or(0, |run| row_u32(run, 4));
        }
        let mut offset = offset;
        for _ in 0..in_chunk {
            let Some(sample) = left.next() else {
                return Ok(());
            };
            sample.offset = offset;
            offset = offset.saturating_add(u64::from(sample.size));
        }
    }
    match left.next() {
        None => Ok(()),
        Some(_) => Err(missing("chunks hold fewer samples than there are sizes")),
    }
}

fn chunk_offsets(stbl: &Box4<'_>, track: u32) -> Result<Vec<u64>, Mp4Error> {
    for (kind, row_bytes) in [(b"stco", 4), (b"co64", 8)] {
        let Some(found) = stbl.child(kind)? else {
            continue;
        };
        let mut fields = found.fields();
        fields.version()?;
        let count = fields.u32()?;
        let rows = fields.rows(count, row_bytes)?;
        // A chunk holds a sample, so more chunks than samples are never used.
        let offsets = rows.take(MAX_SAMPLES).map(|row| match row_bytes {
            4 => u64::from(row_u32(row, 0)),
            _ => u64::from(row_u32(row, 0)) << 32 | u64::from(row_u32(row, 4)),
        });
        return Ok(offsets.collect());
    }
    Err(Mp4Error::Tables {
        track,
        problem: "stco is missing",
    })
}

/// `stts` and `ctts`: durations, and how much later samples show than they decode.
fn time(stbl: &Box4<'_>, track: &Track<'_>, samples: &mut [Sample]) -> Result<(), Mp4Error> {
    let durations = runs(stbl, b"stts")?;
    let delays = runs(stbl, b"ctts")?;
    let mut durations = spread(&durations);
    let mut delays = spread(&delays);
    let mut dts = track.shift;
    for sample in samples {
        sample.duration = durations.next().unwrap_or(0);
        sample.dts = dts;
        // Version 0 is unsigned, but writers put negative delays there too.
        let delay = delays.next().unwrap_or(0);
        sample.pts = dts.saturating_add(i64::from(delay.cast_signed()));
        dts = dts.saturating_add(i64::from(sample.duration));
    }
    Ok(())
}

/// Rows of a number and how often it stands.
fn runs(stbl: &Box4<'_>, kind: &[u8; 4]) -> Result<Vec<(u32, u32)>, Mp4Error> {
    let Some(found) = stbl.child(kind)? else {
        return Ok(Vec::new());
    };
    let mut fields = found.fields();
    fields.version()?;
    let count = fields.u32()?;
    let rows = fields.rows(count, 8)?.take(MAX_SAMPLES);
    Ok(rows.map(|row| (row_u32(row, 0), row_u32(row, 4))).collect())
}

/// The number of each sample.
fn spread(runs: &[(u32, u32)]) -> impl Iterator<Item = u32> {
    runs.iter()
        .flat_map(|(count, value)| std::iter::repeat_n(*value, *count as usize))
}

/// `stss`: samples decoding can start at. Without it, all.
fn mark_sync(stbl: &Box4<'_>, samples: &mut [Sample]) -> Result<(), Mp4Error> {
    let Some(stss) = stbl.child(b"stss")? else {
        return Ok(());
    };
    let mut fields = stss.fields();
    fields.version()?;
    let count = fields.u32()?;
    samples.iter_mut().for_each(|sample| sample.sync = false);
    for row in fields.rows(count, 4)? {
        // Numbered from 1.
        let index = usize::try_from(row_u32(row, 0))
            .ok()
            .and_then(|n| n.checked_sub(1));
        if let Some(sample) = index.and_then(|index| samples.get_mut(index)) {
            sample.sync = true;
        }
    }
    Ok(())
}
