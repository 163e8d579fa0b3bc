//! Watches one stream from outside and judges every segment: the checker behind `./demo --check`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use streamflow_e2e::judge::{self, Expected, SOURCE};
use streamflow_e2e::reader::Reader;
use streamflow_e2e::report;

/// Reads a stream like a player that fetches everything, then decodes and compares it all.
///
/// Prints a table and, as the last line, one JSON object. Exits 1 when a segment was lost.
#[derive(Parser)]
struct Arguments {
    /// The master playlist, for example http://127.0.0.1:9935/stream/demo.m3u8
    url: String,
    /// How long to watch, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// A rendition that must be there, as NAME or NAME=WxH. Give it once for each.
    #[arg(long = "rendition", required = true)]
    renditions: Vec<String>,
    /// Fail too when the median from source to last rendition is above this many milliseconds.
    #[arg(long)]
    median_ms: Option<u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(4)
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let expected = arguments
        .renditions
        .iter()
        .map(|text| parse(text))
        .collect::<Result<Vec<_>, _>>()?;
    let reader = Reader::new(&arguments.url)?;
    reader
        .wait_for(expected.len() + 1, Duration::from_secs(60))
        .await?;
    eprintln!("watching {} for {} s", arguments.url, arguments.seconds);
    let until = Instant::now() + Duration::from_secs(arguments.seconds);
    let seen = reader.read(until).await?;
    let verdicts = judge::judge(&seen, &expected, until).await?;
    let findings = streamflow_e2e::playlists::validate(&seen);
    let mut summary = report::summarise(&verdicts, &seen, findings);
    if let Some(limit) = arguments.median_ms
        && summary.latency_ms.median > limit
    {
        let median = summary.latency_ms.median;
        summary.faults.push(format!(
            "median {median} ms is above the limit of {limit} ms"
        ));
        summary.ok = false;
    }
    print!("{summary}");
    println!("{}", serde_json::to_string(&summary)?);
    Ok(summary.ok)
}

fn parse(text: &str) -> anyhow::Result<Expected> {
    let Some((name, size)) = text.split_once('=') else {
        anyhow::ensure!(text != SOURCE, "the source is always watched");
        return Ok(Expected {
            name: text.to_owned(),
            size: None,
        });
    };
    let (width, height) = size.split_once('x').context("a size is WxH")?;
    Ok(Expected {
        name: name.to_owned(),
        size: Some((width.parse()?, height.parse()?)),
    })
}
