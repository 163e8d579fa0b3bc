//! What an orchestrator advertises for its work.

use std::num::NonZeroU64;

use alloy_primitives::{U256, Uint};
use streamflow_types::PricePerPixel;

use crate::proto::PriceInfo;

/// Why a price is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PriceError {
    /// Price per no pixels.
    #[error("pixelsPerUnit is {0}; it must be above 0")]
    Denominator(i64),
    /// A negative price.
    #[error("pricePerUnit is {0}; it must not be negative")]
    Negative(i64),
    /// More than the message can carry.
    #[error("price cannot be converted to int64")]
    TooLarge,
}

/// Wide enough for products of ratios.
type U1024 = Uint<1024, 16>;

/// Digits kept of an advertised price: thousandths of a wei a pixel.
const THOUSANDTHS: u64 = 1000;

/// An exact ratio, for example of wei to pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    num: U256,
    den: U256,
}

impl Ratio {
    /// Nothing.
    pub const NONE: Self = Self {
        num: U256::ZERO,
        den: U256::ONE,
    };

    /// `None` where the denominator is zero.
    pub fn new(num: U256, den: U256) -> Option<Self> {
        (!den.is_zero()).then_some(Self { num, den })
    }
}

/// The price put on the wire for a base price: with the share that pays for redeeming winners,
/// `1 + 1 ÷ multiplier`, cut to thousandths and reduced. A zero multiplier or price adds nothing.
/// What does not fit is cut at the most a message carries.
pub fn advertised(base: Ratio, tx_cost_multiplier: Ratio) -> PriceInfo {
    // Ratios have 256 bits a side; their products and sums fit 1,024.
    let wide = |number: U256| U1024::from(number);
    let (mut num, mut den) = (wide(base.num), wide(base.den));
    if !base.num.is_zero() && !tx_cost_multiplier.num.is_zero() {
        num *= wide(tx_cost_multiplier.num) + wide(tx_cost_multiplier.den);
        den *= wide(tx_cost_multiplier.num);
    }
    let thousandths = num * U1024::from(THOUSANDTHS) / den;
    let thousandths = i64::try_from(thousandths).unwrap_or(i64::MAX);
    reduced(thousandths.unsigned_abs(), THOUSANDTHS)
}

/// A price as it is, reduced: what goes out while automatic adjustment is off. Where one side does
/// not fit, the whole part is sent.
pub fn unadjusted(base: Ratio) -> Result<PriceInfo, PriceError> {
    let divisor = base.num.gcd(base.den);
    let sides = (
        i64::try_from(base.num / divisor),
        i64::try_from(base.den / divisor),
    );
    let (price_per_unit, pixels_per_unit) = match sides {
        (Ok(num), Ok(den)) => (num, den),
        _ => (
            i64::try_from(base.num / base.den).map_err(|_| PriceError::TooLarge)?,
            1,
        ),
    };
    Ok(PriceInfo {
        price_per_unit,
        pixels_per_unit,
        ..PriceInfo::default()
    })
}

/// A price as a message carries it.
pub fn to_proto(price: PricePerPixel) -> Result<PriceInfo, PriceError> {
    Ok(PriceInfo {
        price_per_unit: i64::try_from(price.wei()).map_err(|_| PriceError::TooLarge)?,
        pixels_per_unit: i64::try_from(price.pixels().get()).map_err(|_| PriceError::TooLarge)?,
        ..PriceInfo::default()
    })
}

/// The price in a message.
pub fn from_proto(price: &PriceInfo) -> Result<PricePerPixel, PriceError> {
    let wei = u64::try_from(price.price_per_unit)
        .map_err(|_| PriceError::Negative(price.price_per_unit))?;
    let pixels = u64::try_from(price.pixels_per_unit)
        .ok()
        .and_then(NonZeroU64::new)
        .ok_or(PriceError::Denominator(price.pixels_per_unit))?;
    Ok(PricePerPixel::new(wei, pixels))
}

fn reduced(num: u64, den: u64) -> PriceInfo {
    let divisor = greatest_common_divisor(num, den).max(1);
    PriceInfo {
        price_per_unit: i64::try_from(num / divisor).unwrap_or(i64::MAX),
        pixels_per_unit: i64::try_from(den / divisor).unwrap_or(i64::MAX),
        ..PriceInfo::default()
    }
}

const fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
