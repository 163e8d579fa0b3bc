//! What a ladder costs: our engine with its worker processes against the ffmpeg program, which has
//! the same libraries and the same encoder settings, in turns on the same real segments; and
//! against decoding and encoding alone, which nobody can do without.
//!
//! Ratios are of CPU time, round by round; the median of the rounds counts. Pictures are compared
//! by SSIM with the source, scaled, at bit rates that must be equal.

mod film;
mod floor;
mod growth;
mod ours;
mod peer;
mod quality;
mod report;
mod streams;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::{Args, ValueEnum};

use report::{Goal, Sample};

pub(super) use ours::spent;

/// Rounds that differ by more than this from their median make a noisy run.
const NOISE: f64 = 0.10;

/// What is measured.
#[derive(Args)]
pub(super) struct Arguments {
    /// Size and rate of the source.
    #[arg(long, value_enum, default_value_t = Source::P720)]
    source: Source,
    /// The preset of x264, for both.
    #[arg(long, default_value = "veryfast")]
    preset: String,
    /// Rounds over all segments.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Segments in a round.
    #[arg(long, default_value_t = 4)]
    segments: usize,
    /// Also send streams in real time, one more at a time, until they are late: wants an idle
    /// machine, and some minutes.
    #[arg(long)]
    streams: bool,
    /// Instead of all that: one to ten renditions, written to this JSON file and drawn beside it.
    #[arg(long, value_name = "FILE")]
    growth: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Source {
    /// 1280x720 at 30 pictures a second.
    #[value(name = "720p30")]
    P720,
    /// 1920x1080 at 60 pictures a second.
    #[value(name = "1080p60")]
    P1080,
}

impl Source {
    const fn name(self) -> &'static str {
        match self {
            Self::P720 => "720p30",
            Self::P1080 => "1080p60",
        }
    }

    /// The most of the program's user CPU time that ours may take; the goal is for one preset.
    fn limit(self, preset: &str) -> Option<f64> {
        match self {
            _ if preset != "veryfast" => None,
            Self::P720 => Some(0.86),
            Self::P1080 => Some(0.75),
        }
    }
}

/// The most of decoding and encoding alone that all together may take, where there is a goal.
fn floor_limit(preset: &str) -> Option<f64> {
    match preset {
        "veryfast" => Some(1.07),
        "medium" => Some(1.05),
        _ => None,
    }
}

/// One rung: name, width, height, bits a second.
pub(super) type Rung = (&'static str, u32, u32, u32);

/// The usual four, and six more for the growth.
pub(super) const LADDER: [Rung; 10] = [
    ("720p", 1280, 720, 2_500_000),
    ("480p", 854, 480, 1_200_000),
    ("360p", 640, 360, 800_000),
    ("240p", 426, 240, 400_000),
    ("540p", 960, 540, 1_600_000),
    ("144p", 256, 144, 150_000),
    ("432p", 768, 432, 1_000_000),
    ("288p", 512, 288, 600_000),
    ("180p", 320, 180, 250_000),
    ("600p", 1066, 600, 1_900_000),
];

/// Rungs of the usual ladder.
pub(super) const USUAL: usize = 4;

/// CPU time, user and system.
#[derive(Clone, Copy, Default)]
pub(super) struct Cpu {
    pub(super) user: Duration,
    pub(super) system: Duration,
}

impl Cpu {
    fn total(self) -> Duration {
        self.user + self.system
    }
}

/// What all measurements share.
struct Bench {
    root: PathBuf,
    folder: PathBuf,
    segments: Vec<PathBuf>,
    preset: String,
    engine: ours::Engine,
}

pub(super) fn run(arguments: &Arguments, must_reach: bool) -> anyhow::Result<()> {
    ensure!(arguments.rounds > 0, "--rounds must be at least 1");
    ensure!(arguments.segments > 0, "--segments must be at least 1");
    let root = crate::root();
    let name = arguments.source.name();
    let folder = root.join("target/bench").join(name);
    let segments = film::segments(&root, name, &folder, arguments.segments)?;
    let worker = worker(&root)?;
    build(&["--package", "streamflow-ffmpeg", "--example", "stages"])?;
    let bench = Bench {
        engine: ours::Engine::start(&worker, &arguments.preset)?,
        preset: arguments.preset.clone(),
        root,
        folder,
        segments,
    };
    if let Some(file) = &arguments.growth {
        return growth::run(&bench, name, arguments.rounds, file);
    }
    let missed = ladder(&bench, arguments)?;
    if must_reach && !missed.is_empty() {
        bail!("missed: {}", missed.join("; "));
    }
    Ok(())
}

/// The usual ladder: prints all tables and the JSON line, gives the goals that were missed.
fn ladder(bench: &Bench, arguments: &Arguments) -> anyhow::Result<Vec<String>> {
    let rungs = &LADDER[..USUAL];
    let count = bench.segments.len();
    report::heading(arguments.source.name(), &bench.preset, count);
    let mut samples = Vec::new();
    let mut stages = Vec::new();
    for round in 1..=arguments.rounds {
        let ours = bench.engine.round(&bench.segments, rungs, None)?;
        let peer = peer::round(&bench.segments, rungs, &bench.preset, &bench.folder)?;
        let parts = floor::measure(&bench.root, &bench.segments, rungs, &bench.preset)?;
        let sample = Sample::new(ours, peer, &parts, count);
        sample.print(round);
        samples.push(sample);
        stages.push(parts);
    }
    let memory = bench.engine.peak_memory()?;
    let stages = report::stages(rungs, &stages, &samples);
    let pictures = quality::compare(bench, rungs)?;
    let mut goals = vec![
        Goal::new(
            "user CPU against the ffmpeg program",
            samples.iter().map(Sample::user_ratio).collect(),
            arguments.source.limit(&bench.preset),
        ),
        Goal::new(
            "total against decoding and encoding alone",
            samples.iter().map(Sample::floor_ratio).collect(),
            floor_limit(&bench.preset),
        ),
    ];
    goals.push(quality::goal(&pictures));
    let streams = match arguments.streams {
        true => Some(streams::run(bench, rungs)?),
        false => None,
    };
    println!("peak memory of a worker: {} MiB", memory >> 20);
    Ok(report::finish(&report::Whole {
        source: arguments.source.name(),
        preset: &bench.preset,
        samples: &samples,
        stages,
        pictures: &pictures,
        goals: &goals,
        memory,
        streams,
    }))
}

/// The worker program, built as it ships.
pub(super) fn worker(root: &Path) -> anyhow::Result<PathBuf> {
    build(&["--package", "streamflow-worker"])?;
    Ok(root.join("target/release/streamflow-worker"))
}

/// Builds something as it ships.
pub(super) fn build(what: &[&str]) -> anyhow::Result<()> {
    let status = crate::cargo()
        .args(["build", "--locked", "--release"])
        .args(what)
        .status()
        .context("cargo could not be started")?;
    ensure!(status.success(), "{} could not be built", what.join(" "));
    Ok(())
}

/// The median, and how far the farthest is from it, as a part of it.
pub(super) fn median_and_spread(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let median = values[values.len() / 2];
    let (first, last) = (values[0], values[values.len() - 1]);
    let farthest = (median - first).max(last - median);
    (median, farthest / median)
}
