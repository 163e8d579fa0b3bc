//! Writes a segment as one MP4 file, its index in front: for codecs that transport streams do not
//! carry.
//!
//! Pictures are in order of display, as those of VP9 and AV1 are; sound is AAC or MP3. Times are
//! written to the tick of 90 kHz, and where they begin as an empty edit, so that segments of a
//! stream keep their place in it.

mod boxes;
mod size;
mod sound;

use bytes::Bytes;

use self::boxes::{boxed, full, numbers};
use crate::mpegts::Ticks;
use crate::mpegts::mux::AccessUnit;

/// Units of all times in a second.
const TIMESCALE: u32 = 90_000;

/// How long the last unit of a track lasts when nothing tells.
const LONE_UNIT: Ticks = Ticks::from_millis(40);

/// A picture codec with a box of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureCodec {
    /// VP9, with `vpcC`.
    Vp9,
    /// AV1, with `av1C`.
    Av1,
}

/// The pictures of a segment.
#[derive(Clone, Copy, Debug)]
pub struct Pictures<'a> {
    /// How they are coded.
    pub codec: PictureCodec,
    /// The body of `vpcC` or `av1C`.
    pub record: &'a [u8],
    /// In order; the first is a key frame.
    pub units: &'a [AccessUnit],
}

/// The sound of a segment.
#[derive(Clone, Copy, Debug)]
pub struct Sound<'a> {
    /// ADTS frames where true, MP3 frames where not.
    pub is_aac: bool,
    /// Samples a second.
    pub rate: u32,
    /// Channels.
    pub channels: u8,
    /// In order.
    pub units: &'a [AccessUnit],
}

/// Writes a segment. Tracks without units are left out.
pub fn segment(pictures: Option<Pictures<'_>>, sound: Option<Sound<'_>>) -> Bytes {
    let pictures = pictures.filter(|pictures| !pictures.units.is_empty());
    let sound = sound.filter(|sound| !sound.units.is_empty());
    let mut tracks = Vec::new();
    if let Some(pictures) = pictures {
        tracks.push(Track::of_pictures(&pictures));
    }
    if let Some(sound) = sound {
        tracks.push(Track::of_sound(&sound));
    }
    let kinds = boxed(b"ftyp", &[b"isom\0\0\x02\0isomiso2mp41"]);
    // The index does not grow with the offsets in it.
    let index_bytes = index(&tracks, 0).len();
    let media_at = kinds.len() + index_bytes + 8;
    let index = index(&tracks, media_at);
    let samples: usize = tracks.iter().map(Track::bytes).sum();
    let mut out = Vec::with_capacity(media_at + samples);
    out.extend(kinds);
    out.extend(index);
    out.extend(u32::try_from(samples + 8).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(b"mdat");
    for sample in tracks.iter().flat_map(|track| &track.samples) {
        out.extend_from_slice(sample);
    }
    out.into()
}

/// A track on its way into the index.
struct Track<'a> {
    handler: &'static [u8; 4],
    header: Vec<u8>,
    entry: Vec<u8>,
    size: (u32, u32),
    start: Ticks,
    samples: Vec<&'a [u8]>,
    durations: Vec<u32>,
    keys: Option<Vec<u32>>,
}

