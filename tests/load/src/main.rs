//! What a network of three processes costs beside the transcoding: they run as they ship, with TLS
//! and sockets between them, and a client pushes real segments. `cargo xtask bench overhead` and
//! `cargo xtask bench startup` build everything and call this.

mod film;
mod floor;
mod overhead;
mod push;
mod report;
mod roles;
mod stages;
mod startup;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures a gateway, an orchestrator and a remote transcoder from outside.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
    /// Fail when a limit is missed.
    #[arg(long, global = true)]
    goal: bool,
}

#[derive(Subcommand)]
enum Bench {
    /// Streams in real time through transcoders that do not transcode: latency, CPU, memory.
    Overhead(overhead::Arguments),
    /// From the start of three processes to the first answer.
    Startup(startup::Arguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let goals = match &arguments.bench {
        Bench::Overhead(each) => overhead::run(each).await,
        Bench::Startup(each) => startup::run(each).await,
    };
    match goals {
        Ok(goals) => report::finish(&goals, arguments.goal),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(4)
        }
    }
}
