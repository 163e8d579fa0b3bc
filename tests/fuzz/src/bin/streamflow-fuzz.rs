//! Runs targets for a number of executions on all cores, and keeps what breaks them.
//!
//! Mutations are blind, so a campaign is long: ten million executions a target. What it finds goes
//! to the folder of findings; a finding that is mended belongs into the corpus.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use streamflow_fuzz::mutate::{Random, mutated, seeds};
use streamflow_fuzz::targets::{TARGETS, Target};

/// An execution that takes longer has found something too.
const SLOW: Duration = Duration::from_secs(1);

/// Executions a thread takes at a time.
const BATCH: u64 = 10_000;

/// Runs fuzz targets and keeps what breaks them.
#[derive(Parser)]
struct Arguments {
    /// Only these targets; all where none is named.
    targets: Vec<String>,
    /// Executions of each target.
    #[arg(long, default_value_t = 10_000_000)]
    executions: u64,
    /// Another seed gives other inputs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where inputs that break a target are kept.
    #[arg(long, default_value = "target/fuzz-findings")]
    findings: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let unknown = |name: &&String| TARGETS.iter().all(|(target, _)| target != name);
    if let Some(name) = arguments.targets.iter().find(unknown) {
        let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!(
            "error: there is no target {name}; there are {}",
            known.join(", ")
        );
        return ExitCode::from(2);
    }
    // A finding is reported once, with its input, instead of a trace for each.
    std::panic::set_hook(Box::new(|_| {}));
    let mut found = 0;
    for (name, target) in TARGETS {
        if arguments.targets.is_empty() || arguments.targets.iter().any(|wanted| wanted == name) {
            match campaign(name, *target, &arguments) {
                Ok(findings) => found += findings,
                Err(error) => {
                    eprintln!("error: {name}: {error}");
                    return ExitCode::from(2);
                }
            }
        }
    }
    if found == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn campaign(name: &str, target: Target, arguments: &Arguments) -> std::io::Result<u64> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let seeds = seeds(&corpus)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let (taken, found) = (AtomicU64::new(0), AtomicU64::new(0));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let from = taken.fetch_add(BATCH, Ordering::Relaxed);
                    if from >= arguments.executions {
                        return;
                    }
                    // A batch hangs on its number alone, whichever thread takes it.
                    let mut random = Random::new(arguments.seed ^ from.rotate_left(20));
                    for _ in 0..BATCH.min(arguments.executions - from) {
                        let input = mutated(&seeds, &mut random);
                        if let Some(what) = breaks(target, &input) {
                            found.fetch_add(1, Ordering::Relaxed);
                            keep(&arguments.findings, name, what, &input);
                        }
                    }
                }
            });
        }
    });
    let (found, took) = (found.into_inner(), started.elapsed().as_secs_f64());
    let rate = arguments.executions as f64 / took.max(0.001);
    let executions = arguments.executions;
    println!("{name:<20} {executions:>10} executions  {rate:>9.0}/s  {found} findings");
    Ok(found)
}

fn breaks(target: Target, input: &[u8]) -> Option<&'static str> {
    let started = Instant::now();
    let ended = catch_unwind(AssertUnwindSafe(|| target(input)));
    if ended.is_err() {
        return Some("panic");
    }
    (started.elapsed() > SLOW).then_some("slow")
}

fn keep(folder: &Path, name: &str, what: &str, input: &[u8]) {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in input {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    }
    let path = folder.join(name).join(format!("{what}-{hash:016x}"));
    let kept =
        std::fs::create_dir_all(folder.join(name)).and_then(|()| std::fs::write(&path, input));
    match kept {
        Ok(()) => println!("{name}: {what}: {}", path.display()),
        Err(error) => eprintln!(
            "{name}: {what}, and {} cannot be written: {error}",
            path.display()
        ),
    }
}
