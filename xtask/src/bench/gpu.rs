//! What a card carries: 1, 2, 4 … streams at once through the node's own fleet of workers, each with
//! the ladder of the other bench, against the processor of the same machine in the same run.
//!
//! The source is the film beside the tests, so nothing but this repository, a driver and FFmpeg's
//! libraries has to be there. Card, driver and figures are printed for people and as one JSON line.
//! Without a card it fails and says what is missing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use clap::Args;
use serde_json::{Value, json};
use streamflow_engine::protocol::{DeviceFacts, Layer};
use streamflow_engine::{DeviceState, DevicesConfig, Fleet, Job, Pool, PoolConfig, Transcoder};
use streamflow_runtime::Metrics;
use streamflow_types::{
    Container, FrameRate, Gop, ManifestId, Profile, SegmentNumber, SessionId, Work,
};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Figure;
use super::transcode::{Cpu, LADDER, build, median_and_spread, spent};

/// 720p30, four seconds, with B-frames and sound.
const FILM: &str = "tests/media/bunny-720p30.ts";
const FILM_TIME: Duration = Duration::from_secs(4);
const FILM_FRAMES: u64 = 120;

/// The most of real time a stream may take, so that a burst does not make it late.
const BUSY_SHARE: f64 = 0.8;

/// What is measured.
#[derive(Args)]
pub(super) struct Arguments {
    /// The card, such as nvidia:0.
    #[arg(long, default_value = "nvidia:0")]
    device: String,
    /// Numbers of streams at once.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4, 8, 16])]
    streams: Vec<u8>,
    /// Segments of each stream.
    #[arg(long, default_value_t = 7)]
    rounds: u32,
    /// The preset of x264, where the processor encodes.
    #[arg(long, default_value = "veryfast")]
    preset: String,
    /// A worker program that is built already.
    #[arg(long)]
    worker: Option<PathBuf>,
}

/// What some streams at once took.
struct Row {
    streams: u8,
    /// Time of each segment as a part of real time, in order.
    ratios: Vec<f64>,
    cpu: Cpu,
    wall: Duration,
    on_card: f64,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Figure> {
    ensure!(arguments.rounds > 0, "--rounds must be at least 1");
    let root = crate::root();
    let film = Bytes::from(std::fs::read(root.join(FILM)).context(FILM)?);
    let worker = match &arguments.worker {
        Some(worker) => worker.clone(),
        None => build(&root)?,
    };
    let runtime = Runtime::new()?;
    runtime.block_on(async {
        let metrics = Metrics::new();
        let mut config = PoolConfig::new(worker, metrics.clone());
        arguments.preset.clone_into(&mut config.preset);
        config.allow_missing_layers = [
            Layer::UserNamespace,
            Layer::NetworkNamespace,
            Layer::IpcNamespace,
            Layer::Landlock,
        ]
        .into();
        let pool = Arc::new(Pool::start(config).await?);
        let mut devices = DevicesConfig::new(arguments.device.parse()?);
        let libraries = std::env::var_os("LD_LIBRARY_PATH");
        devices
            .environment
            .extend(libraries.map(|path| ("LD_LIBRARY_PATH".into(), path)));
        let fleet = Arc::new(Fleet::start(pool.clone(), devices).await);
        let facts = facts(&fleet)?;
        let driver = driver();
        println!(
            "{}, driver {driver}, CUDA {}, {} MiB; encoders: {}; x264 {}",
            facts.name,
            facts.cuda,
            facts.memory_bytes >> 20,
            if facts.encodes() { "the card's" } else { "the processor's" },
            arguments.preset
        );
        println!("  streams  by         p50   p95   p99 of real time   segments/s   CPU ms/segment   pictures by card");
        let mut rows = Vec::new();
        for streams in &arguments.streams {
            let card = measure(fleet.clone(), &metrics, &film, *streams, arguments.rounds).await?;
            let processor =
                measure(pool.clone(), &metrics, &film, *streams, arguments.rounds).await?;
            for (row, by) in [(&card, "card"), (&processor, "processor")] {
                row.print(by);
                rows.push(row.json(by));
            }
            if card.part(95) > 2.0 && processor.part(95) > 2.0 {
                println!("  more streams would only wait");
                break;
            }
        }
        conclude(&facts, &driver, rows)
    })
}

/// The card, or what keeps it from being used.
fn facts(fleet: &Fleet) -> anyhow::Result<DeviceFacts> {
    let card = fleet
        .devices()
        .into_iter()
        .next()
        .context("no card was named")?;
    match card.state {
        DeviceState::Up(_, facts) => Ok(facts),
        DeviceState::Down(refusal) => {
            bail!(
                "{} cannot be used: {}: {}",
                card.name,
                refusal.code,
                refusal.reason
            )
        }
        DeviceState::Starting => bail!("{} does not answer", card.name),
    }
}

/// The kernel module's version, where it tells.
fn driver() -> String {
    let text = std::fs::read_to_string("/proc/driver/nvidia/version").unwrap_or_default();
    let words = text.split_whitespace();
    let mut versions = words.filter(|word| word.split('.').count() >= 2);
    versions
        .find(|word| word.chars().all(|c| c.is_ascii_digit() || c == '.'))
        .unwrap_or("unknown")
        .to_owned()
}

/// So many streams at once, each `rounds` segments one after another.
async fn measure(
    transcoder: Arc<dyn Transcoder>,
    metrics: &Metrics,
    film: &Bytes,
    streams: u8,
    rounds: u32,
) -> anyhow::Result<Row> {
    let by_card = metrics.counter(
        "streamflow_device_frames_total",
        &[("device", "nvidia:0"), ("decoded_by", "card")],
    );
    let (before, frames, started) = (spent()?, by_card.value(), Instant::now());
    let mut running = JoinSet::new();
    for stream in 0..streams {
        let (transcoder, film) = (transcoder.clone(), film.clone());
        running.spawn(async move {
            let session = SessionId::from_random([0, 0, 1, stream]);
            let mut ratios = Vec::new();
            for number in 0..rounds {
                let outcome = transcoder.transcode(job(&film, &session, number)).await?;
                ensure!(
                    outcome.decoded_frames == FILM_FRAMES,
                    "pictures are missing"
                );
                ratios.push(outcome.took.as_secs_f64() / FILM_TIME.as_secs_f64());
            }
            transcoder.end_session(&session).await;
            anyhow::Ok(ratios)
        });
    }
    let mut ratios = Vec::new();
    while let Some(done) = running.join_next().await {
        ratios.extend(done??);
    }
    ratios.sort_by(f64::total_cmp);
    let after = spent()?;
    Ok(Row {
        streams,
        ratios,
        cpu: Cpu {
            user: after.user.saturating_sub(before.user),
            system: after.system.saturating_sub(before.system),
        },
        wall: started.elapsed(),
        on_card: by_card.value() - frames,
    })
}

impl Row {
    /// The ratio below which so many per cent of the segments are.
    fn part(&self, percent: usize) -> f64 {
        let place = (self.ratios.len() * percent / 100).min(self.ratios.len().saturating_sub(1));
        self.ratios.get(place).copied().unwrap_or(f64::NAN)
    }

