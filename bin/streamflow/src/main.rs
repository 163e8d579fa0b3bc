//! The node and its command line.
//!
//! `cli` reads the arguments, `config` lays settings over each other, `assemble` builds what the
//! roles need and runs them, `commands` holds one file for each verb. Nothing below this program
//! reads arguments, environment or configuration files.

mod assemble;
mod cli;
mod commands;
mod compat;
mod config;
mod control;
mod failure;
mod node;
mod output;
mod ports;
mod units;

use std::process::ExitCode;

use failure::{Exit, Failure};
use output::Output;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    commands::devnet::follow_supervisor(std::env::var_os(commands::devnet::MEMBER).is_some());
    // Fails only when called twice.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let invocation = match cli::read(&arguments, |name| std::env::var(name).ok()) {
        Ok(invocation) => invocation,
        Err(cli::ReadError::Answer(error)) => {
            // Help and version are answers on standard output; the rest is a usage error.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
        Err(cli::ReadError::Failure { failure, output }) => return fail(output, &failure),
    };
    let output = invocation.output;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads())
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(commands::run(invocation));
            // Blocking work that hangs, as on a dead disk, must not hold up the end.
            runtime.shutdown_timeout(std::time::Duration::from_millis(500));
            outcome
        }
        Err(error) => Err(Failure::new(Exit::Unexpected, "runtime", error).into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(output, &Failure::from_error(error)),
    }
}

/// Threads that move bytes and messages: half the cores, for the other half encodes. More of them on
/// the same cores only wake each other: two instead of one on two cores cost a tenth more CPU a segment.
fn threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.div_ceil(2)
}

fn fail(output: Output, failure: &Failure) -> ExitCode {
    output.failure(failure);
    ExitCode::from(failure.exit as u8)
}
