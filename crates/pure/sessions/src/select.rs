//! The network's stateless rules of choice: a draw weighted by stake, price and chance, and when a
//! session gets the next segment of its stream too.

use std::cmp::Ordering;
use std::time::Duration;

use rand::{Rng, RngCore};
use streamflow_types::PricePerPixel;

/// One recipient address with what is known of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidate {
    /// Total stake in units of 10⁻⁵ LPT.
    pub stake: u64,
    /// What it asks; `None` where it does not say.
    pub price: Option<PricePerPixel>,
    /// Its performance score; a missing one counts as 0 where others have one.
    pub performance: Option<f64>,
}

/// What counts in a draw, and what rules a candidate out.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Share of stake.
    pub stake_weight: f64,
    /// Share of price.
    pub price_weight: f64,
    /// Share of chance.
    pub random_weight: f64,
    /// The price at which the price term has fallen to 1/e.
    pub price_exp_factor: f64,
    /// Highest price; `None` for any.
    pub max_price: Option<PricePerPixel>,
    /// Take candidates above the highest price rather than none.
    pub ignore_max_price_if_needed: bool,
    /// Lowest performance score; 0 for any. Not used when nobody reaches it.
    pub min_performance: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            stake_weight: 0.7,
            price_weight: 0.0,
            random_weight: 0.3,
            price_exp_factor: 100.0,
            max_price: None,
            ignore_max_price_if_needed: false,
            min_performance: 0.0,
        }
    }
}

/// Why weights cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightsError {
    /// What they sum to.
    pub sum: f64,
}

impl std::fmt::Display for WeightsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the weights of stake, price and chance must be 0 to 1 and sum to 1, not {}",
            self.sum
        )
    }
}

impl std::error::Error for WeightsError {}

/// How far the sum of weights may be from 1.
const WEIGHT_TOLERANCE: f64 = 0.0001;

impl Rules {
    /// These rules, if their weights sum to 1.
    pub fn checked(self) -> Result<Self, WeightsError> {
        let weights = [self.stake_weight, self.price_weight, self.random_weight];
        let sum: f64 = weights.iter().sum();
        let each = weights.iter().all(|weight| (0.0..=1.0).contains(weight));
        if each && (sum - 1.0).abs() <= WEIGHT_TOLERANCE {
            Ok(self)
        } else {
            Err(WeightsError { sum })
        }
    }
}

/// The weight of each candidate in the draw; `None` for one that is ruled out.
pub fn weights(candidates: &[Candidate], rules: &Rules) -> Vec<Option<f64>> {
    let kept = kept(candidates, rules);
    let those = || {
        candidates
            .iter()
            .zip(&kept)
            .filter(|(_, kept)| **kept)
            .map(|(c, _)| c)
    };
    let number = those().count() as f64;
    let stake_sum: f64 = those().map(|c| c.stake as f64).sum();
    let price_sum: f64 = those().map(|c| price_term(c, rules)).sum();
    let share = |part: f64, sum: f64| if sum > 0.0 { part / sum } else { 1.0 };
    let weight = |candidate: &Candidate| {
        rules.price_weight * share(price_term(candidate, rules), price_sum)
            + rules.stake_weight * share(candidate.stake as f64, stake_sum)
            + rules.random_weight / number
    };
    let each = candidates.iter().zip(&kept);
    each.map(|(candidate, kept)| kept.then(|| weight(candidate)))
        .collect()
}

/// Draws one by weight. `None` when all are ruled out.
pub fn draw(weights: &[Option<f64>], rng: &mut dyn RngCore) -> Option<usize> {
    let usable = |weight: &Option<f64>| weight.filter(|w| w.is_finite() && *w >= 0.0);
    let sum: f64 = weights.iter().filter_map(usable).sum();
    let mut left = rng.random::<f64>() * sum;
    let mut last = None;
    for (index, weight) in weights.iter().enumerate() {
        let Some(weight) = usable(weight) else {
            continue;
        };
        last = Some(index);
        if left < weight {
            return last;
        }
        left -= weight;
    }
    // Rounding may leave a crumb behind the last one.
    last
}

fn price_term(candidate: &Candidate, rules: &Rules) -> f64 {
    let price = candidate
        .price
        .map_or(0.0, |p| p.wei() as f64 / p.pixels().get() as f64);
    (-price / rules.price_exp_factor).exp()
}

fn kept(candidates: &[Candidate], rules: &Rules) -> Vec<bool> {
    let mut kept = vec![true; candidates.len()];
    if rules.min_performance > 0.0 && candidates.iter().any(|c| c.performance.is_some()) {
        let good: Vec<bool> = candidates
            .iter()
            .map(|c| c.performance.unwrap_or(0.0) >= rules.min_performance)
            .collect();
        if good.contains(&true) {
            kept = good;
        }
    }
    let priced = candidates
        .iter()
        .zip(&kept)
        .any(|(c, kept)| *kept && c.price.is_some());
    if let Some(max) = rules.max_price.filter(|_| priced) {
        let cheap: Vec<bool> = candidates
            .iter()
            .zip(&kept)
            .map(|(c, kept)| *kept && c.price.is_some_and(|price| !is_above(price, max)))
            .collect();
        if cheap.contains(&true) || !rules.ignore_max_price_if_needed {
            kept = cheap;
        }
    }
    kept
}

/// Whether one price is above another, exactly.
fn is_above(price: PricePerPixel, max: PricePerPixel) -> bool {
    let ours = u128::from(price.wei()) * u128::from(max.pixels().get());
    let limit = u128::from(max.wei()) * u128::from(price.pixels().get());
    ours.cmp(&limit) == Ordering::Greater
}

/// The shortest a session's oldest segment may count as.
const SHORT_SEGMENT: Duration = Duration::from_secs(1);

/// What a segment that short counts as.
const SHORT_COUNTS_AS: Duration = Duration::from_millis(1_500);

/// Whether a session that had the previous segment gets the next one: it has nothing in flight and
/// is faster than real time, or its oldest segment is younger than `factor` times its own duration.
/// `oldest` is the age and the duration of that segment; `score` 0 means not measured.
pub fn is_reusable(oldest: Option<(Duration, Duration)>, score: f64, factor: u32) -> bool {
    match oldest {
        None => score > 0.0 && score <= 1.0,
        Some((age, duration)) => {
            let counts_as = if duration <= SHORT_SEGMENT {
                SHORT_COUNTS_AS
            } else {
                duration
            };
            age < counts_as.saturating_mul(factor)
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn draws_follow_the_weights() {
        let mut rng = StdRng::seed_from_u64(7);
        let weights = [Some(0.25), None, Some(0.75)];
        let mut hits = [0u32; 3];
        for _ in 0..10_000 {
            hits[draw(&weights, &mut rng).unwrap()] += 1;
        }
        assert_eq!(hits[1], 0);
        assert!((2_300..2_700).contains(&hits[0]), "{hits:?}");
        assert_eq!(draw(&[None, None], &mut rng), None);
        assert_eq!(draw(&[], &mut rng), None);
        assert_eq!(draw(&[None, Some(0.0)], &mut rng), Some(1));
    }

    #[test]
    fn weights_must_sum_to_one() {
        assert!(Rules::default().checked().is_ok());
        let lopsided = Rules {
            stake_weight: 0.8,
            ..Rules::default()
        };
        assert!(lopsided.checked().is_err());
        let negative = Rules {
            stake_weight: 1.2,
            price_weight: -0.5,
            ..Rules::default()
        };
        assert!(negative.checked().is_err());
    }
}
