//! Several sizes of one 8-bit 4:2:0 picture in one pass over it: bicubic, with the instructions of
//! this processor.
//!
//! A ladder reads the same picture once for every size, and reading it costs more than arithmetic:
//! it is larger than the caches near a core. Here each row is read once and kept as words in a
//! small ring; every size takes from the ring what it needs, first down the columns, then along
//! the row. What this cannot do is left to zimg: other formats, and ratios outside
//! [`MIN_RATIO`] to [`MAX_RATIO`].

mod kernels;
mod taps;

use crate::av::Frame;
use crate::picture::Size;
use kernels::{Level, PAD};
use taps::Taps;

pub(crate) use taps::SHARPNESS;

/// A row kept as words has this many fractional bits.
const ROW_BITS: u32 = 6;

/// Sizes are made no larger than the source.
const MIN_RATIO: f64 = 1.0;

/// Beyond it samples for neighbours are too far apart for one look-up.
const MAX_RATIO: f64 = 4.0;

/// Rows read before sizes take from them.
const ROWS_AT_ONCE: usize = 2;

/// Samples by which the centre of a chroma sample, which stands at the left, is off the centre of
/// the pair of luma samples above it.
const CHROMA_LEFT: f64 = 0.25;

/// How one size is made from another.
pub(crate) struct Shrink {
    level: Level,
    luma: Plane,
    chroma: Plane,
}

struct Plane {
    down: Taps,
    along: kernels::Along,
    width: usize,
}

impl Plane {
    fn new(level: Level, from: (usize, usize), to: (usize, usize), shift: f64) -> Self {
        Self {
            down: Taps::new(from.1, to.1, 0.0, taps::FULL_DOWN),
            along: kernels::Along::new(level, &Taps::new(from.0, to.0, shift, taps::FULL_ALONG)),
            width: to.0,
        }
    }
}

impl Shrink {
    /// `None` where the processor or the ratio is not for this.
    pub(crate) fn new(from: Size, to: Size) -> Option<Self> {
        Self::at(Level::best()?, from, to)
    }

    fn at(level: Level, from: Size, to: Size) -> Option<Self> {
        let fits = |from: u32, to: u32| {
            let ratio = f64::from(from) / f64::from(to);
            (MIN_RATIO..=MAX_RATIO).contains(&ratio)
        };
        let even = [from.0, from.1, to.0, to.1]
            .iter()
            .all(|side| *side > 0 && side % 2 == 0);
        if !even || !fits(from.0, to.0) || !fits(from.1, to.1) {
            return None;
        }
        let whole = |size: Size| (size.0 as usize, size.1 as usize);
        let half = |size: Size| (size.0 as usize / 2, size.1 as usize / 2);
        // Left of the centre by the same part of a chroma sample on both sides.
        let shift = CHROMA_LEFT * (1.0 - f64::from(from.0) / f64::from(to.0));
        Some(Self {
            level,
            luma: Plane::new(level, whole(from), whole(to), 0.0),
            chroma: Plane::new(level, half(from), half(to), shift),
        })
    }

    fn plane(&self, index: usize) -> &Plane {
        if index == 0 { &self.luma } else { &self.chroma }
    }
}

/// Rows in work, lent by the thread that shrinks.
#[derive(Default)]
pub(crate) struct Rows {
    ring: Vec<kernels::Block>,
    line: Vec<kernels::Block>,
}

/// The picture is not 8-bit 4:2:0, or not of the size it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unfit;

/// Makes every target from the source, all of whose sizes must be those the plans were made for.
pub(crate) fn shrink(
    from: &Frame,
    targets: &mut [(&Shrink, &mut Frame)],
    rows: &mut Rows,
) -> Result<(), Unfit> {
    for plane in 0..3 {
        shrink_plane(from, targets, plane, rows).ok_or(Unfit)?;
    }
    Ok(())
}

/// One target of a plane.
struct Target<'a> {
    plane: &'a Plane,
    level: Level,
    samples: &'a mut [u8],
    stride: usize,
    /// The next row to make.
    next: usize,
}

fn shrink_plane(
    from: &Frame,
    targets: &mut [(&Shrink, &mut Frame)],
    plane: usize,
    rows: &mut Rows,
) -> Option<()> {
    let mut open = Vec::with_capacity(targets.len());
    for (plan, frame) in targets.iter_mut() {
        let (level, plane_plan) = (plan.level, plan.plane(plane));
        if frame.rows(plane)?.count() != plane_plan.down.len()
            || frame.rows(plane)?.next()?.len() != plane_plan.width
        {
            return None;
        }
        let (samples, stride) = frame.plane_mut(plane)?;
        open.push(Target {
            plane: plane_plan,
            level,
            samples,
            stride,
            next: 0,
        });
    }
    let level = open.first()?.level;
    let source: Vec<&[u8]> = from.rows(plane)?.collect();
    let (height, width) = (source.len(), source.first()?.len());
    let fits =
        |target: &Target<'_>| target.plane.down.from == height && target.plane.along.from == width;
    if !open.iter().all(fits) {
        return None;
    }
    let most = open.iter().map(|target| target.plane.down.count).max()?;
    // As few as will do, so that they stay in the nearest cache.
    let kept = most + ROWS_AT_ONCE;
    let pitch = kernels::blocks(width);
    rows.ring.resize(kept * pitch, kernels::Block::ZERO);
    rows.line
        .resize(pitch + kernels::blocks(2 * PAD), kernels::Block::ZERO);
    let mut have = 0;
    while have < height {
        let until = height.min(have + ROWS_AT_ONCE);
        for (y, row) in source.iter().enumerate().take(until).skip(have) {
            let place = (y % kept) * pitch;
            kernels::widen(
                level,
                row,
                kernels::words_mut(&mut rows.ring[place..place + pitch]),
            );
        }
        have = until;
        for target in &mut open {
            target.take(&rows.ring, (kept, pitch), (have, height), &mut rows.line);
        }
    }
    Some(())
}

impl Target<'_> {
    /// Makes the rows for which enough of the source is in the ring.
    fn take(
        &mut self,
        ring: &[kernels::Block],
        (kept, pitch): (usize, usize),
        (have, height): (usize, usize),
        line: &mut [kernels::Block],
    ) {
        let down = &self.plane.down;
        while self.next < down.len() {
            let (first, weights) = down.at(self.next);
            // Rows beyond an edge are the row at the edge.
            let row_of = |tap: usize| {
                usize::try_from(first + tap as isize)
                    .unwrap_or(0)
                    .min(height - 1)
            };
            if row_of(down.count - 1) >= have {
                return;
            }
            let mut taken: [&[i16]; taps::MAX_COUNT] = [&[]; taps::MAX_COUNT];
            for (tap, row) in taken.iter_mut().enumerate().take(down.count) {
                let place = (row_of(tap) % kept) * pitch;
                *row = kernels::words(&ring[place..place + pitch]);
            }
            let width = self.plane.along.from;
            let line = kernels::words_mut(line);
            kernels::down(
                self.level,
                &taken[..down.count],
                weights,
                &mut line[PAD..PAD + pitch * kernels::WORDS],
            );
            let (first, last) = (line[PAD], line[PAD + width - 1]);
            line[..PAD].fill(first);
            line[PAD + width..].fill(last);
            let start = self.next * self.stride;
            let out = &mut self.samples[start..start + self.plane.width];
            kernels::along(self.level, line, &self.plane.along, out);
            self.next += 1;
        }
    }
}
