//! The sizes of one decoded picture that lies on a card. Each is made once, by whichever rendition
//! asks first, from the next larger one; each is fetched from the card at most once.

use std::sync::OnceLock;

use streamflow_types::TranscodeFailure;

use super::{CardScaler, in_memory};
use crate::av::Frame;
use crate::picture::Size;
use crate::scale::Scaler;

/// A size of the picture on the card, and in memory once somebody needed it there.
#[derive(Default)]
struct Place {
    on_card: OnceLock<Result<Frame, TranscodeFailure>>,
    in_memory: OnceLock<Result<Frame, TranscodeFailure>>,
}

/// The sizes of one picture.
pub(crate) struct OnCard(Vec<Place>);

impl OnCard {
    /// Nothing made yet; as many sizes as the plan has.
    pub(crate) fn new(sizes: usize) -> Self {
        Self((0..sizes).map(|_| Place::default()).collect())
    }

    /// One of the plan's sizes, largest first; where an encoder on the card takes it, or in memory.
    pub(crate) fn size(
        &self,
        source: &Frame,
        sizes: &[Size],
        place: usize,
        stays_on_card: bool,
        (card, scaler): (&CardScaler, &Scaler),
    ) -> Result<&Frame, TranscodeFailure> {
        let on_card = self.made(source, sizes, place, card)?;
        if stays_on_card {
            return Ok(on_card);
        }
        let place = self.0.get(place).ok_or(TranscodeFailure::FilterGraph)?;
        let fetched = place.in_memory.get_or_init(|| in_memory(on_card, scaler));
        fetched.as_ref().map_err(Clone::clone)
    }

    fn made(
        &self,
        source: &Frame,
        sizes: &[Size],
        place: usize,
        card: &CardScaler,
    ) -> Result<&Frame, TranscodeFailure> {
        let (Some(size), Some(kept)) = (sizes.get(place), self.0.get(place)) else {
            return Err(TranscodeFailure::FilterGraph);
        };
        let made = kept.on_card.get_or_init(|| {
            // The card's kernels read a fixed number of samples: small steps alias least.
            let larger = place.checked_sub(1).filter(|larger| {
                let have = (source.width(), source.height());
                sizes
                    .get(*larger)
                    .is_some_and(|size| size.0 <= have.0 && size.1 <= have.1)
            });
            let from = match larger {
                Some(larger) => self.made(source, sizes, larger, card)?,
                None => source,
            };
            card.scale(from, *size)
        });
        made.as_ref().map_err(Clone::clone)
    }
}
