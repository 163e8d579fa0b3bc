//! The blocks of a picture.

use super::bits::Bits;

/// Luma of black, and chroma of no colour, in the usual range.
const BLACK: u32 = 16;
const NO_COLOUR: u32 = 128;

/// Block type of raw samples in an I slice.
const RAW: u32 = 25;

/// Side of the tiles that move together, in blocks.
const TILE: u32 = 1;

/// A raw black block, then blocks that look like their neighbours.
pub(super) fn black(bits: &mut Bits, across: u32, down: u32) {
    raw(bits, |_, _| BLACK);
    for index in 1..across.saturating_mul(down) {
        bits.unsigned(3); // predicted from the neighbours' mean
        bits.unsigned(0);
        bits.signed(0);
        // No difference to the prediction. The code for "none" depends on how much the
        // neighbours had, and a raw block counts as full.
        let beside_raw = index == 1 && across > 1 || index == across;
        if beside_raw {
            bits.put(6, 0b000011);
        } else {
            bits.put(1, 1);
        }
    }
}

/// Raw blocks of a texture with edges of all sizes.
pub(super) fn texture(bits: &mut Bits, across: u32, down: u32) {
    for y in 0..down {
        for x in 0..across {
            raw(bits, |inner_x, inner_y| {
                luma(x * 16 + inner_x, y * 16 + inner_y)
            });
        }
    }
}

/// Every tile of the picture before, moved its own way.
pub(super) fn moved(bits: &mut Bits, across: u32, down: u32, index: u16) {
    let mut above = vec![(0, 0); across as usize];
    for y in 0..down {
        let mut row: Vec<(i32, i32)> = Vec::with_capacity(across as usize);
        for x in 0..across {
            let vector = motion(x / TILE, y / TILE, index);
            let predicted = prediction(&row, &above, x as usize, y > 0);
            bits.unsigned(0); // no block skipped before this one
            bits.unsigned(0); // one vector for the whole block
            bits.signed(vector.0 - predicted.0);
            bits.signed(vector.1 - predicted.1);
            bits.unsigned(0); // no difference to the prediction
            row.push(vector);
        }
        above = row;
    }
}

/// A block of raw samples; luma as told, no colour.
fn raw(bits: &mut Bits, luma: impl Fn(u32, u32) -> u32) {
    bits.unsigned(RAW);
    bits.align();
    for y in 0..16 {
        for x in 0..16 {
            bits.put(8, luma(x, y));
        }
    }
    for _ in 0..128 {
        bits.put(8, NO_COLOUR);
    }
}

/// Overlaid triangle waves of several lengths with a little noise, 16 to 235.
fn luma(x: u32, y: u32) -> u32 {
    let wave = |value: u32, length: u32| {
        let phase = value % (2 * length);
        phase.min(2 * length - phase) * 64 / length
    };
    let noise =
        (x.wrapping_mul(73_856_093) ^ y.wrapping_mul(19_349_663)).wrapping_mul(2_654_435_761);
    let edges = if (x / 23 + y / 17).is_multiple_of(2) {
        40
    } else {
        0
    };
    (16 + wave(x + y / 2, 61) + wave(y + 3 * x / 4, 37) + edges + (noise >> 28)).min(235)
}

/// Where a tile comes from, in quarter samples: whole samples, so that it stays sharp. The way
/// changes every half second.
fn motion(tile_x: u32, tile_y: u32, index: u16) -> (i32, i32) {
    let turn = u32::from(index) / 4;
    let pick = (tile_x.wrapping_mul(7) ^ tile_y.wrapping_mul(13) ^ turn.wrapping_mul(29)) % 9;
    let step = |value: u32| (value as i32 - 1) * 8;
    (step(pick % 3), step(pick / 3))
}

/// The vector a decoder expects: the median of the left, upper and upper right neighbour.
fn prediction(row: &[(i32, i32)], above: &[(i32, i32)], x: usize, has_above: bool) -> (i32, i32) {
    let left = row.last().copied();
    if !has_above {
        return left.unwrap_or_default();
    }
    let upper = above.get(x).copied().unwrap_or_default();
    // Where there is no block at the upper right, the one at the upper left stands in.
    let corner = above
        .get(x + 1)
        .or_else(|| above.get(x.checked_sub(1)?))
        .copied();
    let median = |a: i32, b: i32, c: i32| a.max(b).min(a.min(b).max(c));
    match (left, corner) {
        // Only the upper one refers to a picture at all.
        (None, None) => upper,
        (left, corner) => {
            let (left, corner) = (left.unwrap_or_default(), corner.unwrap_or_default());
            (
                median(left.0, upper.0, corner.0),
                median(left.1, upper.1, corner.1),
            )
        }
    }
}
