//! What developers and CI run besides `cargo`: checks, benchmarks and long campaigns.

mod bench;
mod check;
mod contracts;
mod fuzz;
mod sim;
mod tidy;
mod workers;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};

/// Checks, benchmarks and long campaigns of the project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// What things cost, held against a limit; build with --release.
    Bench(bench::Arguments),
    /// Format, lints, structure and generated files: what must hold for every commit.
    Check,
    /// The contracts' tests at length: 10,000 fuzz runs, 2,560 sequences of 100 calls for every invariant.
    Contracts,
    /// Long fuzzing: ten million executions of every target, or what `-- --help` offers.
    #[command(disable_help_flag = true)]
    Fuzz {
        /// Goes to the fuzzer: targets, `--executions N`, `--seed N`, `--findings FOLDER`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// The market under a seed: orchestrators that die, hang and lie, in virtual time.
    Sim(sim::Arguments),
    /// Kill, stop, starve and garble real workers, 100 times each, and send 1,000 segments through.
    Workers(workers::Arguments),
    /// Structure alone: tiers, sizes of files and functions, names, words that do not belong.
    Tidy,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Check => check::run(&root()),
        Task::Contracts => contracts::run(&root()),
        Task::Fuzz { arguments } => fuzz::run(&root(), &arguments),
        Task::Sim(arguments) => sim::run(&arguments),
        Task::Tidy => tidy::run(&root()),
        Task::Workers(arguments) => workers::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Cargo, as a person at the root would call it. What the cargo that runs this program has told it
/// about this program is taken away: build scripts that look at such variables would run again, and
/// what depends on them would be built again, here and after the next call by a person.
fn cargo() -> Command {
    let mut command = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        let is_about_us = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
        ]
        .iter()
        .any(|start| name.to_string_lossy().starts_with(start));
        if is_about_us {
            command.env_remove(name);
        }
    }
    command.current_dir(root());
    command
}

/// The repository's root, which is the parent of this package.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask has a parent folder")
        .to_owned()
}
