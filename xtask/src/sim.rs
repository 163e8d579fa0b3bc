//! `cargo xtask sim`: days of the simulated market, by seed.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;

use streamflow_sim::{Plan, Report};

/// Between two lines of progress.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// The goal: the default plan within this much time, built with `--release`.
const LIMIT: Duration = Duration::from_secs(60);

/// What to run.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The first seed; a run that failed names its own.
    #[arg(default_value_t = 1, conflicts_with = "file")]
    seed: u64,
    /// How many seeds to run, one after the other.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Streams of the gateway.
    #[arg(long, default_value_t = Plan::default().streams)]
    streams: u64,
    /// Orchestrators in the market.
    #[arg(long, default_value_t = Plan::default().orchestrators)]
    orchestrators: u64,
    /// Transcoders of each orchestrator.
    #[arg(long, default_value_t = Plan::default().transcoders)]
    transcoders: u64,
    /// Segments of all streams together.
    #[arg(long, default_value_t = Plan::default().segments)]
    segments: u64,
    /// Mean time between two faults, in milliseconds.
    #[arg(long, default_value_t = Plan::default().fault_gap_ms)]
    fault_gap_ms: u64,
    /// A seed and a plan from a file of tests/sim/seeds instead.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Fail when one run takes more than a minute.
    #[arg(long)]
    goal: bool,
}

/// Runs the seeds; the first broken promise is an error that names its seed.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (first, plan) = plan(arguments)?;
    for seed in first..first.saturating_add(arguments.seeds) {
        let took = run_one(seed, &plan)?;
        if arguments.goal && took > LIMIT {
            bail!("seed {seed} took {took:.1?}, the goal is {LIMIT:?}");
        }
    }
    Ok(())
}

fn plan(arguments: &Arguments) -> anyhow::Result<(u64, Plan)> {
    if let Some(file) = &arguments.file {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("{} could not be read", file.display()))?;
        return Plan::parse(&text).with_context(|| format!("{} names no run", file.display()));
    }
    let plan = Plan {
        streams: arguments.streams,
        orchestrators: arguments.orchestrators,
        transcoders: arguments.transcoders,
        segments: arguments.segments,
        fault_gap_ms: arguments.fault_gap_ms,
    };
    Ok((arguments.seed, plan.checked()?))
}

fn run_one(seed: u64, plan: &Plan) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let mut told = began;
    let result = streamflow_sim::run(seed, plan, &mut |segments| {
        if told.elapsed() >= PROGRESS_EVERY {
            told = Instant::now();
            eprintln!("seed {seed}: {segments} of {} segments", plan.segments);
        }
    });
    let took = began.elapsed();
    match result {
        Ok(report) => print(seed, &report, took),
        Err(violation) => bail!(
            "seed {seed}: {violation}\nrepeat it with: {}",
            again(seed, plan)
        ),
    }
    Ok(took)
}

fn print(seed: u64, report: &Report, took: Duration) {
    println!("seed                  {seed}");
    println!("{report}");
    println!("real time             {took:.1?}");
    println!(
        "{}",
        serde_json::json!({
            "name": "sim", "seed": seed, "ours": took.as_secs_f64(),
            "limit": LIMIT.as_secs_f64(), "ratio": took.as_secs_f64() / LIMIT.as_secs_f64(),
            "n": report.segments, "lost": report.lost_in_all(), "unexcused": report.unexcused,
            "attempts_per_segment": report.attempts_per_segment(),
            "p99_ms": report.quantile(0.99).as_millis() as u64,
        })
    );
}

/// The command that repeats a run.
fn again(seed: u64, plan: &Plan) -> String {
    let Plan {
        streams,
        orchestrators,
        transcoders,
        segments,
        fault_gap_ms,
    } = plan;
    format!(
        "cargo xtask sim {seed} --streams {streams} --orchestrators {orchestrators} --transcoders \
         {transcoders} --segments {segments} --fault-gap-ms {fault_gap_ms}"
    )
}
