//! Where the CPU time of segments goes, as `cargo xtask bench transcode` asks for it:
//! `cargo run --release -p streamflow-ffmpeg --example stages -- PRESET THREADS WxH:BITRATE,… FILE…`.
//!
//! Each segment is transcoded as ever and then one stage after another, which tells what decoding
//! and encoding cost alone. Prints one JSON object; times are milliseconds a segment.

use std::process::ExitCode;
use std::time::Duration;

use streamflow_ffmpeg::{Control, Product, Settings, keep_memory, transcode, transcode_in_turn};
use streamflow_types::{Container, FrameRate, Gop, Profile, Work};

fn main() -> ExitCode {
    keep_memory();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match measure(&arguments) {
        Some(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("usage: stages PRESET THREADS WxH:BITRATE,… FILE…");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &[String]) -> Option<String> {
    let [preset, threads, ladder, files @ ..] = arguments else {
        return None;
    };
    let threads: usize = threads.parse().ok()?;
    let profiles = ladder.split(',').map(profile).collect::<Option<Vec<_>>>()?;
    let work = Work::new(profiles);
    let settings = Settings {
        preset: preset.clone(),
        ..Settings::default()
    };
    let (mut usual, mut alone) = (Vec::new(), Vec::new());
    for file in files {
        let source = std::fs::read(file).ok()?;
        let together = transcode(&source, &work, &settings, &Control::new(threads));
        usual.push(
            together
                .inspect_err(|failure| eprintln!("{failure}"))
                .ok()?,
        );
        let in_turn = transcode_in_turn(&source, &work, &settings);
        alone.push(in_turn.inspect_err(|failure| eprintln!("{failure}")).ok()?);
    }
    Some(format!(
        "{{\"usual\": {}, \"alone\": {}}}",
        stages(&usual),
        stages(&alone)
    ))
}

/// The mean of some segments, as JSON.
fn stages(products: &[Product]) -> String {
    let mean = |time: &dyn Fn(&Product) -> Duration| {
        let sum: Duration = products.iter().map(time).sum();
        sum.as_secs_f64() * 1000.0 / products.len() as f64
    };
    let renditions = products.first().map_or(0, |product| product.lines.len());
    let encode: Vec<String> = (0..renditions)
        .map(|place| format!("{:.2}", mean(&|product| product.lines[place].encode)))
        .collect();
    format!(
        "{{\"open\": {:.2}, \"decode\": {:.2}, \"scale\": {:.2}, \"encode\": [{}], \"mux\": {:.2}, \"process\": {:.2}}}",
        mean(&|product| product.stages.open),
        mean(&|product| product.stages.decode),
        mean(&|product| product.stages.scale),
        encode.join(", "),
        mean(&|product| product.stages.mux),
        mean(&|product| product.stages.process),
    )
}

fn profile(rung: &str) -> Option<Profile> {
    let (size, bitrate) = rung.split_once(':')?;
    let (width, height) = size.split_once('x')?;
    Some(Profile {
        container: Some(Container::MpegTs),
        gop: Gop::Every(Duration::from_secs(2)),
        ..Profile::new(
            size,
            width.parse().ok()?,
            height.parse().ok()?,
            bitrate.parse().ok()?,
            FrameRate::SOURCE,
        )
    })
}
