//! From the start of three processes to the first complete answer, less the transcoding itself, as
//! the transcoder measured it.

use std::time::{Duration, Instant};

use clap::Args;

use crate::film;
use crate::push::Pusher;
use crate::report::{Goal, quantile};
use crate::roles::{Engine, Role, Roles, TRANSCODING};

/// Seconds it may take.
const LIMIT: f64 = 0.3;

/// How long a network may take to answer at all.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two tries.
const RETRY: Duration = Duration::from_millis(2);

/// How much is measured.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Starts, each in an empty folder; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<Vec<Goal>> {
    anyhow::ensure!(arguments.rounds > 0, "--rounds must be at least 1");
    let folder = tempfile::tempdir()?;
    let segments = film::segments(folder.path())?;
    println!("start   first answer s   transcoding s   start-up s   tries");
    let mut times = Vec::new();
    for round in 1..=arguments.rounds {
        let home = folder.path().join(round.to_string());
        std::fs::create_dir_all(&home)?;
        let began = Instant::now();
        let mut roles = Roles::start(&home, Engine::Real)?;
        let pusher = Pusher::new(&roles.push, false)?;
        let mut tries = 1;
        let first = loop {
            match pusher.push("start", 0, segments[0].clone()).await {
                Ok(answer) => break answer,
                Err(error) => {
                    roles.all_run()?;
                    anyhow::ensure!(began.elapsed() < PATIENCE, "no answer yet: {error:#}");
                    tokio::time::sleep(RETRY).await;
                    tries += 1;
                }
            }
        };
        let total = began.elapsed();
        pusher.check(0, &first)?;
        let (transcoding, jobs) = roles.spent(Role::Transcoder, TRANSCODING).await?;
        anyhow::ensure!(
            jobs == 1.0,
            "{jobs} segments were transcoded instead of one"
        );
        let total = total.as_secs_f64();
        let startup = total - transcoding;
        println!("{round:>5}{total:>17.3}{transcoding:>16.3}{startup:>13.3}{tries:>8}");
        times.push(startup);
    }
    times.sort_by(f64::total_cmp);
    let median = quantile(&times, 0.5);
    let (lowest, highest) = (quantile(&times, 0.0), quantile(&times, 1.0));
    Ok(vec![Goal {
        name: "start-up to the first answer, seconds".into(),
        ours: median,
        limit: LIMIT,
        n: times.len(),
        spread: (median - lowest).max(highest - median),
    }])
}
