//! Video made without an encoder: H.264 pictures written bit by bit. The null transcoder answers
//! with it, a node measures its speed with it, and a faulty transcoder lies with it.
//!
//! It knows two pictures: black that stands still, and a texture whose tiles move about. Every
//! picture is one slice of constrained-baseline H.264, decodable by anything.

mod bits;
mod picture;

use std::num::NonZeroU32;

use bytes::Bytes;
use streamflow_media::mpegts::mux::{AccessUnit, Muxer, Video};
use streamflow_media::mpegts::{Ticks, stream_type};

use bits::Bits;

/// What is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// Black, standing still: a few bytes for each picture after the first.
    Black,
    /// Tiles of a texture that move apart: as hard to encode as lively video.
    Texture,
}

/// Largest side; the header below is made for sizes of real profiles.
pub const MAX_SIDE: u32 = 4096;

/// A size no picture can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{width}x{height} is no picture: sides are even and from 2 to {MAX_SIDE}")]
pub struct CardSizeError {
    /// Asked for.
    pub width: u32,
    /// Asked for.
    pub height: u32,
}

/// A picture source of one size.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    width: u32,
    height: u32,
    scene: Scene,
}

impl Card {
    /// Pictures of this size.
    pub fn new(width: u32, height: u32, scene: Scene) -> Result<Self, CardSizeError> {
        let fits = |side: u32| (2..=MAX_SIDE).contains(&side) && side.is_multiple_of(2);
        if !fits(width) || !fits(height) {
            return Err(CardSizeError { width, height });
        }
        Ok(Self {
            width,
            height,
            scene,
        })
    }

    /// The picture at this place, as an access unit in Annex B form. Picture 0 is a key picture
    /// with all headers; each later one refers to the one before it. Numbers past 65,535 pictures
    /// start over, so a sequence is at most that long.
    pub fn access_unit(&self, index: u16) -> Vec<u8> {
        let mut unit = Vec::new();
        append(&mut unit, 0x09, delimiter(index == 0));
        if index == 0 {
            append(&mut unit, 0x67, self.sequence_parameters());
            append(&mut unit, 0x68, picture_parameters());
            append(&mut unit, 0x65, self.slice(index));
        } else {
            append(&mut unit, 0x61, self.slice(index));
        }
        unit
    }

    /// A whole segment as MPEG-TS: this many pictures from this time on, at an even rate. Rates
    /// past a picture a tick are held at one.
    pub fn segment(&self, first: Ticks, rate: (NonZeroU32, NonZeroU32), pictures: u16) -> Bytes {
        let (num, den) = (i64::from(rate.0.get()), i64::from(rate.1.get()));
        let units: Vec<_> = (0..pictures)
            .map(|index| {
                let ticks = i64::from(index).saturating_mul(den);
                let since = ticks.saturating_mul(Ticks::PER_SECOND) / num;
                let time = Ticks(first.0.saturating_add(since.max(i64::from(index))));
                AccessUnit {
                    pts: time,
                    dts: time,
                    key: index == 0,
                    data: self.access_unit(index).into(),
                }
            })
            .collect();
        let video = Video {
            stream_type: stream_type::H264,
            units: &units,
        };
        Muxer::new().segment(Some(video), None, false)
    }

    fn blocks(&self) -> (u32, u32) {
        (self.width.div_ceil(16), self.height.div_ceil(16))
    }

