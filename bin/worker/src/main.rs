//! `streamflow-worker`: a child process of a node that decodes and encodes foreign video, one
//! segment at a time, and can do nothing else. It talks to the node over its standard input.
//!
//! Order matters here: what needs rights comes first, then every right is given up, and only then
//! does the first foreign byte arrive.

mod card;
mod escape;
mod sandbox;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};

/// How the program was called.
struct Arguments {
    memory_bytes: u64,
    escape_test: bool,
    /// Set for the worker of a graphics card: the card's own device node, where it is known.
    card: Option<Option<PathBuf>>,
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
    let mut sandbox = sandbox::enter();
    let nodes = arguments.card.as_ref().map(Option::as_deref);
    if let Some(node) = nodes {
        // The driver's own threads start with the card, and must find this in force.
        sandbox.fence_driver(node);
    }
    // The libraries initialise their codecs, and load what they load late, while files can still
    // be opened. No foreign byte is involved.
    let probe = streamflow_ffmpeg::probe().context("FFmpeg on this machine cannot be used")?;
    let Some(node) = nodes else {
        sandbox.seal(arguments.memory_bytes);
        if arguments.escape_test {
            return escape::report(&sandbox);
        }
        return serve::serve(sandbox, &probe, None);
    };
    let opened = card::open();
    sandbox.seal_for_card(node);
    if arguments.escape_test {
        return escape::report(&sandbox);
    }
    let tried = card::try_sealed(opened);
    serve::serve(sandbox, &probe, Some(tried))
}

fn arguments() -> anyhow::Result<Arguments> {
    let mut arguments = Arguments {
        memory_bytes: DEFAULT_MEMORY_BYTES,
        escape_test: false,
        card: None,
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
            "--card" => arguments.card = arguments.card.or(Some(None)),
            "--card-node" => {
                let node = given.next().context("--card-node needs a path")?;
                arguments.card = Some(Some(node.into()));
            }
            "--escape-test" => arguments.escape_test = true,
            other => bail!("{other} is unknown; this program is started by a node, not by hand"),
        }
    }
    Ok(arguments)
}
