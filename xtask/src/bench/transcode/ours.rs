//! Our side: the pool of workers as a node has it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use streamflow_engine::protocol::Layer;
use streamflow_engine::{Job, Pool, PoolConfig, Transcoder};
use streamflow_runtime::Metrics;
use streamflow_types::{
    Container, FrameRate, Gop, ManifestId, Profile, SegmentNumber, SessionId, Work,
};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::{Cpu, Rung, streams};

/// Ticks of the kernel's clock for CPU time, a second.
const TICKS: u64 = 100;

pub(super) struct Engine {
    runtime: Runtime,
    pool: Arc<Pool>,
}

impl Engine {
    pub(super) fn start(worker: &Path, preset: &str) -> anyhow::Result<Self> {
        let runtime = Runtime::new()?;
        let mut config = PoolConfig::new(worker.to_owned(), Metrics::new());
        preset.clone_into(&mut config.preset);
        // Where a layer of the sandbox is missing the cost is the same.
        config.allow_missing_layers = [
            Layer::UserNamespace,
            Layer::NetworkNamespace,
            Layer::IpcNamespace,
            Layer::Landlock,
        ]
        .into();
        let pool = Arc::new(runtime.block_on(Pool::start(config))?);
        Ok(Self { runtime, pool })
    }

    /// Transcodes each segment; gives what that cost this process and its workers. Renditions go
    /// to `keep`, where it is given.
    pub(super) fn round(
        &self,
        segments: &[PathBuf],
        rungs: &[Rung],
        keep: Option<&Path>,
    ) -> anyhow::Result<Cpu> {
        let sources = read(segments)?;
        let before = spent()?;
        for (number, source) in (0..).zip(sources) {
            let outcome = self
                .runtime
                .block_on(self.pool.transcode(job(source, rungs, number)));
            let outcome = outcome.context("the engine")?;
            if let Some(folder) = keep {
                fs::create_dir_all(folder)?;
                for ((name, ..), rendition) in rungs.iter().zip(&outcome.renditions) {
                    fs::write(folder.join(format!("{name}.ts")), &rendition.bytes)?;
                }
            }
        }
        let after = spent()?;
        Ok(Cpu {
            user: after.user - before.user,
            system: after.system - before.system,
        })
    }

    /// Streams side by side in real time: how long each segment took, as a part of its length.
    pub(super) fn in_real_time(
        &self,
        segments: &[PathBuf],
        rungs: &[Rung],
        count: u32,
        each: u64,
    ) -> anyhow::Result<Vec<f64>> {
        let sources = read(segments)?;
        self.runtime.block_on(async {
            let mut running = tokio::task::JoinSet::new();
            for place in 0..count {
                let (pool, sources) = (Arc::clone(&self.pool), sources.clone());
                running.spawn(stream(pool, sources, rungs.to_vec(), (place, count), each));
            }
            let mut ratios = Vec::new();
            while let Some(done) = running.join_next().await {
                ratios.extend(done.context("a stream")??);
            }
            Ok(ratios)
        })
    }

    /// Most memory that one worker had at once, which is what one segment in work takes.
    pub(super) fn peak_memory(&self) -> anyhow::Result<u64> {
        let peaks = children()?.into_iter().filter_map(|pid| peak_of(&pid));
        peaks.max().context("there are no workers")
    }
}

/// A segment every two seconds; how long each took, as a part of its length.
async fn stream(
    pool: Arc<Pool>,
    sources: Vec<Bytes>,
    rungs: Vec<Rung>,
    (place, count): (u32, u32),
    segments: u64,
) -> anyhow::Result<Vec<f64>> {
    // Streams do not begin together.
    let start = Instant::now() + LENGTH * place / count;
    let mut ratios = Vec::new();
    for number in 0..segments {
        tokio::time::sleep_until(start + LENGTH * u32::try_from(number)?).await;
        let source = sources[number as usize % sources.len()].clone();
        let mut job = job(source, &rungs, number);
        job.session = SessionId::from_random(place.to_be_bytes());
        let began = Instant::now();
        pool.transcode(job).await.context("the engine")?;
        ratios.push(streams::ratio(began.elapsed(), LENGTH));
    }
    Ok(ratios)
}

/// Most memory a worker had at once since it started.
fn peak_of(pid: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes << 10)
}

/// What the pool is told of a segment's length: the time a worker may take follows from it, and a
/// machine with other work must not have it ended.
const ALLOWED: Duration = Duration::from_secs(60);

/// How long a segment plays.
const LENGTH: Duration = Duration::from_secs(2);

fn read(segments: &[PathBuf]) -> anyhow::Result<Vec<Bytes>> {
    let one = |path: &PathBuf| {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        Ok(Bytes::from(bytes))
    };
    segments.iter().map(one).collect()
}

fn job(source: Bytes, rungs: &[Rung], number: u64) -> Job {
    let profile = |(name, width, height, bitrate): &Rung| Profile {
        container: Some(Container::MpegTs),
        gop: Gop::Every(LENGTH),
        ..Profile::new(name, *width, *height, *bitrate, FrameRate::SOURCE)
    };
    let profiles: Vec<Profile> = rungs.iter().map(profile).collect();
    Job {
        session: SessionId::from_random([0, 0, 0, 1]),
        manifest: ManifestId::new("bench").expect("a short name is an id"),
        number: SegmentNumber(number),
        duration: ALLOWED,
        source,
        work: Work::new(profiles),
        deadline: Instant::now() + Duration::from_secs(300),
    }
}

/// CPU time of this process and of its children that live.
pub(in crate::bench) fn spent() -> anyhow::Result<Cpu> {
    let me = std::process::id();
    let mut ticks = [0u64; 2];
    for entry in fs::read_dir("/proc")? {
        let Ok(stat) = fs::read_to_string(entry?.path().join("stat")) else {
            continue;
        };
        let Some((head, fields)) = stat.rsplit_once(')') else {
            continue;
        };
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let own = head.split(' ').next() == Some(&me.to_string());
        if !own && fields.get(1) != Some(&me.to_string().as_str()) {
            continue;
        }
        for (sum, place) in ticks.iter_mut().zip([11, 12]) {
            *sum += fields
                .get(place)
                .context("/proc/PID/stat")?
                .parse::<u64>()?;
        }
    }
    let time = |ticks: u64| Duration::from_millis(ticks * 1000 / TICKS);
    Ok(Cpu {
        user: time(ticks[0]),
        system: time(ticks[1]),
    })
}

/// Processes started by this one.
fn children() -> anyhow::Result<Vec<String>> {
    let me = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(stat) = fs::read_to_string(entry?.path().join("stat")) else {
            continue;
        };
        let Some((head, fields)) = stat.rsplit_once(')') else {
            continue;
        };
        if fields.split_ascii_whitespace().nth(1) == Some(&me) {
            found.extend(head.split(' ').next().map(str::to_owned));
        }
    }
    Ok(found)
}
