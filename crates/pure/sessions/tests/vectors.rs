//! The rules of choice give what the network's nodes give.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU64;
use std::time::Duration;

use serde_json::Value;
use streamflow_sessions::Peer;
use streamflow_sessions::select::{Candidate, Rules, is_reusable, weights};
use streamflow_sessions::suspend::Suspensions;
use streamflow_types::{PricePerPixel, TranscodeFailure};

fn vectors() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../tests/vectors/selection.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn number<T: std::str::FromStr>(value: &Value) -> T
where
    T::Err: std::fmt::Debug,
{
    value.as_str().unwrap().parse().unwrap()
}

fn price(value: &Value) -> Option<PricePerPixel> {
    let pixels = NonZeroU64::new(number(value.get(1)?)).unwrap();
    Some(PricePerPixel::new(number(&value[0]), pixels))
}

#[test]
fn weights_are_those_of_the_network() {
    let vectors = vectors();
    let cases = vectors["weighted_random"].as_array().unwrap();
    assert_eq!(cases.len(), 11);
    for case in cases {
        let rules = Rules {
            stake_weight: number(&case["stake_weight"]),
            price_weight: number(&case["price_weight"]),
            random_weight: number(&case["random_weight"]),
            price_exp_factor: number(&case["price_exp_factor"]),
            max_price: price(&case["max_price"]),
            ignore_max_price_if_needed: case["ignore_max_price_if_needed"].as_bool().unwrap(),
            min_performance: number(&case["min_performance_score"]),
        };
        let candidates: Vec<Candidate> = case["orchestrators"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| Candidate {
                stake: number(&one["stake"]),
                price: price(&one["price"]),
                performance: one.get("performance_score").map(number),
            })
            .collect();
        let texts: Vec<String> = weights(&candidates, &rules)
            .into_iter()
            .map(|weight| weight.map_or("dropped".to_owned(), |weight| format!("{weight:.12}")))
            .collect();
        let expected: Vec<String> = case["probabilities"]
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect();
        assert_eq!(texts, expected, "{}", case["case"]);
    }
}

#[test]
fn sessions_are_used_again_as_in_the_network() {
    let vectors = vectors();
    let cases = vectors["session_reuse"].as_array().unwrap();
    assert_eq!(cases.len(), 9);
    for case in cases {
        let ages = case["in_flight_ms"]
            .as_str()
            .unwrap()
            .trim_matches(['[', ']']);
        let oldest = ages
            .split_whitespace()
            .map(|age| age.parse::<u64>().unwrap())
            .max();
        let duration = Duration::from_millis(number(&case["segment_duration_ms"]));
        let oldest = oldest.map(|age| (Duration::from_millis(age), duration));
        let reused = is_reusable(
            oldest,
            number(&case["latency_score"]),
            number(&case["factor"]),
        );
        assert_eq!(
            reused,
            case["reused"].as_bool().unwrap(),
            "{}",
            case["case"]
        );
    }
}

/// How other nodes of the network tell: the penalty while it is not below the counter, which only
/// grows. A penalty late in a stream has no effect there.
fn as_others_tell(penalty: u64, rounds: u64) -> u64 {
    if penalty >= rounds { penalty } else { 0 }
}

/// Ours runs from the round it was imposed in: row "Suspension compares an accumulated penalty with
/// a counter that only grows" of the list of odd behaviour.
#[test]
fn a_suspension_lasts_its_penalty_whenever_it_is_imposed() {
    let vectors = vectors();
    let cases = vectors["suspension"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    let peer = Peer::new("https://a:8935");
    for case in cases {
        let (penalty, rounds) = (number(&case["penalty"]), number(&case["refreshes_before"]));
        assert_eq!(
            as_others_tell(penalty, rounds),
            number::<u64>(&case["suspended_value"])
        );
        let mut ours = Suspensions::new();
        (0..rounds).for_each(|_| ours.next_round());
        ours.suspend(&peer, penalty);
        for left in (1..=penalty).rev() {
            assert_eq!(ours.left(&peer), left);
            ours.next_round();
        }
        assert_eq!(ours.left(&peer), 0);
    }
}

#[test]
fn penalties_grow_with_the_pool() {
    assert_eq!(Suspensions::penalty(3, 3), 1);
    assert_eq!(Suspensions::penalty(17, 8), 3);
    assert_eq!(Suspensions::penalty(0, 0), 1);
}

#[test]
fn failures_that_are_the_segments_own_are_those_of_the_network() {
    let vectors = vectors();
    let texts: Vec<&str> = vectors["non_retryable_errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect();
    for text in &texts {
        assert!(!TranscodeFailure::from_text(text).is_retryable(), "{text}");
    }
    let ours = TranscodeFailure::ALL
        .iter()
        .filter(|failure| !failure.is_retryable())
        .count();
    assert_eq!(ours, texts.len());
}