impl<'a> Track<'a> {
    fn of_pictures(pictures: &Pictures<'a>) -> Self {
        let first = pictures.units.first().map(|unit| &unit.data[..]);
        let (kind, config, size) = match pictures.codec {
            PictureCodec::Vp9 => (b"vp09", b"vpcC", first.and_then(size::of_vp9)),
            PictureCodec::Av1 => {
                // The configuration may leave the sequence header to the key frame.
                let in_record = pictures.record.get(4..).and_then(size::of_av1);
                let size = in_record.or_else(|| first.and_then(size::of_av1));
                (b"av01", b"av1C", size)
            }
        };
        let size = size.unwrap_or_default();
        let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX).to_be_bytes();
        let entry = boxed(
            kind,
            &[
                &[0, 0, 0, 0, 0, 0, 0, 1],
                &[0; 16],
                &side(size.0),
                &side(size.1),
                &numbers(&[72 << 16, 72 << 16, 0]),
                &[0, 1],
                &[0; 32],
                &[0, 0x18, 0xff, 0xff],
                &boxed(config, &[pictures.record]),
            ],
        );
        let keys = (1u32..).zip(pictures.units);
        let keys = keys.filter(|(_, unit)| unit.key).map(|(number, _)| number);
        Self {
            handler: b"vide",
            header: full(b"vmhd", 1, &[&[0; 8]]),
            entry,
            size,
            start: start(pictures.units),
            samples: pictures.units.iter().map(|unit| &unit.data[..]).collect(),
            durations: durations(pictures.units),
            keys: Some(keys.collect()),
        }
    }

    fn of_sound(track: &Sound<'a>) -> Self {
        let first = track.units.first().map(|unit| &unit.data[..]);
        let config = first.filter(|_| track.is_aac).and_then(sound::aac_config);
        let entry = boxed(
            b"mp4a",
            &[
                &[0, 0, 0, 0, 0, 0, 0, 1],
                &[0; 8],
                &[0, track.channels, 0, 16, 0, 0, 0, 0],
                &numbers(&[track.rate.min(0xffff) << 16]),
                &full(b"esds", 0, &[&sound::descriptors(config)]),
            ],
        );
        let samples = track.units.iter().map(|unit| match track.is_aac {
            true => sound::without_adts(&unit.data),
            false => &unit.data[..],
        });
        Self {
            handler: b"soun",
            header: full(b"smhd", 0, &[&[0; 4]]),
            entry,
            size: (0, 0),
            start: start(track.units),
            samples: samples.collect(),
            durations: durations(track.units),
            keys: None,
        }
    }

    fn bytes(&self) -> usize {
        self.samples.iter().map(|sample| sample.len()).sum()
    }

    fn duration(&self) -> u32 {
        self.durations
            .iter()
            .fold(0, |sum, duration| sum.saturating_add(*duration))
    }

    /// The `trak` box, its samples from `offset` on in the file.
    fn index(&self, number: u32, offset: usize) -> Vec<u8> {
        let duration = self.duration();
        let start = u64::try_from(self.start.0).unwrap_or_default();
        let (width, height) = self.size;
        let volume: u32 = if self.keys.is_some() { 0 } else { 0x0100 << 16 };
        let head = [
            &numbers(&[0, 0, number, 0, duration, 0, 0, 0, volume])[..],
            &boxes::UPRIGHT,
            &numbers(&[width << 16, height << 16]),
        ];
        // Nothing until the track begins, then all of it.
        let edits = [
            &numbers(&[2])[..],
            &start.to_be_bytes(),
            &(-1i64).to_be_bytes(),
            &[0, 1, 0, 0],
            &u64::from(duration).to_be_bytes(),
            &0i64.to_be_bytes(),
            &[0, 1, 0, 0],
        ];
        let media_head = [
            &numbers(&[0, 0, TIMESCALE, duration])[..],
            &[0x55, 0xc4, 0, 0],
        ];
        let handler = [&[0; 4][..], self.handler, &[0; 12], b"\0"];
        let reference = full(b"dref", 0, &[&numbers(&[1]), &full(b"url ", 1, &[])]);
        boxed(
            b"trak",
            &[
                &full(b"tkhd", 3, &head),
                &boxed(b"edts", &[&boxes::full_version(b"elst", 1, 0, &edits)]),
                &boxed(
                    b"mdia",
                    &[
                        &full(b"mdhd", 0, &media_head),
                        &full(b"hdlr", 0, &handler),
                        &boxed(
                            b"minf",
                            &[
                                &self.header,
                                &boxed(b"dinf", &[&reference]),
                                &self.tables(offset),
                            ],
                        ),
                    ],
                ),
            ],
        )
    }

    fn tables(&self, offset: usize) -> Vec<u8> {
        let count = count(self.samples.len());
        let times: Vec<u32> = self
            .durations
            .iter()
            .flat_map(|units| [1, *units])
            .collect();
        let sizes: Vec<u32> = self
            .samples
            .iter()
            .map(|bytes| self::count(bytes.len()))
            .collect();
        let keys = self.keys.as_ref().map(|keys| {
            let number = self::count(keys.len());
            full(b"stss", 0, &[&numbers(&[number]), &numbers(keys)])
        });
        boxed(
            b"stbl",
            &[
                &full(b"stsd", 0, &[&numbers(&[1]), &self.entry]),
                &full(b"stts", 0, &[&numbers(&[count]), &numbers(&times)]),
                &keys.unwrap_or_default(),
                &full(b"stsc", 0, &[&numbers(&[1, 1, count, 1])]),
                &full(b"stsz", 0, &[&numbers(&[0, count]), &numbers(&sizes)]),
                &full(b"stco", 0, &[&numbers(&[1, self::count(offset)])]),
            ],
        )
    }
}

fn index(tracks: &[Track<'_>], media_at: usize) -> Vec<u8> {
    let ends = tracks.iter().map(|track| {
        let start = u32::try_from(track.start.0).unwrap_or(u32::MAX);
        start.saturating_add(track.duration())
    });
    let head = [
        &numbers(&[
            0,
            0,
            TIMESCALE,
            ends.max().unwrap_or_default(),
            1 << 16,
            0x0100 << 16,
            0,
            0,
        ])[..],
        &boxes::UPRIGHT,
        &[0; 24],
        &numbers(&[3]),
    ];
    let (mut offset, mut children) = (media_at, vec![full(b"mvhd", 0, &head)]);
    for (number, track) in (1..).zip(tracks) {
        children.push(track.index(number, offset));
        offset += track.bytes();
    }
    let children: Vec<&[u8]> = children.iter().map(Vec::as_slice).collect();
    boxed(b"moov", &children)
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Where a track begins; nothing begins before zero.
fn start(units: &[AccessUnit]) -> Ticks {
    units
        .first()
        .map_or(Ticks::ZERO, |unit| unit.dts.max(Ticks::ZERO))
}

/// How long each unit lasts: to the next, and the last as long as the one before.
fn durations(units: &[AccessUnit]) -> Vec<u32> {
    let steps = units.windows(2).map(|pair| match pair {
        [unit, next] => u32::try_from((next.dts - unit.dts).0).unwrap_or_default(),
        _ => 0,
    });
    let mut durations: Vec<u32> = steps.collect();
    let last = durations.last().copied();
    durations.push(last.unwrap_or_else(|| u32::try_from(LONE_UNIT.0).unwrap_or_default()));
    durations
}