    fn sequence_parameters(&self) -> Bits {
        let (across, down) = self.blocks();
        let mut bits = Bits::default();
        bits.put(8, 66); // baseline
        bits.put(8, 0b1100_0000); // constrained
        bits.put(8, level(across.saturating_mul(down)));
        bits.unsigned(0);
        bits.unsigned(12); // picture numbers of 16 bits
        bits.unsigned(2); // shown in the order they are sent
        bits.unsigned(1); // one reference
        bits.put(1, 0);
        bits.unsigned(across.saturating_sub(1));
        bits.unsigned(down.saturating_sub(1));
        bits.put(1, 1); // whole frames
        bits.put(1, 1);
        let right = across.saturating_mul(16).saturating_sub(self.width) / 2;
        let bottom = down.saturating_mul(16).saturating_sub(self.height) / 2;
        let cropped = right > 0 || bottom > 0;
        bits.put(1, u32::from(cropped));
        if cropped {
            for side in [0, right, 0, bottom] {
                bits.unsigned(side);
            }
        }
        bits.put(1, 0); // nothing about how to show it
        bits.finish();
        bits
    }

    fn slice(&self, index: u16) -> Bits {
        let key = index == 0;
        let mut bits = Bits::default();
        bits.unsigned(0);
        bits.unsigned(if key { 7 } else { 5 }); // one slice of I or P blocks
        bits.unsigned(0);
        bits.put(16, u32::from(index));
        if key {
            bits.unsigned(0); // number of the key picture
            bits.put(2, 0); // how it is kept as reference
        } else {
            bits.put(3, 0); // references and their order as always; kept as reference
        }
        bits.signed(0);
        bits.unsigned(1); // no deblocking
        let (across, down) = self.blocks();
        match (self.scene, key) {
            (Scene::Black, true) => picture::black(&mut bits, across, down),
            (Scene::Black, false) => bits.unsigned(across.saturating_mul(down)),
            (Scene::Texture, true) => picture::texture(&mut bits, across, down),
            (Scene::Texture, false) => picture::moved(&mut bits, across, down, index),
        }
        bits.finish();
        bits
    }
}

/// What kinds of slices the unit holds.
fn delimiter(key: bool) -> Bits {
    let mut bits = Bits::default();
    bits.put(3, if key { 0 } else { 1 });
    bits.finish();
    bits
}

fn picture_parameters() -> Bits {
    let mut bits = Bits::default();
    bits.unsigned(0);
    bits.unsigned(0);
    bits.put(2, 0); // variable-length codes
    bits.unsigned(0);
    bits.unsigned(0);
    bits.unsigned(0);
    bits.put(3, 0);
    bits.signed(0);
    bits.signed(0);
    bits.signed(0);
    bits.put(1, 1); // slices say how they are deblocked
    bits.put(2, 0);
    bits.finish();
    bits
}

/// The lowest usual level whose pictures may have this many blocks.
fn level(blocks: u32) -> u32 {
    match blocks {
        0..=1_620 => 31,
        1_621..=3_600 => 32,
        3_601..=8_192 => 41,
        8_193..=22_080 => 50,
        _ => 52,
    }
}

/// Adds a unit behind its start code, keeping start codes out of its payload.
fn append(unit: &mut Vec<u8>, header: u8, payload: Bits) {
    unit.extend_from_slice(&[0, 0, 0, 1, header]);
    let mut zeros = 0;
    for byte in payload.into_bytes() {
        if zeros >= 2 && byte <= 3 {
            unit.push(3);
            zeros = 0;
        }
        unit.push(byte);
        zeros = if byte == 0 { zeros + 1 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn still_pictures_are_tiny_and_carry_no_false_start_code() {
        let card = Card::new(640, 360, Scene::Black).unwrap();
        assert!(card.access_unit(0).len() < 2_000);
        assert!(card.access_unit(1).len() < 40);
        let texture = Card::new(160, 90, Scene::Texture).unwrap().access_unit(0);
        let starts = texture.windows(3).filter(|w| w == &[0, 0, 1]).count();
        assert_eq!(starts, 4);
        assert!(!texture.windows(3).any(|w| w == [0, 0, 0] && w != [0, 0, 1]) || starts == 4);
    }

    #[test]
    fn odd_and_absurd_sizes_are_refused() {
        for (width, height) in [(0, 2), (3, 2), (2, 4098), (u32::MAX, 2)] {
            assert!(Card::new(width, height, Scene::Black).is_err());
        }
    }
}
