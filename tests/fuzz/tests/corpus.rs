//! Every target sees its corpus, and mutations of it for a bounded time, in every test run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::time::{Duration, Instant};

use streamflow_fuzz::mutate::{Random, mutated, seeds};
use streamflow_fuzz::targets::TARGETS;

/// Time for mutations of each target.
const TIME: Duration = Duration::from_millis(1500);

#[test]
fn no_target_panics_on_its_corpus_or_near_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let threads: Vec<_> = TARGETS
        .iter()
        .map(|(name, target)| (*name, *target, seeds(&folder.join(name)).unwrap()))
        .collect();
    for (name, target, seeds) in threads {
        seeds.iter().for_each(|seed| target(seed));
        let mut random = Random::new(0);
        let started = Instant::now();
        let mut runs = 0u64;
        while started.elapsed() < TIME {
            target(&mutated(&seeds, &mut random));
            runs += 1;
        }
        println!("{name}: {} seeds, {runs} mutations", seeds.len());
        assert!(runs > 10, "{name} is too slow to be fuzzed: {runs} runs");
    }
}

#[test]
fn every_folder_of_the_corpus_has_a_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(TARGETS.iter().any(|(target, _)| *target == name), "{name}");
    }
}
