//! Our verdicts about pairs of films against those of FFmpeg's `signature` filter.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may read files"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use streamflow_media::signature::{Match, Mode, Signature, Thresholds, Verdict, compare, equal};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/vectors/signature")
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(format!("{name}.bin"))).unwrap()
}

/// Every film, read once.
fn films() -> BTreeMap<String, Signature> {
    let files = std::fs::read_dir(folder()).unwrap();
    files
        .filter_map(|file| {
            let file = file.unwrap().file_name().into_string().unwrap();
            let name = file.strip_suffix(".bin")?;
            Some((name.to_owned(), Signature::parse(&bytes(name)).unwrap()))
        })
        .collect()
}

/// The thresholds of a filter option such as `:th_xh=60`.
fn thresholds(option: &str) -> Thresholds {
    let mut thresholds = Thresholds::default();
    if let Some((name, value)) = option.split_once('=') {
        match name {
            ":th_d" => thresholds.word = value.parse().unwrap(),
            ":th_dc" => thresholds.words = value.parse().unwrap(),
            ":th_xh" => thresholds.frame = value.parse().unwrap(),
            ":th_di" => thresholds.frames = value.parse().unwrap(),
            ":th_it" => thresholds.good = value.parse().unwrap(),
            other => panic!("{other}"),
        }
    }
    thresholds
}

/// The frame of a film that the filter names by its time.
fn frame(film: &str, time: &Value) -> usize {
    let rate = if film == "half-rate" { 15.0 } else { 30.0 };
    (time.as_f64().unwrap() * rate).round() as usize
}

#[test]
fn every_verdict_of_the_filter_is_ours_to_the_frame() {
    let films = films();
    let text = std::fs::read_to_string(folder().join("verdicts.json")).unwrap();
    let verdicts: Value = serde_json::from_str(&text).unwrap();
    let pairs = verdicts["pairs"].as_array().unwrap();
    let mut seen = BTreeMap::<&str, usize>::new();
    for pair in pairs {
        let text = |member: &str| pair[member].as_str().unwrap();
        let (first, second) = (text("first"), text("second"));
        let mode = match text("mode") {
            "full" => Mode::Full,
            _ => Mode::Fast,
        };
        let Match { verdict, found } = compare(
            &films[first],
            &films[second],
            mode,
            thresholds(text("options")),
        )
        .unwrap();
        let ours = match verdict {
            Verdict::Different => "different",
            Verdict::Partial => "partial",
            Verdict::Full => "full",
        };
        assert_eq!(ours, text("verdict"), "{pair}");
        *seen.entry(ours).or_default() += 1;
        let theirs = pair["frames"].as_u64().map(|frames| {
            let at = &pair["at"];
            let (first, second) = (frame(first, &at[0]), frame(second, &at[1]));
            (first, second, frames as usize)
        });
        let ours = found.map(|found| (found.first, found.second, found.frames));
        assert_eq!(ours, theirs, "{pair}");
    }
    assert!(
        seen.len() == 3 && seen.values().all(|count| *count > 50),
        "{seen:?}"
    );
}

#[test]
fn encodings_of_one_film_are_equal_and_other_films_are_not() {
    for (first, second, expected) in [
        ("same-large", "same-tiny", true),
        ("same-small", "brighter", true),
        ("same-small", "shifted", true),
        ("first-half", "same-large", true),
        ("short-10", "short-10", true),
        ("short-45", "short-45", true),
        ("short-10", "short-45", false),
        ("same-small", "zoom", false),
        ("bars", "zoom", false),
        ("same-large", "mirrored", false),
    ] {
        let equal = equal(&bytes(first), &bytes(second));
        assert_eq!(equal, Ok(expected), "{first} {second}");
    }
}

#[test]
fn the_size_of_the_pictures_is_told() {
    let films = films();
    assert_eq!(films["same-large"].size(), (1280, 720));
    assert_eq!(films["same-tiny"].size(), (128, 72));
    assert_eq!(films["half-rate"].frames(), 60);
}
