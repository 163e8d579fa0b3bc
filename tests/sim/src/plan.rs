//! What is simulated, and the file format that keeps it.

use std::num::ParseIntError;
use std::time::Duration;

/// How long segments play.
pub(crate) const DURATION: Duration = Duration::from_secs(2);

/// How long they are waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(6);

/// The size of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Streams of one gateway.
    pub streams: u64,
    /// Orchestrators.
    pub orchestrators: u64,
    /// Transcoders of each.
    pub transcoders: u64,
    /// Segments of all streams in the phase with faults.
    pub segments: u64,
    /// Mean time between two faults.
    pub fault_gap_ms: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            streams: 50,
            orchestrators: 3,
            transcoders: 3,
            segments: 1_000_000,
            fault_gap_ms: 10_000,
        }
    }
}

/// Why a file or a command line names no run.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A line is not `name = number`: write it so, or begin it with `#`.
    #[error("line {0}: expected `name = number` or a comment that begins with #")]
    Line(usize),
    /// A name means nothing: use one of those listed.
    #[error(
        "line {line}: unknown name `{name}`, known are seed, streams, orchestrators, transcoders, \
         segments, fault_gap_ms"
    )]
    Name {
        /// Where.
        line: usize,
        /// What stands there.
        name: String,
    },
    /// A number is none.
    #[error("line {line}: {name} must be a whole number: {source}")]
    Number {
        /// Where.
        line: usize,
        /// Which.
        name: String,
        /// What is wrong with it.
        source: ParseIntError,
    },
    /// There is no `seed = number`.
    #[error("no line `seed = number`")]
    NoSeed,
    /// A number is outside its range.
    #[error("{name} must be {least} to {most}, not {value}")]
    Range {
        /// Which.
        name: &'static str,
        /// Lowest.
        least: u64,
        /// Highest.
        most: u64,
        /// What it is.
        value: u64,
    },
}

impl Plan {
    /// Reads a file of `tests/sim/seeds`: its seed, and a plan with the defaults for what it does
    /// not name.
    pub fn parse(text: &str) -> Result<(u64, Self), PlanError> {
        let (mut seed, mut plan) = (None, Self::default());
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = line.split_once('=').ok_or(PlanError::Line(index + 1))?;
            let name = name.trim();
            let number = value.trim().parse().map_err(|source| PlanError::Number {
                line: index + 1,
                name: name.to_owned(),
                source,
            })?;
            match name {
                "seed" => seed = Some(number),
                "streams" => plan.streams = number,
                "orchestrators" => plan.orchestrators = number,
                "transcoders" => plan.transcoders = number,
                "segments" => plan.segments = number,
                "fault_gap_ms" => plan.fault_gap_ms = number,
                _ => {
                    return Err(PlanError::Name {
                        line: index + 1,
                        name: name.to_owned(),
                    });
                }
            }
        }
        let seed = seed.ok_or(PlanError::NoSeed)?;
        Ok((seed, plan.checked()?))
    }

    /// This plan, if it can be run.
    pub fn checked(self) -> Result<Self, PlanError> {
        let ranges = [
            ("streams", self.streams, 1, 10_000),
            ("orchestrators", self.orchestrators, 1, 64),
            ("transcoders", self.transcoders, 1, 64),
            ("segments", self.segments, 1, 1_000_000_000),
            ("fault_gap_ms", self.fault_gap_ms, 1, 86_400_000),
        ];
        for (name, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(PlanError::Range {
                    name,
                    least,
                    most,
                    value,
                });
            }
        }
        Ok(self)
    }

    /// How long faults come.
    pub(crate) fn length(&self) -> Duration {
        let rounds = self.segments.div_ceil(self.streams.max(1));
        DURATION.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX))
    }
}
