//! Lies that no encoder tells: sizes nobody encoded, and bombs that grow when they are decoded.

use std::fs;

use super::{Expect, Workshop};

pub(super) fn add(shop: &mut Workshop) -> anyhow::Result<()> {
    claims(shop)?;
    bombs(shop)
}

/// A real stream whose parameter set claims another size.
fn claims(shop: &mut Workshop) -> anyhow::Result<()> {
    let encoder = "-t 1 -an -vf scale=320:176 -c:v libx264 -profile:v baseline -bf 0";
    let stream = shop.ffmpeg("honest.h264", encoder)?;
    for (name, width, height) in [("16k-by-16k", 1024, 1024), ("65k-wide", 4096, 4)] {
        let forged = with_size(&stream, width, height);
        let raw = shop.folder.join(format!("{name}.h264"));
        fs::write(&raw, forged)?;
        let file = format!("{name}.ts");
        let muxed = shop.ffmpeg_from(&raw, &file, "-c copy");
        // Where the muxer itself refuses the lie, its raw form is sent.
        let bytes = muxed.or_else(|_| fs::read(&raw))?;
        shop.add(&format!("claims-{name}"), Expect::Refused, bytes);
    }
    Ok(())
}

/// Small files that are large pictures: black costs next to nothing to write down.
fn bombs(shop: &mut Workshop) -> anyhow::Result<()> {
    let black = "color=black:size=4096x2304:rate=30:duration=1";
    shop.invented("black.ts", black, "-pix_fmt yuv420p -g 1 -c:v libx264")?;
    let once = shop.folder.join("black.ts");
    let mut many = Vec::new();
    for _ in 0..60 {
        many.extend(fs::read(&once)?);
    }
    shop.add("bomb-of-black-frames", Expect::Either, many);
    let small = "color=black:size=64x64:rate=500:duration=20";
    let frames = shop.invented("frames.ts", small, "-pix_fmt yuv420p -c:v libx264")?;
    shop.add("ten-thousand-frames", Expect::Either, frames);
    Ok(())
}

/// Replaces every sequence parameter set by one of another size, in macroblocks.
fn with_size(stream: &[u8], width: u32, height: u32) -> Vec<u8> {
    let starts: Vec<usize> = (0..stream.len().saturating_sub(4))
        .filter(|at| stream[*at..].starts_with(&[0, 0, 1]))
        .collect();
    let mut out = Vec::new();
    for (place, start) in starts.iter().enumerate() {
        let end = starts.get(place + 1).copied().unwrap_or(stream.len());
        let unit = &stream[start + 3..end];
        out.extend_from_slice(&[0, 0, 1]);
        if unit.first().is_some_and(|head| head & 0x1f == 7) {
            out.extend_from_slice(&parameter_set(width, height));
        } else {
            out.extend_from_slice(unit);
        }
    }
    out
}

/// A baseline parameter set of level 6.2 with nothing in it but a size.
fn parameter_set(width: u32, height: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.fixed(66, 8); // profile
    bits.fixed(0b1100_0000, 8); // constraints
    bits.fixed(62, 8); // level
    bits.golomb(0); // its number
    bits.golomb(0); // bits of the frame number, less 4
    bits.golomb(2); // order of output is that of decoding
    bits.golomb(1); // reference frames
    bits.fixed(0, 1); // no gaps
    bits.golomb(width - 1);
    bits.golomb(height - 1);
    bits.fixed(1, 1); // frames only
    bits.fixed(1, 1); // direct inference
    bits.fixed(0, 1); // not cropped
    bits.fixed(0, 1); // no more about it
    let mut unit = vec![0x67];
    unit.extend(bits.finish());
    unit
}

#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn fixed(&mut self, value: u32, bits: u32) {
        self.0
            .extend((0..bits).rev().map(|bit| value >> bit & 1 == 1));
    }

    fn golomb(&mut self, value: u32) {
        let bits = 32 - (value + 1).leading_zeros();
        self.fixed(0, bits - 1);
        self.fixed(value + 1, bits);
    }

    fn finish(mut self) -> Vec<u8> {
        self.0.push(true);
        while !self.0.len().is_multiple_of(8) {
            self.0.push(false);
        }
        let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        self.0.chunks(8).map(byte).collect()
    }
}
