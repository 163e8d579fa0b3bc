//! What a gateway sets aside for a segment, and its books with one orchestrator.

use std::time::Duration;

use streamflow_types::{Pixels, PricePerPixel};
use streamflow_wire::price::{PriceError, from_proto};
use streamflow_wire::proto::PriceInfo;

use crate::amount::Amount;

/// What is set aside beyond the estimate, 1.02 as the double that every gateway uses.
const FEE_MARGIN: (u64, u64) = (2_296_835_809_958_953, 2_251_799_813_685_248);

/// Frames a second of a rendition that keeps its source's rate.
const ASSUMED_FPS: u32 = 60;

/// How many times its first price a session may cost.
const MAX_PRICE_FACTOR: u64 = 2;

/// A rendition that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedRendition {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Frames; zero keeps the source's.
    pub fps: u32,
    /// Per so many seconds; zero is one.
    pub fps_den: u32,
}

/// The work both sides expect of a segment; saturates, for so much is never done.
pub fn estimated_work(renditions: &[PlannedRendition], duration: Duration) -> Pixels {
    let started = u64::from(duration.subsec_nanos() > 0);
    let seconds = duration.as_secs().saturating_add(started);
    let of_one = |one: &PlannedRendition| {
        let fps = if one.fps == 0 { ASSUMED_FPS } else { one.fps };
        let frames = u64::from(fps.div_ceil(one.fps_den.max(1))).saturating_mul(seconds);
        Pixels::of_frames(one.width, one.height, frames).unwrap_or(Pixels(u64::MAX))
    };
    renditions.iter().map(of_one).sum()
}

/// What is set aside for work of that size.
pub fn fee_estimate(work: Pixels, price: PricePerPixel) -> Amount {
    let fee = Amount::of_work(work, price);
    fee.times_ratio(FEE_MARGIN.0, FEE_MARGIN.1).unwrap_or(fee)
}

/// Why a price is not paid. Take another orchestrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PriceRefused {
    /// None came.
    #[error("missing orchestrator price")]
    Missing,
    /// A price for nothing.
    #[error("pixels per unit is 0")]
    ZeroPixels,
    /// A price that is none.
    #[error(transparent)]
    Invalid(PriceError),
    /// The session became too dear.
    #[error(
        "Orchestrator price has more than doubled, Orchestrator price: {0}, Orchestrator initial price: {1}"
    )]
    Doubled(Box<Amount>, Box<Amount>),
}

/// The price to pay at: the latest one, unless it is more than twice the session's first.
pub fn guarded_price(
    first: Option<&PriceInfo>,
    latest: Option<&PriceInfo>,
) -> Result<PricePerPixel, PriceRefused> {
    let latest = from_proto(latest.ok_or(PriceRefused::Missing)?).map_err(|error| match error {
        PriceError::Denominator(0) => PriceRefused::ZeroPixels,
        other => PriceRefused::Invalid(other),
    })?;
    if let Some(first) = first.and_then(|first| from_proto(first).ok()) {
        let of_one = |price| Amount::of_work(Pixels(1), price);
        let (now, then) = (of_one(latest), of_one(first));
        if now > then.times(MAX_PRICE_FACTOR) {
            return Err(PriceRefused::Doubled(now.into(), then.into()));
        }
    }
    Ok(latest)
}

/// What goes out with one segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Credit of the session that is used.
    pub existing: Amount,
    /// Tickets to send.
    pub tickets: u32,
    /// What they are worth.
    pub new_credit: Amount,
}

/// How the exchange ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchange {
    /// No answer of any kind: nothing was taken.
    NeverAnswered,
    /// An answer without a result: what was sent stays with the orchestrator.
    NoResult,
    /// A result of that many pixels, paid at that price.
    Done(Pixels, PricePerPixel),
}

/// Credit a gateway has with one orchestrator in one session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purse {
    balance: Amount,
}

impl Purse {
    /// With a balance that was stored.
    pub const fn new(balance: Amount) -> Self {
        Self { balance }
    }

    /// What is left; below zero where a segment cost more than was paid for it.
    pub const fn balance(&self) -> &Amount {
        &self.balance
    }

    /// Adds to it.
    pub fn credit(&mut self, amount: &Amount) {
        self.balance += amount;
    }

    /// Takes from it.
    pub fn debit(&mut self, amount: &Amount) {
        self.balance = (self.balance.clone() - amount).kept_down();
    }

    /// Takes all of it.
    pub fn take(&mut self) -> Amount {
        std::mem::take(&mut self.balance)
    }

    /// Plans the payment of a segment: all credit there is, and tickets for the rest of `need`.
    pub fn stage(&mut self, need: &Amount, ticket_value: Option<&Amount>) -> Stage {
        let existing = self.take();
        let (tickets, new_credit) = match ticket_value {
            Some(value) if existing < *need => {
                let tickets = (need.clone() - &existing).portions_up(value);
                (tickets, value.times(u64::from(tickets)))
            }
            _ => (0, Amount::zero()),
        };
        Stage {
            existing,
            tickets,
            new_credit,
        }
    }

    /// Books the end of an exchange.
    pub fn settle(&mut self, stage: &Stage, exchange: &Exchange) {
        match exchange {
            Exchange::NeverAnswered => self.credit(&stage.existing),
            Exchange::NoResult => {}
            Exchange::Done(work, price) => {
                self.credit(&stage.existing);
                self.credit(&stage.new_credit);
                self.debit(&Amount::of_work(*work, *price));
            }
        }
    }
}

/// What a payment has to reach: the fee, or one ticket where a ticket is worth more.
pub fn need(work: Pixels, price: PricePerPixel, ticket_value: &Amount) -> Amount {
    fee_estimate(work, price).max(ticket_value.clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_stage_reaches_what_is_needed_with_no_ticket_to_spare(
            balance in -1000i64..1000, need in 0u64..5000, value in 1u64..500,
        ) {
            let amount = |number: i64| -> Amount { number.to_string().parse().unwrap() };
            let mut purse = Purse::new(amount(balance));
            let (need, value) = (amount(need as i64), amount(value as i64));
            let stage = purse.stage(&need, Some(&value));
            let reached = stage.existing.clone() + &stage.new_credit;
            prop_assert!(reached >= need);
            prop_assert!(stage.tickets == 0 || reached - &value < need);
            purse.settle(&stage, &Exchange::NeverAnswered);
            prop_assert_eq!(purse.balance(), &amount(balance));
        }
    }

    #[test]
    fn sizes_beyond_all_measure_saturate() {
        let huge = PlannedRendition {
            width: u32::MAX,
            height: u32::MAX,
            fps: u32::MAX,
            fps_den: 0,
        };
        let work = estimated_work(&[huge, huge], Duration::from_secs(u64::MAX));
        assert_eq!(work, Pixels(u64::MAX));
    }
}
