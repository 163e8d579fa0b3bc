//! `streamflow doctor`: looks for what would keep a node of this machine from working. Each finding
//! says what was found, and, unless all is well, why that is so and what to do about it. It opens
//! nothing to the outside and changes nothing.

mod cards;
mod clock;
mod disk;
mod graphics;
mod media;
mod ports;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Value, json};

use crate::assemble;
use crate::config::{Config, Layers, Level, keys};
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// What to look at, and where to write it.
#[derive(Args, Clone, Debug)]
pub(crate) struct DoctorArgs {
    /// Look at this alone; repeat for more
    #[arg(long, value_name = "CHECK", value_enum, value_delimiter = ',')]
    only: Vec<Check>,
    /// The roles this machine is meant to have [default: all]
    #[arg(long, value_name = "LIST", value_enum, value_delimiter = ',')]
    role: Vec<Subject>,
    /// Write everything found, as JSON, for a fault report; secrets are not in it
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Something that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Check {
    Config,
    Ports,
    Clock,
    Disk,
    Ffmpeg,
    Gpu,
}

/// A role the machine may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Subject {
    Gateway,
    Orchestrator,
    Transcoder,
}

/// How a finding is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// As it should be.
    Ok,
    /// Good to know; nothing has to be done.
    Note,
    /// Works, with less than it could.
    Warning,
    /// A node would not start or not work.
    Failed,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    check: Check,
    state: State,
    found: String,
    cause: String,
    fix: String,
}

impl Finding {
    fn ok(check: Check, found: impl Into<String>) -> Self {
        Self::new(check, State::Ok, found, "", "")
    }

    fn new(
        check: Check,
        state: State,
        found: impl Into<String>,
        cause: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        let (found, cause, fix) = (found.into(), cause.into(), fix.into());
        Self {
            check,
            state,
            found,
            cause,
            fix,
        }
    }
}

/// Looks, prints, and fails with exit 7 when something has to be mended. `broken_file` is what is
/// wrong with the configuration file where it could not be read at all.
pub(crate) async fn run(
    arguments: &DoctorArgs,
    layers: &Layers,
    broken_file: Option<&Failure>,
    output: Output,
) -> anyhow::Result<()> {
    let wanted = |check| arguments.only.is_empty() || arguments.only.contains(&check);
    let read = Config::read(layers);
    let mut findings = Vec::new();
    if wanted(Check::Config) {
        findings.push(settings(broken_file, read.as_ref()));
    }
    // The rest is looked at with the defaults where the settings cannot be read.
    let config = match read {
        Ok(config) => config,
        Err(_) => Config::read(&Layers::default()).expect("the defaults are right"),
    };
    if wanted(Check::Ports) {
        findings.extend(ports::look(&config, &arguments.role));
    }
    if wanted(Check::Clock) {
        findings.push(clock::look());
    }
    if wanted(Check::Disk) {
        findings.push(disk::look(&config.node.folder(), config.gateway.disk.0));
    }
    if wanted(Check::Ffmpeg) {
        findings.extend(media::look(&config.engine).await);
    }
    if wanted(Check::Gpu) {
        findings.push(graphics::look(Path::new("/")));
        findings.extend(cards::look(&config.engine).await);
    }
    if let Some(file) = &arguments.report {
        write_report(file, &report(layers, &findings))?;
        output.note(&format!("written to {}", file.display()));
    }
    conclude(&findings, output)
}

fn settings(
    broken_file: Option<&Failure>,
    read: Result<&Config, &crate::config::ConfigError>,
) -> Finding {
    let fix = "correct it; streamflow config reference lists every setting";
    let failed = |problem: String, fix: &str| {
        let found = "the configuration is wrong";
        Finding::new(Check::Config, State::Failed, found, problem, fix)
    };
    match (broken_file, read) {
        (Some(failure), _) => failed(failure.message.clone(), fix),
        (None, Err(error)) => failed(error.to_string(), fix),
        (None, Ok(config)) => match assemble::check_files(config) {
            Ok(()) => Finding::ok(Check::Config, "the configuration is right"),
            Err(failure) if failure.hint.is_empty() => failed(failure.message, fix),
            Err(failure) => failed(failure.message, &failure.hint),
        },
    }
}

fn conclude(findings: &[Finding], output: Output) -> anyhow::Result<()> {
    let failed = findings
        .iter()
        .filter(|finding| finding.state == State::Failed)
        .count();
    if failed == 0 {
        output.data(&findings, || show(findings));
        return Ok(());
    }
    if !output.json {
        output.data(&findings, || show(findings));
    }
    let message = match failed {
        1 => "1 check failed".to_owned(),
        failed => format!("{failed} checks failed"),
    };
    let mut failure = Failure::new(Exit::Check, "doctor", message);
    failure.data = serde_json::to_value(findings).ok();
    Err(failure.into())
}

fn show(findings: &[Finding]) -> String {
    let mut lines = Vec::new();
    for finding in findings {
        let state = match finding.state {
            State::Ok => "ok",
            State::Note => "note",
            State::Warning => "warning",
            State::Failed => "FAILED",
        };
        let check = finding.check.to_possible_value();
        let check = check.as_ref().map_or("", |value| value.get_name());
        lines.push(format!("{check:<8}{state:<9}{}", finding.found));
        for (name, text) in [("cause", &finding.cause), ("fix", &finding.fix)] {
            if !text.is_empty() {
                lines.push(format!("{:<17}{name}: {text}", ""));
            }
        }
    }
    lines.join("\n")
}

/// What somebody else needs to understand this machine.
fn report(layers: &Layers, findings: &[Finding]) -> Value {
    let system = rustix::system::uname();
    let settings: Vec<_> = keys()
        .filter(|key| key.level != Level::Hidden)
        .map(|key| (key, layers.shown(key)))
        .filter(|(_, (_, origin))| *origin != crate::config::Origin::Default)
        .map(|(key, (value, origin))| {
            json!({"key": key.path(), "value": value, "origin": origin.to_string()})
        })
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "system": system.sysname().to_string_lossy(),
        "release": system.release().to_string_lossy(),
        "machine": system.machine().to_string_lossy(),
        "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        "memory_bytes": memory_bytes().map(|bytes| bytes.to_string()),
        "settings": settings,
        "findings": findings,
    })
}

fn memory_bytes() -> Option<u64> {
    let facts = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = facts.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

fn write_report(file: &Path, report: &Value) -> Result<(), Failure> {
    let text = format!("{report:#}\n");
    std::fs::write(file, text).map_err(|error| {
        Failure::usage("report", format!("{}: {error}", file.display()))
            .hint("name a file this user may write with --report")
    })
}
