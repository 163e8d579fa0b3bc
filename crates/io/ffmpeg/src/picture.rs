//! A decoded picture and every size made of it. A size is made once, by whichever rendition asks
//! first; renditions of one size share it.

use std::sync::{Arc, OnceLock};

use streamflow_types::TranscodeFailure;

use crate::av::{DisplayMatrix, Frame, quarter_turns};
use crate::card::{CardScaler, OnCard};
use crate::scale::Scaler;
use crate::zimg::{Scratch, Shape};

/// Width and height.
pub(crate) type Size = (u32, u32);

/// Pixels above which sizes are made from the next larger one instead of from the source: there
/// the loss is small and the saving large.
const CASCADE_ABOVE: u64 = 1280 * 720;

/// The sizes to make of pictures of one source size.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SizePlan {
    source: Size,
    /// Distinct sizes, largest first, as the picture is coded.
    targets: Vec<Size>,
    /// Which of `targets` each rendition uses.
    used: Vec<usize>,
}

impl SizePlan {
    /// For a source and the size of each rendition.
    pub(crate) fn new(source: Size, sizes: &[Size]) -> Self {
        let mut targets = sizes.to_vec();
        targets.sort_unstable_by_key(|size| std::cmp::Reverse((pixels(*size), *size)));
        targets.dedup();
        let used = sizes
            .iter()
            .map(|size| {
                targets
                    .iter()
                    .position(|target| target == size)
                    .unwrap_or(0)
            })
            .collect();
        Self {
            source,
            targets,
            used,
        }
    }

    pub(crate) fn source(&self) -> Size {
        self.source
    }

    /// The size to make a target from, if not from the source.
    fn made_from(&self, target: usize) -> Option<usize> {
        let larger = target.checked_sub(1)?;
        let size = self.targets.get(larger)?;
        // A size above the source's has nothing the source has not.
        let is_inside = size.0 <= self.source.0 && size.1 <= self.source.1;
        (pixels(self.source) > CASCADE_ABOVE && is_inside).then_some(larger)
    }
}

/// The part of the source that a clip keeps, on the clock of its video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Time of the first picture kept, which becomes zero.
    pub(crate) from: i64,
    /// Last time kept.
    pub(crate) to: Option<i64>,
}

/// How pictures are brought upright: by us, or left to the player.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Orientation {
    /// Quarter turns clockwise that renditions apply.
    pub(crate) turns: u8,
    /// What the container passes on instead.
    pub(crate) matrix: Option<DisplayMatrix>,
}

impl Orientation {
    /// For a source that is shown by this matrix. Pictures that are compared stay as coded.
    pub(crate) fn of(matrix: Option<DisplayMatrix>, as_coded: bool) -> Self {
        match matrix.as_ref().map_or(0, quarter_turns) {
            turns if turns > 0 && !as_coded => Self {
                turns,
                matrix: None,
            },
            _ => Self { turns: 0, matrix },
        }
    }
}

/// A decoded picture.
pub(crate) struct Picture {
    frame: Frame,
    plan: Arc<SizePlan>,
    /// Time in ticks of the source, repaired.
    pub(crate) pts: i64,
    /// How long it is shown, where known.
    pub(crate) duration: Option<i64>,
    /// Place among the pictures decoded.
    pub(crate) number: u64,
    /// Set when the job is a clip.
    pub(crate) window: Option<Window>,
    pub(crate) orientation: Orientation,
    /// The frame as zimg reads it, where it did not already.
    base: OnceLock<Result<Frame, TranscodeFailure>>,
    scaled: Vec<OnceLock<Result<Frame, TranscodeFailure>>>,
    /// Instead of the two above, where the frame lies on a card.
    on_card: Option<OnCard>,
}

impl Picture {
    pub(crate) fn new(
        frame: Frame,
        plan: &Arc<SizePlan>,
        pts: i64,
        number: u64,
        window: Option<Window>,
        orientation: Orientation,
    ) -> Self {
        let duration = frame.duration();
        let on_card = frame.is_on_card().then(|| OnCard::new(plan.targets.len()));
        Self {
            on_card,
            frame,
            plan: Arc::clone(plan),
            pts,
            duration,
            number,
            window,
            orientation,
            base: OnceLock::new(),
            scaled: plan.targets.iter().map(|_| OnceLock::new()).collect(),
        }
    }

    /// The picture in a rendition's size.
    pub(crate) fn for_rendition(
        &self,
        rendition: usize,
        scaler: &Scaler,
        scratch: &mut Scratch,
    ) -> Result<&Frame, TranscodeFailure> {
        let target = self.plan.used.get(rendition).copied();
        self.target(target.unwrap_or(usize::MAX), scaler, scratch)
    }

    /// The same of a picture on a card; `None` of one in memory. Who encodes on the card leaves it
    /// there.
    pub(crate) fn on_card(
        &self,
        rendition: usize,
        stays_on_card: bool,
        card: (&CardScaler, &Scaler),
    ) -> Option<Result<&Frame, TranscodeFailure>> {
        let on_card = self.on_card.as_ref()?;
        let place = self.plan.used.get(rendition).copied();
        let place = place.unwrap_or(usize::MAX);
        Some(on_card.size(&self.frame, &self.plan.targets, place, stays_on_card, card))
    }

    fn target(
        &self,
        target: usize,
        scaler: &Scaler,
        scratch: &mut Scratch,
    ) -> Result<&Frame, TranscodeFailure> {
        let (Some(size), Some(place)) = (self.plan.targets.get(target), self.scaled.get(target))
        else {
            return Err(TranscodeFailure::FilterGraph);
        };
        let made = place.get_or_init(|| {
            let from = match self.plan.made_from(target) {
                Some(larger) => self.target(larger, scaler, scratch)?,
                None => self.readable(scaler)?,
            };
            scaler.scale(from, *size, scratch)
        });
        made.as_ref().map_err(Clone::clone)
    }

    fn readable(&self, scaler: &Scaler) -> Result<&Frame, TranscodeFailure> {
        if Shape::of(&self.frame).is_some() && self.frame.is_aligned() {
            return Ok(&self.frame);
        }
        let base = self.base.get_or_init(|| scaler.convert(&self.frame));
        base.as_ref().map_err(Clone::clone)
    }
}

fn pixels(size: Size) -> u64 {
    u64::from(size.0) * u64::from(size.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn above_720p_each_size_comes_from_the_next_larger() {
        let sizes = [(426, 240), (1280, 720), (640, 360), (1280, 720)];
        let plan = SizePlan::new((1920, 1080), &sizes);
        assert_eq!(plan.targets, [(1280, 720), (640, 360), (426, 240)]);
        assert_eq!(plan.used, [2, 0, 1, 0]);
        assert_eq!(
            (0..3).map(|n| plan.made_from(n)).collect::<Vec<_>>(),
            [None, Some(0), Some(1)]
        );
    }

    #[test]
    fn up_to_720p_and_below_an_enlarged_size_the_source_is_used() {
        let plan = SizePlan::new((1280, 720), &[(640, 360), (426, 240)]);
        assert_eq!(plan.made_from(1), None);
        let plan = SizePlan::new((1920, 1080), &[(2560, 1440), (640, 360)]);
        assert_eq!(plan.made_from(1), None);
    }
}
