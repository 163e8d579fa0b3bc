//! Finds the frames in a run of NAL units and what they look like.
//!
//! A frame is what a decoder puts out: all slices of a picture, both fields of an interlaced one.

use streamflow_types::Codec;

use super::h264::{self, SliceStart};
use super::hevc;
use super::picture::PictureFormat;

/// Where a frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundFrame {
    /// Offset of its first NAL unit: a delimiter, parameter set or message in front of its slices.
    pub start: usize,
    /// Decoding may start here.
    pub key: bool,
    /// It resets the decoder: nothing after it refers to anything before.
    pub idr: bool,
}

/// Looks at the NAL units of one track in order.
#[derive(Debug)]
pub struct Scanner {
    kind: Kind,
    format: Option<PictureFormat>,
    largest: (u32, u32),
    /// Offset of the first unit that belongs to the next frame.
    next_start: Option<usize>,
}

#[derive(Debug)]
enum Kind {
    H264(Box<H264State>),
    H265 { last_sps: Vec<u8> },
}

/// Sequence parameter sets an H.264 stream can have.
const SEQUENCE_SETS: usize = 32;

/// Picture parameter sets an H.264 stream can have.
const PICTURE_SETS: usize = 256;

#[derive(Debug)]
struct H264State {
    sets: [Option<h264::Sps>; SEQUENCE_SETS],
    /// The last set as it came, to skip repetitions.
    last_sps: Vec<u8>,
    /// Which sequence set each picture set refers to.
    picture_sets: [Option<u8>; PICTURE_SETS],
    last_slice: Option<SliceStart>,
    /// The frame of `last_slice` lacks its second field.
    half_frame: bool,
    recovery_point: bool,
}

impl Scanner {
    /// For a codec made of NAL units; `None` for others.
    pub fn new(codec: Codec) -> Option<Self> {
        let kind = match codec {
            Codec::H264 => Kind::H264(Box::new(H264State::new())),
            Codec::H265 => Kind::H265 {
                last_sps: Vec::new(),
            },
            Codec::Vp8 | Codec::Vp9 => return None,
        };
        Some(Self {
            kind,
            format: None,
            largest: (0, 0),
            next_start: None,
        })
    }

    /// The next NAL unit, which began at `offset`. Answers when a frame begins with it.
    pub fn push(&mut self, offset: usize, unit: &[u8]) -> Option<FoundFrame> {
        let found = match &mut self.kind {
            Kind::H264(state) => state.push(unit),
            Kind::H265 { last_sps } => push_h265(last_sps, unit),
        };
        match found {
            Found::Format(format) => {
                self.replace_format(format);
                self.next_start.get_or_insert(offset);
                None
            }
            Found::Opening => {
                self.next_start.get_or_insert(offset);
                None
            }
            Found::Frame { key, idr } => Some(FoundFrame {
                start: self.next_start.take().unwrap_or(offset),
                key,
                idr,
            }),
            Found::More => {
                // What stood between slices of one picture belongs to that picture.
                self.next_start = None;
                None
            }
            Found::Other => None,
        }
    }

    /// What pictures look like, by the first parameter set.
    pub const fn format(&self) -> Option<&PictureFormat> {
        self.format.as_ref()
    }

    /// The widest and the highest picture of any parameter set.
    pub const fn largest(&self) -> (u32, u32) {
        self.largest
    }

    fn replace_format(&mut self, format: PictureFormat) {
        self.largest.0 = self.largest.0.max(format.width);
        self.largest.1 = self.largest.1.max(format.height);
        self.format.get_or_insert(format);
    }
}

/// What a NAL unit is to the frames.
enum Found {
    /// A parameter set that can be read.
    Format(PictureFormat),
    /// Something that stands before the slices of a frame.
    Opening,
    /// The first slice of a frame.
    Frame { key: bool, idr: bool },
    /// A further slice.
    More,
    /// Neither.
    Other,
}

impl H264State {
    fn new() -> Self {
        Self {
            sets: std::array::from_fn(|_| None),
            last_sps: Vec::new(),
            picture_sets: [None; PICTURE_SETS],
            last_slice: None,
            half_frame: false,
            recovery_point: false,
        }
    }

    fn push(&mut self, unit: &[u8]) -> Found {
        use h264::nal_type::{AUD, IDR, PARTITION_A, PPS, SEI, SLICE, SPS};
        match h264::nal_type(unit) {
            Some(SLICE | PARTITION_A | IDR) => self.slice(unit),
            Some(SPS) => self.sequence_set(unit),
            Some(PPS) => {
                self.picture_set(unit);
                Found::Opening
            }
            Some(SEI) => {
                self.recovery_point |= h264::recovery_point(unit);
                Found::Opening
            }
            Some(AUD) => Found::Opening,
            _ => Found::Other,
        }
    }

    fn sequence_set(&mut self, unit: &[u8]) -> Found {
        if self.last_sps == unit {
            return Found::Opening;
        }
        let Ok(sps) = h264::Sps::parse(unit) else {
            return Found::Opening;
        };
        self.last_sps = unit.to_vec();
        let format = sps.format.clone();
        if let Some(place) = self.sets.get_mut(usize::from(sps.id)) {
            *place = Some(sps);
        }
        Found::Format(format)
    }

    fn picture_set(&mut self, unit: &[u8]) {
        let payload = super::nal::unescape(unit.get(1..).unwrap_or_default(), 16);
        let mut bits = super::bits::BitReader::new(&payload);
        let (Some(id), Some(sequence)) = (bits.ue(), bits.ue()) else {
            return;
        };
        let place = usize::try_from(id).ok();
        if let Some(place) = place.and_then(|id| self.picture_sets.get_mut(id)) {
            *place = u8::try_from(sequence).ok();
        }
    }

    fn slice(&mut self, unit: &[u8]) -> Found {
        let sps = SliceStart::parameter_set(unit)
            .and_then(|id| *self.picture_sets.get(usize::from(id))?)
            .and_then(|id| self.sets.get(usize::from(id))?.as_ref());
        let Some(slice) = SliceStart::parse(unit, sps) else {
            return Found::Other;
        };
        let last = self.last_slice.replace(slice);
        if let Some(last) = last {
            if !slice.opens_picture(&last) {
                return Found::More;
            }
            if self.half_frame && slice.completes_frame(&last) {
                self.half_frame = false;
                return Found::More;
            }
        }
        self.half_frame = slice.field.is_some();
        let recovery_point = std::mem::take(&mut self.recovery_point);
        Found::Frame {
            key: slice.idr || recovery_point,
            idr: slice.idr,
        }
    }
}

fn push_h265(last_sps: &mut Vec<u8>, unit: &[u8]) -> Found {
    use hevc::nal_type::{AUD, FIRST_RANDOM_ACCESS, IDR, PPS, PREFIX_SEI, SPS, VPS};
    match hevc::nal_type(unit) {
        Some(kind) if hevc::is_slice(kind) => {
            if !hevc::opens_picture(unit) {
                return Found::More;
            }
            Found::Frame {
                key: hevc::is_key(kind),
                idr: (FIRST_RANDOM_ACCESS..=IDR).contains(&kind),
            }
        }
        Some(SPS) if last_sps.as_slice() != unit => match hevc::Sps::parse(unit) {
            Ok(sps) => {
                *last_sps = unit.to_vec();
                Found::Format(sps.format)
            }
            Err(_) => Found::Opening,
        },
        Some(VPS | SPS | PPS | AUD | PREFIX_SEI) => Found::Opening,
        _ => Found::Other,
    }
}
