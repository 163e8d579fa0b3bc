//! Short-term reference picture sets. Only their length matters here, but each may be written as a
//! change to the one before, so their sizes have to be followed.

use crate::codec::bits::BitReader;

/// Sets a stream may have.
const MAX_SETS: u32 = 64;

/// Pictures a set may refer to on either side.
const MAX_PICTURES: u32 = 16;

/// Skips all sets of a sequence parameter set.
pub(super) fn skip(bits: &mut BitReader<'_>) -> Option<()> {
    let count = bits.ue().filter(|count| *count <= MAX_SETS)?;
    let mut pictures = 0;
    for index in 0..count {
        pictures = if index > 0 && bits.flag()? {
            predicted(bits, pictures)?
        } else {
            explicit(bits)?
        };
    }
    Some(())
}

/// A set as a change to one of `before` pictures: how many it has.
fn predicted(bits: &mut BitReader<'_>, before: u32) -> Option<u32> {
    bits.skip(1)?; // delta_rps_sign
    bits.ue()?; // abs_delta_rps_minus1
    let mut pictures = 0;
    for _ in 0..=before {
        let used = bits.flag()?;
        let kept = used || bits.flag()?;
        pictures += u32::from(kept);
    }
    (pictures <= 2 * MAX_PICTURES).then_some(pictures)
}

/// A set written out: how many pictures it has.
fn explicit(bits: &mut BitReader<'_>) -> Option<u32> {
    let earlier = bits.ue().filter(|count| *count <= MAX_PICTURES)?;
    let later = bits.ue().filter(|count| *count <= MAX_PICTURES)?;
    for _ in 0..earlier + later {
        bits.ue()?; // distance
        bits.skip(1)?; // used
    }
    Some(earlier + later)
}
