//! Streams in real time through a gateway, an orchestrator and a remote transcoder that does not
//! transcode: what is added to the transcoder's own time, in milliseconds, CPU and memory.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::film;
use crate::floor;
use crate::push::Pusher;
use crate::report::{Goal, quantile};
use crate::roles::{Engine, LADDER, Roles, Usage};
use crate::stages::Stages;

/// What the transcoder is told to take; what it took is asked of it.
const OWN: Duration = Duration::from_millis(200);

/// Milliseconds added: the median, and the 99th percentile.
const LIMIT_MS: (f64, f64) = (5.0, 25.0);

/// The most of the floor's CPU that gateway and orchestrator together may use.
const FLOOR_LIMIT: f64 = 1.5;

/// Mebibytes a role may ever have, and grow by after its first third.
const MEMORY_LIMIT: (f64, f64) = (256.0, 16.0);

/// How much is measured.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Streams at once, one measurement for each number.
    #[arg(long, value_delimiter = ',', default_value = "1,25,100")]
    streams: Vec<u32>,
    /// Segments of the last measurement, all streams together; the others run up to a minute.
    #[arg(long, default_value_t = 10_000)]
    segments: u32,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<Vec<Goal>> {
    anyhow::ensure!(
        !arguments.streams.is_empty() && !arguments.streams.contains(&0),
        "--streams wants numbers of at least 1"
    );
    let folder = tempfile::tempdir()?;
    let film: Arc<[Bytes]> = film::segments(folder.path())?.into();
    let source = film.iter().map(Bytes::len).sum::<usize>() / film.len();
    let bits: u32 = LADDER.iter().map(|(.., bitrate)| bitrate).sum();
    let renditions = bits as usize / 8 * film::LENGTH.as_secs() as usize;
    let floor = floor::per_segment(source, renditions)?;
    println!(
        "segments of {} KB, renditions of {} KB together; the floor is {:.2} ms of CPU a segment, \
         and {:.2} ms from hop to hop alone",
        source / 1000,
        renditions / 1000,
        floor.cpu * 1e3,
        floor.latency * 1e3
    );
    println!(
        "streams segments  lost   added ms p50    p99    max  first   CPU ms gateway  orchestrator  \
         of floor   MiB gateway  orchestrator  transcoder"
    );
    let mut goals = Vec::new();
    for (index, streams) in arguments.streams.iter().copied().enumerate() {
        let is_last = index + 1 == arguments.streams.len();
        let minute = 60 / film::LENGTH.as_secs() as u32;
        let each = match is_last {
            true => arguments.segments.div_ceil(streams),
            false => arguments.segments.div_ceil(streams).min(minute),
        };
        let home = folder.path().join(streams.to_string());
        let step = Step::run(&home, &film, streams, each).await?;
        step.print(floor.cpu);
        goals.extend(step.goals(floor.cpu));
    }
    Ok(goals)
}

/// One number of streams.
struct Step {
    streams: u32,
    /// Milliseconds added, sorted, without each stream's first segment.
    added: Vec<f64>,
    /// The same of the first segments, which open a session.
    first: Vec<f64>,
    lost: Vec<String>,
    /// CPU seconds of gateway and orchestrator.
    cpu: [f64; 2],
    /// Of gateway, orchestrator and transcoder: after a third, and at the end.
    memory: [(Usage, Usage); 3],
    stages: Stages,
}

