//! The encoder's own clock.

use std::collections::VecDeque;

/// Frames an encoder may hold: the longest lookahead of the encoders used is 250 frames, to which
/// reordering and threads add a few.
const MAX_IN_FLIGHT: usize = 1024;

/// The encoder swallowed more frames than any encoder holds. It is broken: stop the rendition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {MAX_IN_FLIGHT} frames went into the encoder and did not come out")]
pub struct TooManyInFlight;

/// Keeps exact source times around an encoder that counts in ticks of its frame rate.
///
/// Frames go in with a tick, their packets come out with it, and the tick leads back to the time.
#[derive(Clone, Debug)]
pub struct EncoderClock {
    /// Ticks a second, and units of the source's times a second, each as a ratio.
    rate: (u32, u32),
    base: (u32, u32),
    first: Option<i64>,
    last_tick: i64,
    in_flight: VecDeque<(i64, i64)>,
}

impl EncoderClock {
    /// For an encoder of `rate` ticks a second and times in units of `base` seconds. Terms of 0
    /// count as 1.
    pub fn new(rate: (u32, u32), base: (u32, u32)) -> Self {
        Self {
            rate: (rate.0.max(1), rate.1.max(1)),
            base: (base.0.max(1), base.1.max(1)),
            first: None,
            last_tick: 0,
            in_flight: VecDeque::new(),
        }
    }

    /// The tick of the next frame: the nearest one to its time, moved on where it is taken.
    pub fn enter(&mut self, pts: i64) -> Result<i64, TooManyInFlight> {
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            return Err(TooManyInFlight);
        }
        let tick = match self.first {
            None => {
                self.first = Some(pts);
                0
            }
            Some(first) => self
                .nearest_tick(first, pts)
                .max(self.last_tick.saturating_add(1)),
        };
        self.last_tick = tick;
        self.in_flight.push_back((tick, pts));
        Ok(tick)
    }

    /// The source time of the packet with this tick. Each answers once.
    pub fn leave(&mut self, tick: i64) -> Option<i64> {
        let index = self.in_flight.iter().position(|(t, _)| *t == tick)?;
        self.in_flight.remove(index).map(|(_, pts)| pts)
    }

    fn nearest_tick(&self, first: i64, pts: i64) -> i64 {
        let distance = i128::from(pts) - i128::from(first);
        let num = u128::from(self.rate.0) * u128::from(self.base.0);
        let den = u128::from(self.rate.1) * u128::from(self.base.1);
        let Some(scaled) = distance.max(0).unsigned_abs().checked_mul(num) else {
            return i64::MAX;
        };
        i64::try_from(scaled.saturating_add(den / 2) / den).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_get_their_frames_times_back_in_any_order() {
        let mut clock = EncoderClock::new((30, 1), (1, 90_000));
        let times = [126_000, 129_001, 132_002, 135_000];
        let ticks: Vec<i64> = times.iter().map(|t| clock.enter(*t).unwrap()).collect();
        assert_eq!(ticks, [0, 1, 2, 3]);
        for index in [0, 3, 1, 2] {
            assert_eq!(clock.leave(ticks[index]), Some(times[index]));
        }
        assert_eq!(clock.leave(0), None);
    }

    #[test]
    fn two_frames_on_one_tick_stay_apart() {
        let mut clock = EncoderClock::new((30, 1), (1, 90_000));
        let ticks = [0, 100, 3000].map(|t| clock.enter(t).unwrap());
        assert_eq!(ticks, [0, 1, 2]);
    }

    #[test]
    fn a_silent_encoder_is_noticed() {
        let mut clock = EncoderClock::new((30, 1), (1, 90_000));
        let result = (0..2000).try_for_each(|n| clock.enter(n * 3000).map(drop));
        assert_eq!(result, Err(TooManyInFlight));
    }
}
