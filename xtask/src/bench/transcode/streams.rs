//! How many streams a machine holds: each sends a segment every two seconds, one stream more in
//! every step, until segments take too much of their own length.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use super::{Bench, Rung};

/// The most of its own length that a segment may take.
const RATIO: f64 = 0.8;

/// Segments of each stream in a step.
const SEGMENTS: u64 = 6;

/// Streams tried at most.
const MOST: u32 = 256;

/// What was held.
pub(super) struct Streams {
    held: u32,
    cores: usize,
    /// Time taken by a segment as a part of its length, at the most streams held.
    p50: f64,
    p95: f64,
    p99: f64,
}

impl Streams {
    pub(super) fn json(&self) -> Value {
        json!({
            "held": self.held, "per_core": f64::from(self.held) / self.cores as f64,
            "p50": self.p50, "p95": self.p95, "p99": self.p99
        })
    }
}

/// Adds streams until the 95th percentile is above the bound.
pub(super) fn run(bench: &Bench, rungs: &[Rung]) -> anyhow::Result<Streams> {
    let cores = std::thread::available_parallelism()?.get();
    let mut best = Streams {
        held: 0,
        cores,
        p50: f64::NAN,
        p95: f64::NAN,
        p99: f64::NAN,
    };
    println!("\nstreams   time of a segment as a part of its length: p50    p95    p99");
    for count in 1..=MOST {
        let mut ratios = bench
            .engine
            .in_real_time(&bench.segments, rungs, count, SEGMENTS)?;
        ensure!(!ratios.is_empty(), "no segment came back");
        ratios.sort_by(f64::total_cmp);
        let part = |part: f64| ratios[((ratios.len() - 1) as f64 * part).round() as usize];
        let (p50, p95, p99) = (part(0.5), part(0.95), part(0.99));
        println!("{count:>7}{p50:>52.2}{p95:>7.2}{p99:>7.2}");
        if p95 > RATIO {
            break;
        }
        best = Streams {
            held: count,
            p50,
            p95,
            p99,
            ..best
        };
    }
    println!(
        "{} streams on {cores} cores, {:.2} a core\n",
        best.held,
        f64::from(best.held) / cores as f64
    );
    Ok(best)
}

/// Seconds of a segment as its ratio.
pub(super) fn ratio(took: Duration, length: Duration) -> f64 {
    took.as_secs_f64() / length.as_secs_f64()
}
