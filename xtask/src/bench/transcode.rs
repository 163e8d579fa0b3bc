//! What a ladder costs: our engine with its worker processes against the ffmpeg program, which has
//! the same libraries and the same encoder settings, in turns on the same real segments.
//!
//! The ratio is of user CPU time, round by round; the median of the rounds counts. Pictures are
//! compared by SSIM with the source, scaled, at bit rates that must be equal.

mod film;
mod ours;
mod peer;
mod quality;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};

use super::Figure;

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

    /// The most of the program's user CPU time that ours may take.
    const fn limit(self) -> f64 {
        match self {
            Self::P720 => 0.86,
            Self::P1080 => 0.75,
        }
    }
}

/// One rung: name, width, height, bits a second.
pub(super) type Rung = (&'static str, u32, u32, u32);

pub(super) const LADDER: [Rung; 4] = [
    ("720p", 1280, 720, 2_500_000),
    ("480p", 854, 480, 1_200_000),
    ("360p", 640, 360, 800_000),
    ("240p", 426, 240, 400_000),
];

/// CPU time, user and system.
#[derive(Clone, Copy, Default)]
pub(super) struct Cpu {
    pub(super) user: Duration,
    pub(super) system: Duration,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Figure> {
    ensure!(arguments.rounds > 0, "--rounds must be at least 1");
    ensure!(arguments.segments > 0, "--segments must be at least 1");
    let root = crate::root();
    let folder = root.join("target/bench").join(arguments.source.name());
    let segments = film::segments(&root, arguments.source.name(), &folder, arguments.segments)?;
    let engine = ours::Engine::start(&build(&root)?, &arguments.preset)?;
    println!(
        "{} to {} renditions, {}, {} segments of 2 s a round; ms of CPU a segment",
        arguments.source.name(),
        LADDER.len(),
        arguments.preset,
        segments.len()
    );
    println!("round   ours user   system   ffmpeg user   system   ratio of user");
    let mut ratios = Vec::new();
    for round in 1..=arguments.rounds {
        let ours = engine.round(&segments, None)?;
        let peer = peer::round(&segments, &arguments.preset, &folder)?;
        let ratio = ours.user.as_secs_f64() / peer.user.as_secs_f64();
        let each = |time: Duration| time.as_secs_f64() * 1000.0 / segments.len() as f64;
        println!(
            "{round:>5}{:>12.0}{:>9.0}{:>14.0}{:>9.0}{ratio:>16.3}",
            each(ours.user),
            each(ours.system),
            each(peer.user),
            each(peer.system)
        );
        ratios.push(ratio);
    }
    let kept = folder.join("ours");
    engine.round(&segments[..1], Some(&kept))?;
    quality::compare(&segments[0], &kept, &folder.join("peer"))?;
    let (median, spread) = median_and_spread(&mut ratios);
    if spread > NOISE {
        println!(
            "noisy: rounds are up to {:.0} % from the median; run it again on an idle machine",
            spread * 100.0
        );
    }
    Ok(Figure {
        name: "user CPU of a segment against the ffmpeg program",
        ours: median,
        limit: arguments.source.limit(),
        n: arguments.rounds,
        spread,
    })
}

/// Builds the worker as it ships, and gives its path.
pub(super) fn build(root: &Path) -> anyhow::Result<std::path::PathBuf> {
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--locked",
            "--release",
            "--package",
            "streamflow-worker",
        ])
        .current_dir(root)
        .status()
        .context("cargo could not be started")?;
    ensure!(status.success(), "the worker could not be built");
    Ok(root.join("target/release/streamflow-worker"))
}

/// The median, and how far the farthest is from it, as a part of it.
pub(super) fn median_and_spread(ratios: &mut [f64]) -> (f64, f64) {
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    let (first, last) = (ratios[0], ratios[ratios.len() - 1]);
    let farthest = (median - first).max(last - median);
    (median, farthest / median)
}
