//! What was measured against its limits: lines for people, and one JSON object as the last line.

use std::process::ExitCode;

use serde_json::{Value, json};

/// One limit, and what was measured.
pub(crate) struct Goal {
    pub(crate) name: String,
    pub(crate) ours: f64,
    pub(crate) limit: f64,
    /// Measurements behind it.
    pub(crate) n: usize,
    /// How far the farthest is, or the 99th percentile for latencies, from `ours`.
    pub(crate) spread: f64,
}

impl Goal {
    fn ratio(&self) -> f64 {
        self.ours / self.limit
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "ours": rounded(self.ours), "limit": rounded(self.limit),
            "ratio": rounded(self.ratio()), "n": self.n, "spread": rounded(self.spread),
        })
    }
}

/// Prints all of them; the line at the end is of the one nearest to its limit, or farthest beyond it.
pub(crate) fn finish(goals: &[Goal], must_reach: bool) -> ExitCode {
    println!();
    for goal in goals {
        let verdict = if goal.ratio() > 1.0 { "MISSED" } else { "met" };
        println!(
            "{:<52}{:>10.3}  limit {:>8.3}  {verdict}",
            goal.name, goal.ours, goal.limit
        );
    }
    let Some(worst) = goals.iter().max_by(|a, b| a.ratio().total_cmp(&b.ratio())) else {
        eprintln!("error: nothing was measured");
        return ExitCode::from(4);
    };
    let mut line = worst.json();
    line["goals"] = goals.iter().map(Goal::json).collect();
    println!("{line}");
    if must_reach && worst.ratio() > 1.0 {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The value below which that share of the sorted values lies.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (sorted.len() as f64 * share) as usize;
    sorted.get(at.min(last)).copied().unwrap_or_default()
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
