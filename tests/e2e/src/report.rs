//! The summary of a run: a table for people, one JSON object for programs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::judge::{Fault, SOURCE, Verdicts};
use crate::reader::Seen;

/// Faults listed in a report; more of the same say nothing new.
const MAX_LISTED: usize = 20;

/// The last line of `./demo --check`.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Whether every judged segment was delivered in every rendition.
    pub ok: bool,
    /// Source segments whose deadline had passed.
    pub offered: usize,
    /// Of these, how many lack a rendition that passes every check.
    pub lost: usize,
    /// By name, the source among them.
    pub renditions: BTreeMap<String, Rendition>,
    /// From source readable to last rendition readable.
    pub latency_ms: Latency,
    /// The first few faults, as `number rendition: fault`.
    pub faults: Vec<String>,
    /// What the playlist validator and the reader found.
    pub playlist_findings: Vec<String>,
}

/// One rendition over the whole run.
#[derive(Debug, Default, Serialize)]
pub struct Rendition {
    /// Segments there.
    pub segments: usize,
    /// Frames in them.
    pub frames: usize,
    /// `WxH` of them; several when the size changed.
    pub resolution: Vec<String>,
    /// Codec as FFmpeg names it.
    pub codec: String,
    /// Bits a second, over all segments.
    pub bitrate: u64,
    /// Segments missing.
    pub missing: usize,
    /// Segments that decode with errors.
    pub undecodable: usize,
    /// Segments whose times differ from the source's.
    pub wrong_timestamps: usize,
    /// Segments after their deadline.
    pub late: usize,
}

/// Milliseconds over all judged segments.
#[derive(Debug, Default, Serialize)]
pub struct Latency {
    /// Half are faster.
    pub median: u64,
    /// 95 % are faster.
    pub p95: u64,
    /// The slowest.
    pub max: u64,
}

/// Sums up a run. `findings` are the validator's.
pub fn summarise(verdicts: &Verdicts, seen: &Seen, findings: Vec<String>) -> Summary {
    let mut summary = Summary {
        ok: false,
        offered: verdicts.len(),
        lost: 0,
        renditions: BTreeMap::new(),
        latency_ms: latency(verdicts),
        faults: Vec::new(),
        playlist_findings: findings,
    };
    for (name, variant) in &seen.variants {
        let errors = variant
            .errors
            .iter()
            .map(|error| format!("{name}: {error}"));
        summary.playlist_findings.extend(errors);
    }
    for (number, row) in verdicts {
        if row.values().any(|verdict| !verdict.faults.is_empty()) {
            summary.lost += 1;
        }
        for (name, verdict) in row {
            for fault in &verdict.faults {
                if summary.faults.len() < MAX_LISTED {
                    summary.faults.push(format!("{number} {name}: {fault:?}"));
                }
            }
            let duration = seen
                .variants
                .get(SOURCE)
                .and_then(|s| s.segments.get(number))
                .map(|s| s.duration);
            summary
                .renditions
                .entry(name.clone())
                .or_default()
                .add(verdict, duration);
        }
    }
    summary.renditions.values_mut().for_each(Rendition::finish);
    summary.ok = summary.offered > 0 && summary.lost == 0 && summary.playlist_findings.is_empty();
    summary
}

impl Rendition {
    fn add(&mut self, verdict: &crate::judge::Verdict, duration: Option<Duration>) {
        for fault in &verdict.faults {
            match fault {
                Fault::Missing => self.missing += 1,
                Fault::Late(_) => self.late += 1,
                Fault::Undecodable(_) | Fault::NoKeyFrame => self.undecodable += 1,
                Fault::Timestamps(_) => self.wrong_timestamps += 1,
                Fault::Size(_) | Fault::NoAudio => {}
            }
        }
        let Some(facts) = &verdict.facts else { return };
        self.segments += 1;
        self.frames += facts.pts.len();
        self.codec.clone_from(&facts.codec);
        let resolution = format!("{}x{}", facts.width, facts.height);
        if !self.resolution.contains(&resolution) {
            self.resolution.push(resolution);
        }
        let milliseconds = duration.unwrap_or_default().as_millis().max(1) as u64;
        self.bitrate += (verdict.bytes as u64 * 8 * 1000) / milliseconds;
    }

    fn finish(&mut self) {
        self.bitrate /= (self.segments as u64).max(1);
    }
}

fn latency(verdicts: &Verdicts) -> Latency {
    let mut slowest: Vec<u64> = verdicts
        .values()
        .filter_map(|row| row.values().filter_map(|verdict| verdict.latency).max())
        .map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX))
        .collect();
    slowest.sort_unstable();
    let at = |share: usize| {
        slowest
            .get((slowest.len() * share / 100).min(slowest.len().saturating_sub(1)))
            .copied()
    };
    Latency {
        median: at(50).unwrap_or_default(),
        p95: at(95).unwrap_or_default(),
        max: slowest.last().copied().unwrap_or_default(),
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{:<8} {:>8} {:>7} {:>10} {:>6} {:>9} {:>7} {:>5}",
            "", "segments", "frames", "size", "codec", "kbit/s", "missing", "bad"
        )?;
        for (name, r) in &self.renditions {
            let bad = r.undecodable + r.wrong_timestamps + r.late;
            let size = r.resolution.join(" ");
            writeln!(
                f,
                "{name:<8} {:>8} {:>7} {size:>10} {:>6} {:>9} {:>7} {bad:>5}",
                r.segments,
                r.frames,
                r.codec,
                r.bitrate / 1000,
                r.missing
            )?;
        }
        writeln!(
            f,
            "lost {} of {} segments; source to last rendition: median {} ms, p95 {} ms, slowest {} ms",
            self.lost,
            self.offered,
            self.latency_ms.median,
            self.latency_ms.p95,
            self.latency_ms.max
        )?;
        for line in self.faults.iter().chain(&self.playlist_findings) {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}
