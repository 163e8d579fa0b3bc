//! `cargo xtask bench`: what things cost, held against a limit. Each prints a table and, as its last
//! line, the same as JSON; with `--goal` it fails where the limit is missed. Build with `--release`.

mod gas;
mod gpu;
mod network;
mod select;
mod tickets;
mod transcode;

use anyhow::bail;
use clap::{Args, Subcommand};

/// Which one, and whether its limit counts.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    bench: Bench,
    /// Fail when the limit is missed.
    #[arg(long, global = true)]
    goal: bool,
}

#[derive(Subcommand)]
enum Bench {
    /// Operations of the contracts, against the contracts in use. Needs `npm install` in `contracts/`.
    Gas(gas::Arguments),
    /// A ladder on a graphics card, against the processor of the same machine.
    Gpu(gpu::Arguments),
    /// Streams in real time through three processes that do not transcode: latency, CPU, memory.
    Overhead(network::Arguments),
    /// The choice of an orchestrator for a segment.
    Select(select::Arguments),
    /// From the start of three processes to the first complete answer.
    Startup(network::Arguments),
    /// Tickets of a payment, judged and made, against one look at a signature.
    Tickets(tickets::Arguments),
    /// A ladder of real segments, against the ffmpeg program.
    Transcode(transcode::Arguments),
}

/// What was measured, in the unit its name says.
struct Figure {
    name: &'static str,
    ours: f64,
    limit: f64,
    n: usize,
    /// How far single measurements are from `ours`, as the bench says.
    spread: f64,
}

/// Runs one.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let figure = match &arguments.bench {
        Bench::Gpu(arguments) => gpu::run(arguments)?,
        // Theirs are several limits, measured by a program of its own.
        Bench::Overhead(each) => return network::run("overhead", each, arguments.goal),
        Bench::Startup(each) => return network::run("startup", each, arguments.goal),
        Bench::Select(arguments) => select::run(arguments)?,
        Bench::Tickets(arguments) => tickets::run(arguments)?,
        // These have several limits, and a line of their own.
        Bench::Gas(each) => return gas::run(each, arguments.goal),
        Bench::Transcode(each) => return transcode::run(each, arguments.goal),
    };
    let Figure {
        name,
        ours,
        limit,
        n,
        spread,
    } = figure;
    let ratio = ours / limit;
    println!(
        "{}",
        serde_json::json!({
            "name": name, "ours": ours, "limit": limit, "ratio": ratio, "n": n, "spread": spread
        })
    );
    if arguments.goal && ratio > 1.0 {
        bail!("{name} is {ours:.3}, the limit is {limit}");
    }
    Ok(())
}
