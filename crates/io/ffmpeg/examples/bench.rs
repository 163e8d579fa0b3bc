//! Prints where the CPU time of one segment goes:
//! `cargo run -p streamflow-ffmpeg --example bench -- FILE [THREADS [PRESET [ROUNDS]]]`.
//! The ladder is 720p 2.5 Mbit/s, 480p 1.2, 360p 0.8, 240p 0.4, at the source's rate.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use streamflow_ffmpeg::{Control, Settings, StageTimes, decode_check, transcode};
use streamflow_types::{Container, FrameRate, Gop, Profile, Work};

const LADDER: [(u32, u32, u32); 4] = [
    (1280, 720, 2_500_000),
    (854, 480, 1_200_000),
    (640, 360, 800_000),
    (426, 240, 400_000),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(source) = arguments.first().and_then(|path| std::fs::read(path).ok()) else {
        eprintln!("usage: bench FILE [THREADS [PRESET [ROUNDS]]]");
        return ExitCode::FAILURE;
    };
    let number = |place: usize, default| {
        arguments
            .get(place)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let mut settings = Settings::default();
    if let Some(preset) = arguments.get(2) {
        settings.preset.clone_from(preset);
    }
    let profiles = LADDER.map(|(width, height, bitrate)| Profile {
        container: Some(Container::MpegTs),
        gop: Gop::Every(Duration::from_secs(2)),
        ..Profile::new(
            &format!("{height}p"),
            width,
            height,
            bitrate,
            FrameRate::SOURCE,
        )
    });
    let work = Work::new(profiles.to_vec());
    println!("    open  decode   scale  encode     mux   total process    wall  [ms]");
    for round in 0..number(3, 3) {
        let started = Instant::now();
        let product = match transcode(&source, &work, &settings, &Control::new(number(1, 2))) {
            Ok(product) => product,
            Err(failure) => {
                eprintln!("{failure}");
                return ExitCode::FAILURE;
            }
        };
        print_times(&product.stages, started.elapsed());
        if round == 0 {
            for (profile, rendition) in work.profiles.iter().zip(&product.renditions) {
                let report = decode_check(&rendition.bytes).unwrap_or_default();
                println!(
                    "  {:>5} {}x{} {} pictures, {} bytes, pixels {}",
                    profile.name,
                    report.width,
                    report.height,
                    report.frames,
                    rendition.bytes.len(),
                    if report.pixels == rendition.pixels {
                        "exact"
                    } else {
                        "WRONG"
                    },
                );
            }
        }
    }
    ExitCode::SUCCESS
}

fn print_times(times: &StageTimes, wall: Duration) {
    let columns = [
        times.open,
        times.decode,
        times.scale,
        times.encode,
        times.mux,
        times.total(),
        times.process,
        wall,
    ];
    let line: Vec<String> = columns
        .iter()
        .map(|time| format!("{:>7.1}", time.as_secs_f64() * 1000.0))
        .collect();
    println!(" {}", line.join(" "));
}
