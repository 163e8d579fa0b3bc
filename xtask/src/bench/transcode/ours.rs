//! Our side: the pool of workers as a node has it.

use std::fs;
use std::path::{Path, PathBuf};
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

use super::{Cpu, LADDER};

/// Ticks of the kernel's clock for CPU time, a second.
const TICKS: u64 = 100;

pub(super) struct Engine {
    runtime: Runtime,
    pool: Pool,
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
        let pool = runtime.block_on(Pool::start(config))?;
        Ok(Self { runtime, pool })
    }

    /// Transcodes each segment; gives what that cost this process and its workers. Renditions go
    /// to `keep`, where it is given.
    pub(super) fn round(&self, segments: &[PathBuf], keep: Option<&Path>) -> anyhow::Result<Cpu> {
        let sources: Vec<Bytes> = segments
            .iter()
            .map(|path| {
                Ok(Bytes::from(
                    fs::read(path).with_context(|| path.display().to_string())?,
                ))
            })
            .collect::<anyhow::Result<_>>()?;
        let before = spent()?;
        for (number, source) in (0..).zip(sources) {
            let outcome = self
                .runtime
                .block_on(self.pool.transcode(job(source, number)));
            let outcome = outcome.context("the engine")?;
            if let Some(folder) = keep {
                fs::create_dir_all(folder)?;
                for ((name, ..), rendition) in LADDER.iter().zip(&outcome.renditions) {
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
}

fn job(source: Bytes, number: u64) -> Job {
    let profiles = LADDER.map(|(name, width, height, bitrate)| Profile {
        container: Some(Container::MpegTs),
        gop: Gop::Every(Duration::from_secs(2)),
        ..Profile::new(name, width, height, bitrate, FrameRate::SOURCE)
    });
    Job {
        session: SessionId::from_random([0, 0, 0, 1]),
        manifest: ManifestId::new("bench").expect("a short name is an id"),
        number: SegmentNumber(number),
        duration: Duration::from_secs(2),
        source,
        work: Work::new(profiles.to_vec()),
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
