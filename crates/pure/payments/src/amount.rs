//! Money in a session's books: an exact, signed fraction of wei.
//!
//! Tickets are worth face value × chance, work costs pixels × price; neither is whole. Two honest
//! nodes agree for ever only if nobody rounds. Whole wei are needed in few places, and each of them
//! says in its name which way it rounds.

use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use alloy_primitives::U256;
use num_bigint::{BigInt, BigUint, Sign};
use num_rational::BigRational;
use num_traits::{Signed, Zero};
use streamflow_types::{Pixels, PricePerPixel};

use crate::ticket::WinProb;

/// Bits of a denominator beyond which a balance is rounded against its owner. A session's price and
/// its tickets need 320; only a peer that changes its price all the time gets there.
pub const MAX_DENOMINATOR_BITS: u64 = 1024;

/// An amount of money, exact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(BigRational);

/// A text that is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no fraction of whole numbers")]
pub struct AmountError(String);

impl Amount {
    /// Nothing.
    pub fn zero() -> Self {
        Self(BigRational::zero())
    }

    /// Whole wei.
    pub fn wei(wei: U256) -> Self {
        Self(BigRational::from_integer(integer(wei)))
    }

    /// What a ticket is worth before it is drawn.
    pub fn of_ticket(face_value: U256, win_prob: WinProb) -> Self {
        Self(BigRational::new(
            integer(face_value) * integer(win_prob.0),
            integer(U256::MAX),
        ))
    }

    /// What work costs.
    pub fn of_work(work: Pixels, price: PricePerPixel) -> Self {
        Self(BigRational::new(
            BigInt::from(work.0) * BigInt::from(price.wei()),
            BigInt::from(price.pixels().get()),
        ))
    }

    /// Several times the amount.
    pub fn times(&self, count: u64) -> Self {
        Self(&self.0 * BigInt::from(count))
    }

    /// The amount times a fraction; `None` where the denominator is zero.
    pub fn times_ratio(&self, numerator: u64, denominator: u64) -> Option<Self> {
        (denominator != 0)
            .then(|| Self(&self.0 * BigInt::from(numerator) / BigInt::from(denominator)))
    }

    /// Whether somebody owes it.
    pub fn is_negative(&self) -> bool {
        self.0.is_negative()
    }

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// How many portions are needed to reach the amount: none where it is not positive or the
    /// portions are nothing, and never more than 32 bits count.
    pub fn portions_up(&self, portion: &Self) -> u32 {
        if !self.0.is_positive() || !portion.0.is_positive() {
            return 0;
        }
        u32::try_from((&self.0 / &portion.0).ceil().to_integer()).unwrap_or(u32::MAX)
    }

    /// Whole wei that cover the amount; nothing where it is negative.
    pub fn wei_up(&self) -> U256 {
        unsigned(&self.0.ceil().to_integer())
    }

    /// Whole wei that the amount covers; nothing where it is negative.
    pub fn wei_down(&self) -> U256 {
        unsigned(&self.0.floor().to_integer())
    }

    /// A balance of the node that keeps it: exact, unless its fraction has grown beyond every honest
    /// one; then the next whole wei below.
    pub fn kept_down(self) -> Self {
        if self.0.denom().bits() > MAX_DENOMINATOR_BITS {
            Self(self.0.floor())
        } else {
            self
        }
    }

    /// With five decimals, halves away from zero: as peers print it.
    pub fn five_decimals(&self) -> String {
        let scale = BigInt::from(100_000u32);
        let scaled = (&self.0 * &scale).round().to_integer();
        let magnitude = scaled.abs();
        let sign = if scaled.is_negative() { "-" } else { "" };
        format!("{sign}{}.{:0>5}", &magnitude / &scale, &magnitude % &scale)
    }
}

/// A number of the chain as one without bounds.
fn integer(number: U256) -> BigInt {
    BigInt::from_bytes_be(Sign::Plus, &number.to_be_bytes::<32>())
}

/// Saturates: more wei than a number of the chain holds do not exist.
fn unsigned(number: &BigInt) -> U256 {
    let magnitude = number.to_biguint().unwrap_or_else(BigUint::zero);
    U256::try_from_be_slice(&magnitude.to_bytes_be()).unwrap_or(U256::MAX)
}

impl fmt::Display for Amount {
    /// `a/b` in lowest terms, whole numbers without `/1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::str::FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let wrong = || AmountError(text.to_owned());
        let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
        let numerator: BigInt = numerator.parse().map_err(|_| wrong())?;
        let denominator: BigInt = denominator.parse().map_err(|_| wrong())?;
        if !denominator.is_positive() {
            return Err(wrong());
        }
        Ok(Self(BigRational::new(numerator, denominator)))
    }
}

impl Add<&Self> for Amount {
    type Output = Self;

    fn add(self, other: &Self) -> Self {
        Self(self.0 + &other.0)
    }
}

impl Sub<&Self> for Amount {
    type Output = Self;

    fn sub(self, other: &Self) -> Self {
        Self(self.0 - &other.0)
    }
}

impl AddAssign<&Self> for Amount {
    fn add_assign(&mut self, other: &Self) {
        self.0 += &other.0;
    }
}

impl SubAssign<&Self> for Amount {
    fn sub_assign(&mut self, other: &Self) {
        self.0 -= &other.0;
    }
}

impl Neg for Amount {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Default for Amount {
    fn default() -> Self {
        Self::zero()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn texts_are_fractions_in_lowest_terms() {
        assert_eq!(amount("8/2").to_string(), "4");
        assert_eq!(amount("-2/6").to_string(), "-1/3");
        for text in ["", "1/0", "1/-2", "x", "1/2/3"] {
            assert!(text.parse::<Amount>().is_err(), "{text}");
        }
    }

    #[test]
    fn whole_wei_round_the_way_their_name_says() {
        assert_eq!(amount("7/2").wei_up(), U256::from(4));
        assert_eq!(amount("7/2").wei_down(), U256::from(3));
        assert_eq!(amount("-7/2").wei_up(), U256::ZERO);
        assert_eq!(amount("7/2").five_decimals(), "3.50000");
        assert_eq!(amount("1/3").five_decimals(), "0.33333");
        assert_eq!(amount("1/200000").five_decimals(), "0.00001");
        assert_eq!(amount("-2/3").five_decimals(), "-0.66667");
    }

    #[test]
    fn a_balance_never_grows_without_bound_nor_upwards() {
        let mut balance = Amount::zero();
        for prime in [3u64, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53] {
            let price = PricePerPixel::new(1, prime.pow(8).try_into().unwrap());
            for _ in 0..3 {
                balance -= &Amount::of_work(Pixels(1), price);
                balance += &amount(&format!("1/{}", BigInt::from(prime).pow(40)));
                let kept = balance.clone().kept_down();
                assert!(kept <= balance && balance.clone() - &kept <= amount("1"));
                balance = kept;
                assert!(balance.0.denom().bits() <= MAX_DENOMINATOR_BITS);
            }
        }
    }

    #[test]
    fn portions_reach_the_amount_and_one_less_does_not() {
        assert_eq!(amount("7/4").portions_up(&amount("1")), 2);
        assert_eq!(amount("2").portions_up(&amount("1")), 2);
        assert_eq!(amount("0").portions_up(&amount("1")), 0);
        assert_eq!(amount("1").portions_up(&amount("0")), 0);
        assert_eq!(Amount::wei(U256::MAX).portions_up(&amount("1")), u32::MAX);
    }
}
