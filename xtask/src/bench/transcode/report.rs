//! Tables for people, and one JSON line.

use serde_json::{Value, json};

use super::floor::{Parts, Stages};
use super::quality::Pictures;
use super::streams::Streams;
use super::{Cpu, NOISE, Rung, median_and_spread};

/// One round, in milliseconds of CPU time a segment.
#[derive(Clone, Copy)]
pub(super) struct Sample {
    ours: [f64; 2],
    peer: [f64; 2],
    floor: f64,
}

impl Sample {
    pub(super) fn new(ours: Cpu, peer: Cpu, parts: &Parts, segments: usize) -> Self {
        let each = |cpu: Cpu| {
            [cpu.user, cpu.system].map(|time| time.as_secs_f64() * 1000.0 / segments as f64)
        };
        Self {
            ours: each(ours),
            peer: each(peer),
            floor: parts.floor(),
        }
    }

    pub(super) fn user_ratio(&self) -> f64 {
        self.ours[0] / self.peer[0]
    }

    fn total_ratio(&self) -> f64 {
        self.total() / self.peer.iter().sum::<f64>()
    }

    pub(super) fn floor_ratio(&self) -> f64 {
        self.total() / self.floor
    }

    fn total(&self) -> f64 {
        self.ours.iter().sum()
    }

    pub(super) fn print(&self, round: usize) {
        println!(
            "{round:>5}{:>11.0}{:>8.0}{:>13.0}{:>8.0}{:>12.3}{:>12.3}{:>14.0}{:>12.3}",
            self.ours[0],
            self.ours[1],
            self.peer[0],
            self.peer[1],
            self.user_ratio(),
            self.total_ratio(),
            self.floor,
            self.floor_ratio()
        );
    }
}

pub(super) fn heading(source: &str, preset: &str, segments: usize) {
    println!(
        "{source} to the ladder, {preset}, {segments} segments of 2 s a round; ms of CPU a segment"
    );
    println!(
        "round  ours user  system  ffmpeg user  system  user ratio  both ratio  decode+encode  ours/floor"
    );
}

/// A ratio with what it may be at most.
pub(super) struct Goal {
    name: String,
    median: f64,
    spread: f64,
    limit: Option<f64>,
}

impl Goal {
    pub(super) fn new(name: &str, values: Vec<f64>, limit: Option<f64>) -> Self {
        let (median, spread) = median_and_spread(values);
        Self {
            name: name.to_owned(),
            median,
            spread,
            limit,
        }
    }

    fn is_missed(&self) -> bool {
        self.limit.is_some_and(|limit| self.median > limit)
    }

    fn told(&self) -> String {
        let limit = match self.limit {
            Some(limit) => format!(", at most {limit}"),
            None => String::new(),
        };
        format!("{} is {:.3}{limit}", self.name, self.median)
    }
}

/// Prints where the time goes; gives the same as JSON.
pub(super) fn stages(rungs: &[Rung], all: &[Parts], samples: &[Sample]) -> Value {
    let of = |value: &dyn Fn(&Parts) -> f64| median_and_spread(all.iter().map(value).collect()).0;
    let both = |value: &dyn Fn(&Stages) -> f64| {
        [
            of(&|parts| value(&parts.usual)),
            of(&|parts| value(&parts.alone)),
        ]
    };
    let mut rows = vec![
        (
            "open and find streams".to_owned(),
            both(&|stages| stages.open),
        ),
        ("decode".to_owned(), both(&|stages| stages.decode)),
        ("scale, all sizes".to_owned(), both(&|stages| stages.scale)),
    ];
    for (place, (name, ..)) in rungs.iter().enumerate() {
        rows.push((format!("x264 {name}"), both(&|stages| stages.encode[place])));
    }
    rows.push(("mux and sound".to_owned(), both(&|stages| stages.mux)));
    let known: [f64; 2] = std::array::from_fn(|side| rows.iter().map(|row| row.1[side]).sum());
    let process = both(&|stages| stages.process);
    let total = median_and_spread(samples.iter().map(Sample::total).collect()).0;
    rows.push((
        "threads and queues".to_owned(),
        [process[0] - known[0], f64::NAN],
    ));
    rows.push((
        "worker process, copies".to_owned(),
        [total - process[0], f64::NAN],
    ));
    println!("\nstage                    ms a segment   part   alone");
    let mut object = serde_json::Map::new();
    for (name, [usual, alone]) in &rows {
        let alone = if alone.is_nan() || name.starts_with("scale") {
            String::new()
        } else {
            format!("{alone:.1}")
        };
        println!(
            "{name:<24}{usual:>13.1}{:>6.1}%{alone:>8}",
            usual / total * 100.0
        );
        object.insert(name.clone(), json!((usual * 10.0).round() / 10.0));
    }
    println!("{:<24}{total:>13.1}\n", "together");
    Value::Object(object)
}

/// All there is to tell.
pub(super) struct Whole<'a> {
    pub(super) source: &'a str,
    pub(super) preset: &'a str,
    pub(super) samples: &'a [Sample],
    pub(super) stages: Value,
    pub(super) pictures: &'a [Pictures],
    pub(super) goals: &'a [Goal],
    pub(super) memory: u64,
    pub(super) streams: Option<Streams>,
}

/// Prints the goals and the JSON line; gives what was missed.
pub(super) fn finish(whole: &Whole<'_>) -> Vec<String> {
    for goal in whole.goals {
        let verdict = match (goal.limit, goal.is_missed()) {
            (None, _) => "",
            (Some(_), true) => ": MISSED",
            (Some(_), false) => ": reached",
        };
        println!("{}{verdict}", goal.told());
        if goal.spread > NOISE {
            println!(
                "  noisy: rounds are up to {:.0} % from the median; run it again on an idle machine",
                goal.spread * 100.0
            );
        }
    }
    let goals: Vec<Value> = whole
        .goals
        .iter()
        .map(|goal| {
            json!({
                "name": goal.name, "ours": goal.median, "limit": goal.limit,
                "spread": goal.spread
            })
        })
        .collect();
    let pictures: Vec<Value> = whole.pictures.iter().map(Pictures::json).collect();
    let main = &whole.goals[0];
    let limit = main.limit.unwrap_or(f64::NAN);
    println!(
        "{}",
        json!({
            "name": format!("transcode {} {}", whole.source, whole.preset),
            "ours": main.median, "limit": main.limit, "ratio": main.median / limit,
            "n": whole.samples.len(), "spread": main.spread,
            "goals": goals, "stages": whole.stages, "pictures": pictures,
            "peak_memory_bytes": whole.memory,
            "streams": whole.streams.as_ref().map(Streams::json),
        })
    );
    let missed = whole.goals.iter().filter(|goal| goal.is_missed());
    missed.map(Goal::told).collect()
}
