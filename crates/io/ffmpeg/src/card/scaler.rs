//! Every size of a picture, made on the card, by filters that outlive the job: opening one has the
//! driver compile its code, which costs more than a segment's scaling.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use streamflow_types::TranscodeFailure;

use super::Card;
use crate::av::{CardFilter, Frame, Kernel, Layout};
use crate::order::Order;
use crate::picture::Size;
use crate::scale::Scaler;

/// Idle filters kept on a card; beyond it one is closed. Ladders of a few streams.
const MAX_KEPT: usize = 64;

/// A step that leaves out more than this is taken in two.
const LARGEST_STEP: u32 = 2;

/// What a filter is opened for: size and layout it reads, size and layout it makes, kernel.
type Key = (Size, i32, Size, Layout, Kernel);

/// Filters no job uses now.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Vec<(Key, CardFilter)>>);

impl Kept {
    fn take(&self, key: &Key) -> Option<CardFilter> {
        let mut kept = lock(&self.0);
        let place = kept.iter().position(|(known, _)| known == key)?;
        Some(kept.swap_remove(place).1)
    }

    fn give_back(&self, filters: impl Iterator<Item = (Key, CardFilter)>) {
        let mut kept = lock(&self.0);
        for filter in filters {
            if kept.len() >= MAX_KEPT {
                kept.remove(0);
            }
            kept.push(filter);
        }
    }
}

/// The filters of one job.
#[derive(Debug)]
pub(crate) struct CardScaler {
    card: Card,
    layout: Layout,
    filters: Mutex<HashMap<Key, CardFilter>>,
}

impl CardScaler {
    /// For a job whose renditions are encoded on the card, or by the processor.
    pub(crate) fn new(card: &Card, orders: &[Order]) -> Self {
        Self {
            card: card.clone(),
            layout: match orders.iter().any(|order| order.on_card) {
                true => Layout::Interleaved,
                false => Layout::Planar,
            },
            filters: Mutex::default(),
        }
    }

    /// The picture in this size, still on the card.
    pub(crate) fn scale(&self, from: &Frame, size: Size) -> Result<Frame, TranscodeFailure> {
        let mut halved: Option<Frame> = None;
        loop {
            let source = halved.as_ref().unwrap_or(from);
            let have = (source.width(), source.height());
            let (step, kernel) = step_towards(have, size);
            let mut made = self.run(source, step, kernel)?;
            made.keep_looks(from);
            if step == size {
                return Ok(made);
            }
            halved = Some(made);
        }
    }

    fn run(&self, from: &Frame, size: Size, kernel: Kernel) -> Result<Frame, TranscodeFailure> {
        let layout = from
            .layout_on_card()
            .ok_or(TranscodeFailure::InvalidHardware)?;
        let have = (from.width(), from.height());
        let key = (have, layout, size, self.layout, kernel);
        // Filters of one job are few and quick, and the card does one thing at a time anyway.
        let mut filters = lock(&self.filters);
        if !filters.contains_key(&key) {
            let filter = match self.card.0.kept.take(&key) {
                Some(filter) => filter,
                None => CardFilter::new(from, size.0, size.1, self.layout, kernel)
                    .map_err(|_| TranscodeFailure::InvalidHardware)?,
            };
            filters.insert(key, filter);
        }
        let filter = filters
            .get_mut(&key)
            .ok_or(TranscodeFailure::InvalidHardware)?;
        filter
            .run(from)
            .map_err(|_| TranscodeFailure::InvalidHardware)
    }
}

impl Drop for CardScaler {
    fn drop(&mut self) {
        self.card.0.kept.give_back(lock(&self.filters).drain());
    }
}

/// A picture on a card as one in the machine's memory, 8-bit 4:2:0 in three planes.
pub(crate) fn in_memory(frame: &Frame, scaler: &Scaler) -> Result<Frame, TranscodeFailure> {
    let copy = frame
        .download()
        .map_err(|_| TranscodeFailure::InvalidHardware)?;
    if copy.is_planar() {
        return Ok(copy);
    }
    scaler.convert(&copy)
}

/// The next size on the way to a size, and the kernel for it.
fn step_towards(have: Size, want: Size) -> (Size, Kernel) {
    let leaves_out = |have: u32, want: u32| have > want.saturating_mul(LARGEST_STEP);
    if leaves_out(have.0, want.0) && leaves_out(have.1, want.1) {
        let half = |side: u32| (side / 2).next_multiple_of(2);
        return ((half(have.0), half(have.1)), Kernel::Bilinear);
    }
    (want, Kernel::Bicubic)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_step_down_goes_by_halves_and_ends_where_asked() {
        let steps = |mut have: Size, want: Size| {
            let mut steps = Vec::new();
            while have != want {
                let (next, kernel) = step_towards(have, want);
                steps.push((next, kernel));
                have = next;
            }
            steps
        };
        assert_eq!(
            steps((1920, 1080), (1280, 720)),
            [((1280, 720), Kernel::Bicubic)]
        );
        assert_eq!(
            steps((3840, 2160), (426, 240)),
            [
                ((1920, 1080), Kernel::Bilinear),
                ((960, 540), Kernel::Bilinear),
                ((480, 270), Kernel::Bilinear),
                ((426, 240), Kernel::Bicubic),
            ]
        );
        assert_eq!(steps((640, 360), (1280, 720)).len(), 1, "up in one step");
        // Sides stay even and no step goes below what was asked for.
        for (next, _) in steps((4096, 2304), (146, 82)) {
            assert!(next.0 % 2 == 0 && next.1 % 2 == 0 && next.0 >= 146 && next.1 >= 82);
        }
    }
}
