//! Times of a transport stream.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A time or span in ticks of 1/90,000 s. It does not wrap and may lie before zero; arithmetic
/// saturates, so foreign values cannot overflow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ticks(pub i64);

/// Values the 33 bits of a stream can hold.
const WRAP: i64 = 1 << 33;

impl Ticks {
    /// Ticks in a second.
    pub const PER_SECOND: i64 = 90_000;

    /// Zero.
    pub const ZERO: Self = Self(0);

    /// From whole milliseconds, as FLV and RTMP count. Exact.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(90))
    }

    /// From a span, rounded to the nearest tick.
    pub fn from_duration(span: Duration) -> Self {
        let ticks = (span.as_nanos() * 9 + 50_000) / 100_000;
        Self(i64::try_from(ticks).unwrap_or(i64::MAX))
    }

    /// `count` units of `num`/`den` seconds, rounded to the nearest tick. `None` when `den` is 0.
    pub fn from_units(count: i64, num: u32, den: u32) -> Option<Self> {
        if den == 0 {
            return None;
        }
        let scaled = i128::from(count) * i128::from(num) * i128::from(Self::PER_SECOND);
        let den = i128::from(den);
        let ticks = (scaled + den / 2).div_euclid(den);
        Some(Self(i64::try_from(ticks).unwrap_or(if ticks < 0 {
            i64::MIN
        } else {
            i64::MAX
        })))
    }

    /// The span it stands for; zero when negative.
    pub fn to_duration(self) -> Duration {
        let ticks = u64::try_from(self.0).unwrap_or(0);
        let seconds = ticks / 90_000;
        // A remainder below 90,000 keeps the product below 10^9.
        let nanos = (ticks % 90_000) * 100_000 / 9;
        Duration::new(seconds, u32::try_from(nanos).unwrap_or(999_999_999))
    }

    /// The 33 bits a PTS, DTS or PCR base carries.
    pub const fn to_wire(self) -> u64 {
        self.0.rem_euclid(WRAP) as u64
    }

    /// Distance between two times of which either may have wrapped: at most half the range.
    pub const fn wrapped_distance(self, earlier: Self) -> Self {
        let distance = self.0.wrapping_sub(earlier.0).rem_euclid(WRAP);
        Self(if distance >= WRAP / 2 {
            distance - WRAP
        } else {
            distance
        })
    }

    /// The absolute value.
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

impl Add for Ticks {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Ticks {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Ticks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Turns the 33-bit times of one stream into [`Ticks`]: each is placed nearest to the one before.
/// The first keeps its value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwrapper {
    last: Option<Ticks>,
}

impl Unwrapper {
    /// For a stream of which nothing has been read.
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// For a stream that runs beside another, whose time is `near`.
    pub const fn near(near: Ticks) -> Self {
        Self { last: Some(near) }
    }

    /// The time of the next value read.
    pub fn unwrap(&mut self, wire: u64) -> Ticks {
        let raw = Ticks((wire & (WRAP as u64 - 1)) as i64);
        let time = self
            .last
            .map_or(raw, |last| last + raw.wrapped_distance(last));
        self.last = Some(time);
        time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_run_on_over_the_wrap_in_both_directions() {
        let mut times = Unwrapper::new();
        let end = (1u64 << 33) - 10;
        assert_eq!(times.unwrap(end), Ticks((1 << 33) - 10));
        assert_eq!(times.unwrap(20), Ticks((1 << 33) + 20));
        assert_eq!(times.unwrap(end), Ticks((1 << 33) - 10));
        assert_eq!(Ticks((1 << 33) + 20).to_wire(), 20);
        assert_eq!(Ticks(-1).to_wire(), (1 << 33) - 1);
    }

    #[test]
    fn spans_convert_exactly_where_they_can() {
        assert_eq!(Ticks::from_millis(40), Ticks(3600));
        assert_eq!(Ticks::from_duration(Duration::from_secs(2)), Ticks(180_000));
        assert_eq!(Ticks(180_000).to_duration(), Duration::from_secs(2));
        assert_eq!(Ticks(-5).to_duration(), Duration::ZERO);
        assert_eq!(Ticks::from_units(1, 1001, 30_000), Some(Ticks(3003)));
        assert_eq!(Ticks::from_units(1, 1, 0), None);
    }

    #[test]
    fn extreme_values_saturate() {
        assert_eq!(Ticks(i64::MAX) + Ticks(1), Ticks(i64::MAX));
        assert_eq!(
            Ticks::from_units(i64::MIN, u32::MAX, 1),
            Some(Ticks(i64::MIN))
        );
        assert_eq!(Ticks(3).wrapped_distance(Ticks((1 << 33) + 1)), Ticks(2));
    }
}
