//! `streamflow-worker`: a child process of a node that decodes and encodes foreign video, one
//! segment at a time, and can do nothing else. It talks to the node over its standard input.
//!
//! Order matters here: what needs rights comes first, then every right is given up, and only then
//! does the first foreign byte arrive.

mod escape;
mod sandbox;
mod serve;

use std::process::ExitCode;

use anyhow::{Context, bail};

/// How the program was called.
struct Arguments {
    memory_bytes: u64,
    escape_test: bool,
}

/// Address space when the node names none.
const DEFAULT_MEMORY_BYTES: u64 = 6 << 30;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("streamflow-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let arguments = arguments()?;
    streamflow_ffmpeg::keep_memory();
    let mut sandbox = sandbox::enter();
    // The libraries initialise their codecs, and load what they load late, while files can still
    // be opened. No foreign byte is involved.
    let probe = streamflow_ffmpeg::probe().context("FFmpeg on this machine cannot be used")?;
    sandbox.seal(arguments.memory_bytes);
    if arguments.escape_test {
        return escape::report(&sandbox);
    }
    serve::serve(sandbox, probe)
}

fn arguments() -> anyhow::Result<Arguments> {
    let mut arguments = Arguments {
        memory_bytes: DEFAULT_MEMORY_BYTES,
        escape_test: false,
    };
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--memory-bytes" => {
                let bytes = given.next().context("--memory-bytes needs a number")?;
                arguments.memory_bytes = bytes
                    .parse()
                    .with_context(|| format!("--memory-bytes {bytes}"))?;
            }
            "--escape-test" => arguments.escape_test = true,
            other => bail!("{other} is unknown; this program is started by a node, not by hand"),
        }
    }
    Ok(arguments)
}
