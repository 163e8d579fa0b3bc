//! What it costs to choose an orchestrator for a segment when there are many: the pool of a stream,
//! which every segment asks, and the network's draw by stake, price and chance.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use streamflow_sessions::select::{Candidate, Rules, draw, weights};
use streamflow_sessions::{
    Action, AttemptEnd, Input, Offer, Peer, Pool, PoolSettings, Record, Segment, SegmentKey,
};
use streamflow_types::PricePerPixel;

use super::Figure;

/// Milliseconds a choice may take.
const LIMIT_MS: f64 = 1.0;

/// Between two segments.
const DURATION: Duration = Duration::from_secs(2);

/// How much is measured.
#[derive(Args)]
pub(super) struct Arguments {
    /// Orchestrators to choose among.
    #[arg(long, default_value_t = 10_000)]
    orchestrators: u32,
    /// Segments to choose for.
    #[arg(long, default_value_t = 2_000)]
    segments: u32,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Figure> {
    anyhow::ensure!(
        arguments.orchestrators > 0,
        "--orchestrators must be at least 1"
    );
    anyhow::ensure!(arguments.segments > 0, "--segments must be at least 1");
    println!("choosing among {} orchestrators", arguments.orchestrators);
    println!("path                        median ms      p99 ms");
    let stays = pool(arguments, false)?;
    let moves = pool(arguments, true)?;
    let draws = network_draw(arguments)?;
    let mut worst = (0.0, 0.0);
    for (name, times) in [
        ("pool, stream stays", stays),
        ("pool, stream moves", moves),
        ("draw by stake and price", draws),
    ] {
        let (median, high) = (quantile(&times, 0.5), quantile(&times, 0.99));
        println!("{name:<26}{median:>11.4}{high:>12.4}");
        if high > worst.1 {
            worst = (median, high);
        }
    }
    let (median, high) = worst;
    Ok(Figure {
        name: "select_p99_ms",
        ours: high,
        limit: LIMIT_MS,
        n: arguments.segments as usize,
        spread: high - median,
    })
}

/// One segment after the other: in, chosen, out. Where the stream moves, each one is drawn anew.
fn pool(arguments: &Arguments, moves: bool) -> anyhow::Result<Vec<f64>> {
    let mut rng = StdRng::seed_from_u64(1);
    let (mut record, mut pool) = (Record::new(), Pool::new(PoolSettings::default()));
    let offers: Vec<Offer> = (0..arguments.orchestrators)
        .map(|index| Offer {
            peer: Peer::new(&format!("https://o{index}.example:8935")),
            tier: 0,
            domain: u64::from(index),
            weight: 1.0,
        })
        .collect();
    let mut now = Instant::now();
    record.list(now, offers.iter().map(|offer| &offer.peer));
    let known = offers.len();
    pool.handle(now, Input::Offers { offers, known }, &mut record, &mut rng);
    let mut times = Vec::new();
    for key in 0..u64::from(arguments.segments) {
        now += DURATION;
        if moves {
            pool.handle(now, Input::Swap, &mut record, &mut rng);
        }
        let segment = Segment {
            key: SegmentKey(key),
            duration: DURATION,
            patience: 3 * DURATION,
            sound: true,
        };
        let began = Instant::now();
        pool.handle(now, Input::Segment(segment), &mut record, &mut rng);
        let action = pool.poll();
        times.push(began.elapsed().as_secs_f64() * 1e3);
        let Some(Action::Submit { attempt, .. }) = action else {
            anyhow::bail!("the pool chose nobody for segment {key}: {action:?}");
        };
        let end = AttemptEnd::Done;
        let done = now + Duration::from_millis(300);
        pool.handle(
            done,
            Input::Finished { attempt, end },
            &mut record,
            &mut rng,
        );
        while pool.poll().is_some() {}
    }
    Ok(times)
}

/// The draw among recipients, weights and all.
fn network_draw(arguments: &Arguments) -> anyhow::Result<Vec<f64>> {
    let mut rng = StdRng::seed_from_u64(2);
    let candidates: Vec<Candidate> = (0..arguments.orchestrators)
        .map(|_| Candidate {
            stake: rng.random_range(1..1_000_000_000),
            price: Some(PricePerPixel::new(
                rng.random_range(1..2_000),
                NonZeroU64::MIN,
            )),
            performance: Some(rng.random()),
        })
        .collect();
    let rules = Rules {
        price_weight: 0.2,
        random_weight: 0.1,
        max_price: Some(PricePerPixel::new(1_500, NonZeroU64::MIN)),
        min_performance: 0.2,
        ..Rules::default()
    };
    let mut times = Vec::new();
    for _ in 0..arguments.segments {
        let began = Instant::now();
        draw(&weights(&candidates, &rules), &mut rng).context("nobody is left to draw")?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

fn quantile(times: &[f64], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() as f64 * share) as usize;
    let last = sorted.len().saturating_sub(1);
    sorted.get(at.min(last)).copied().unwrap_or_default()
}
