//! Pixels, and what an orchestrator asks for them.

use std::num::NonZeroU64;

use alloy_primitives::U256;

/// Encoded pixels: width × height × frames, over all renditions. Counted from output, never
/// taken from a claim without a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pixels(pub u64);

impl Pixels {
    /// The sum, or `None` beyond 64 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Pixels of `frames` pictures of one size, or `None` beyond 64 bits.
    pub fn of_frames(width: u32, height: u32, frames: u64) -> Option<Self> {
        u64::from(width)
            .checked_mul(u64::from(height))?
            .checked_mul(frames)
            .map(Self)
    }
}

impl std::iter::Sum for Pixels {
    /// Saturates: a sum that large is a lie, and is caught by comparison.
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        Self(iter.fold(0, |total, pixels| total.saturating_add(pixels.0)))
    }
}

/// What an orchestrator asks for its work, kept as the exact ratio it quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PricePerPixel {
    wei: u64,
    pixels: NonZeroU64,
}

impl PricePerPixel {
    /// `wei` for `pixels`, not reduced.
    pub const fn new(wei: u64, pixels: NonZeroU64) -> Self {
        Self { wei, pixels }
    }

    /// Numerator of the quote.
    pub const fn wei(self) -> u64 {
        self.wei
    }

    /// Denominator of the quote.
    pub const fn pixels(self) -> NonZeroU64 {
        self.pixels
    }

    /// The fee a payer sets aside, in wei: never below the exact fee.
    pub fn fee_up(self, work: Pixels) -> U256 {
        self.scaled(work).div_ceil(U256::from(self.pixels.get()))
    }

    /// The fee a payee charges, in wei: never above the exact fee.
    pub fn fee_down(self, work: Pixels) -> U256 {
        self.scaled(work) / U256::from(self.pixels.get())
    }

    /// Cannot overflow: 64 × 64 bits.
    fn scaled(self, work: Pixels) -> U256 {
        U256::from(self.wei) * U256::from(work.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_party_rounds_against_itself() {
        let price = PricePerPixel::new(3, NonZeroU64::new(10).unwrap());
        assert_eq!(price.fee_up(Pixels(7)), U256::from(3));
        assert_eq!(price.fee_down(Pixels(7)), U256::from(2));
        assert_eq!(price.fee_up(Pixels(10)), price.fee_down(Pixels(10)));
    }

    #[test]
    fn pixel_counts_do_not_wrap() {
        assert_eq!(Pixels::of_frames(u32::MAX, u32::MAX, 2), None);
        assert_eq!(Pixels::of_frames(640, 360, 60), Some(Pixels(13_824_000)));
    }
}
