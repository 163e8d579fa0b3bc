//! Every target sees its corpus, and mutations of it for a bounded time, in every test run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::time::{Duration, Instant};

use streamflow_fuzz::targets::TARGETS;

/// Time for mutations of each target.
const TIME: Duration = Duration::from_millis(1500);

/// Longest mutated input: as the longest seeds, with room to grow.
const MAX_BYTES: usize = 16 * 1024;

#[test]
fn no_target_panics_on_its_corpus_or_near_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let threads: Vec<_> = TARGETS
        .iter()
        .map(|(name, target)| (*name, *target, seeds(&folder.join(name))))
        .collect();
    for (name, target, seeds) in threads {
        seeds.iter().for_each(|seed| target(seed));
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let started = Instant::now();
        let mut runs = 0u64;
        while started.elapsed() < TIME {
            let mut bytes = seeds[random.below(seeds.len())].clone();
            for _ in 0..=random.below(4) {
                mutate(&mut bytes, &seeds, &mut random);
            }
            bytes.truncate(MAX_BYTES);
            target(&bytes);
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

/// The corpus of a target; without one, next to nothing.
fn seeds(folder: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return vec![vec![0; 64]];
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

fn mutate(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len().max(1));
    match random.below(7) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        1 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
        2 => bytes.truncate(at),
        3 => bytes.insert(at.min(bytes.len()), random.below(256) as u8),
        4 if !bytes.is_empty() => {
            bytes.remove(at);
        }
        5 => {
            let other = &seeds[random.below(seeds.len())];
            let from = random.below(other.len().max(1)).min(other.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        _ => {
            let end = (at + random.below(32)).min(bytes.len());
            let piece = bytes[at.min(end)..end].to_vec();
            bytes.extend_from_slice(&piece);
        }
    }
}

/// A xorshift generator: the same run every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}