    fn segments_a_second(&self) -> f64 {
        self.ratios.len() as f64 / self.wall.as_secs_f64().max(1e-3)
    }

    fn cpu_ms(&self) -> f64 {
        let cpu = self.cpu.user + self.cpu.system;
        cpu.as_secs_f64() * 1000.0 / self.ratios.len().max(1) as f64
    }

    fn print(&self, by: &str) {
        println!(
            "{:>9}  {by:<9}{:>6.2}{:>6.2}{:>6.2}{:>26.2}{:>17.0}{:>19.0}",
            self.streams,
            self.part(50),
            self.part(95),
            self.part(99),
            self.segments_a_second(),
            self.cpu_ms(),
            self.on_card
        );
    }

    fn json(&self, by: &str) -> Value {
        json!({
            "streams": self.streams, "by": by, "p50": self.part(50), "p95": self.part(95),
            "p99": self.part(99), "segments_per_s": self.segments_a_second(),
            "cpu_ms_per_segment": self.cpu_ms(), "pictures_by_card": self.on_card,
        })
    }
}

/// The most streams within the busy share, and what the card saves of the processor's time.
fn conclude(facts: &DeviceFacts, driver: &str, rows: Vec<Value>) -> anyhow::Result<Figure> {
    let carried = |by: &str| {
        let fit = rows.iter().filter(|row| row["by"] == by);
        let fit = fit.filter(|row| row["p95"].as_f64().is_some_and(|p95| p95 <= BUSY_SHARE));
        fit.filter_map(|row| row["streams"].as_u64())
            .max()
            .unwrap_or(0)
    };
    let (card, processor) = (carried("card"), carried("processor"));
    println!(
        "streams at {BUSY_SHARE} of real time or less: {card} with the card, {processor} without"
    );
    let cpu = |by: &str| {
        let of = rows.iter().filter(|row| row["by"] == by);
        of.filter_map(|row| row["cpu_ms_per_segment"].as_f64())
            .collect::<Vec<_>>()
    };
    let mut ratios: Vec<f64> = cpu("card")
        .iter()
        .zip(cpu("processor"))
        .map(|(card, processor)| card / processor)
        .collect();
    let n = ratios.len();
    let (ours, spread) = median_and_spread(&mut ratios);
    println!(
        "{}",
        json!({
            "card": facts.name, "uuid": facts.uuid, "driver": driver, "cuda": facts.cuda,
            "encoders": facts.encoders, "streams_with_card": card, "streams_without": processor,
            "rows": rows,
        })
    );
    Ok(Figure {
        name: "CPU of a segment with the card against without",
        ours,
        limit: 1.0,
        n,
        spread,
    })
}

fn job(film: &Bytes, session: &SessionId, number: u32) -> Job {
    let profiles = LADDER.map(|(name, width, height, bitrate)| Profile {
        container: Some(Container::MpegTs),
        gop: Gop::Every(Duration::from_secs(2)),
        ..Profile::new(name, width, height, bitrate, FrameRate::SOURCE)
    });
    Job {
        session: session.clone(),
        manifest: ManifestId::new("bench").expect("a short name is an id"),
        number: SegmentNumber(number.into()),
        duration: FILM_TIME,
        source: film.clone(),
        work: Work::new(profiles.to_vec()),
        deadline: Instant::now() + Duration::from_secs(300),
    }
}