impl Step {
    async fn run(
        home: &Path,
        film: &Arc<[Bytes]>,
        streams: u32,
        each: u32,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(home)?;
        let mut roles = Roles::start(home, Engine::Null(OWN))?;
        roles.ready().await?;
        let pusher = Pusher::new(&roles.push, true)?;
        let before = all(&roles)?;
        let begin = Instant::now() + Duration::from_millis(100);
        let mut running = JoinSet::new();
        for stream in 0..streams {
            let (pusher, film) = (pusher.clone(), Arc::clone(film));
            let begin = begin + film::LENGTH * stream / streams;
            running.spawn(stream_of(pusher, film, stream, begin, each));
        }
        let third = begin + film::LENGTH * each / 3;
        sleep_until(third).await;
        let early = all(&roles)?;
        let (mut added, mut first, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(stream) = running.join_next().await {
            for (number, outcome) in stream?.into_iter().enumerate() {
                match outcome {
                    Ok(ms) if number == 0 => first.push(ms),
                    Ok(ms) => added.push(ms),
                    Err(error) => lost.push(format!("{error:#}")),
                }
            }
        }
        roles.all_run()?;
        let after = all(&roles)?;
        let stages = Stages::of(&roles, &[added.as_slice(), &first].concat()).await?;
        let own = stages.own;
        let less_own = |all: &mut Vec<f64>| all.iter_mut().for_each(|ms| *ms -= own);
        less_own(&mut added);
        less_own(&mut first);
        added.sort_by(f64::total_cmp);
        first.sort_by(f64::total_cmp);
        Ok(Self {
            streams,
            added,
            first,
            lost,
            cpu: [0, 1].map(|role| after[role].cpu - before[role].cpu),
            memory: [0, 1, 2].map(|role| (early[role], after[role])),
            stages,
        })
    }

    fn segments(&self) -> usize {
        self.added.len() + self.first.len() + self.lost.len()
    }

    fn of_floor(&self, floor: f64) -> f64 {
        self.cpu.iter().sum::<f64>() / self.segments() as f64 / floor
    }

    fn print(&self, floor: f64) {
        let each = |cpu: f64| cpu * 1e3 / self.segments() as f64;
        let peak = |role: usize| self.memory[role].1.peak >> 20;
        println!(
            "{:>7}{:>9}{:>6}{:>15.2}{:>7.2}{:>7.1}{:>7.1}{:>17.2}{:>14.2}{:>10.2}{:>14}{:>14}{:>12}",
            self.streams,
            self.segments(),
            self.lost.len(),
            quantile(&self.added, 0.5),
            quantile(&self.added, 0.99),
            quantile(&self.added, 1.0),
            quantile(&self.first, 0.5),
            each(self.cpu[0]),
            each(self.cpu[1]),
            self.of_floor(floor),
            peak(0),
            peak(1),
            peak(2),
        );
        self.stages.print();
        for error in self.lost.iter().take(5) {
            println!("        lost: {error}");
        }
    }

    fn goals(&self, floor: f64) -> Vec<Goal> {
        let (p50, p99) = (quantile(&self.added, 0.5), quantile(&self.added, 0.99));
        let goal = |what: &str, ours, limit, spread| Goal {
            name: format!("{} streams: {what}", self.streams),
            ours,
            limit,
            n: self.segments(),
            spread,
        };
        let mut goals = vec![
            goal("added latency p50, ms", p50, LIMIT_MS.0, p99 - p50),
            goal(
                "added latency p99, ms",
                p99,
                LIMIT_MS.1,
                quantile(&self.added, 1.0) - p99,
            ),
            goal(
                "CPU of gateway and orchestrator, of the floor",
                self.of_floor(floor),
                FLOOR_LIMIT,
                0.0,
            ),
            // One lost segment is beyond any limit.
            goal("segments lost", self.lost.len() as f64, 0.5, 0.0),
        ];
        let mebi = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        for (name, (early, late)) in ["gateway", "orchestrator", "transcoder"]
            .iter()
            .zip(self.memory)
        {
            let growth = late.resident.saturating_sub(early.resident);
            let peak = format!("peak memory of the {name}, MiB");
            goals.push(goal(&peak, mebi(late.peak), MEMORY_LIMIT.0, 0.0));
            let grown = format!("growth of the {name} after the first third, MiB");
            goals.push(goal(&grown, mebi(growth), MEMORY_LIMIT.1, 0.0));
        }
        goals
    }
}

/// Pushes one stream in real time; gives the milliseconds each segment took. Time counts from
/// when a segment was due, so a late answer delays nothing unseen.
async fn stream_of(
    pusher: Pusher,
    film: Arc<[Bytes]>,
    stream: u32,
    begin: Instant,
    each: u32,
) -> Vec<anyhow::Result<f64>> {
    let name = format!("load-{stream}");
    let mut outcomes = Vec::with_capacity(each as usize);
    for number in 0..each {
        let due = begin + film::LENGTH * number;
        sleep_until(due).await;
        let segment = film[number as usize % film.len()].clone();
        let pushed = pusher.push(&name, u64::from(number), segment).await;
        let took = due.elapsed();
        let checked = pushed.and_then(|answer| pusher.check(u64::from(number), &answer));
        outcomes.push(checked.map(|()| took.as_secs_f64() * 1e3));
    }
    outcomes
}

fn all(roles: &Roles) -> anyhow::Result<[Usage; 3]> {
    Ok([
        roles.gateway.usage()?,
        roles.orchestrator.usage()?,
        roles.transcoder.usage()?,
    ])
}
