//! Recorded behaviour of the contracts in use, replayed step by step against ours: the same
//! refusals, the same events in the same order, the same answers.
//!
//! `tests/vectors/contracts` holds the recordings. They run on the embedded chain, and on anvil
//! where `ANVIL` names the program.

mod door;
mod tickets;
mod values;
mod world;

use serde_json::Value;
use tokio::task::JoinSet;

use door::Door;
use world::World;

const RECORDINGS: [&str; 5] = [
    include_str!("../../../../../tests/vectors/contracts/bonding_pool.json"),
    include_str!("../../../../../tests/vectors/contracts/inflation.json"),
    include_str!("../../../../../tests/vectors/contracts/rewards_fees.json"),
    include_str!("../../../../../tests/vectors/contracts/tickets.json"),
    include_str!("../../../../../tests/vectors/contracts/votes.json"),
];

#[tokio::test]
async fn every_recorded_step_comes_out_the_same_on_the_embedded_chain() {
    for recording in RECORDINGS {
        replay(recording, Door::embedded()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_step_comes_out_the_same_on_anvil() {
    let Ok(program) = std::env::var("ANVIL") else {
        eprintln!("not replayed on anvil: ANVIL does not name the program");
        return;
    };
    // Side by side: most of the time is waiting for the other program.
    let mut replays = JoinSet::new();
    for recording in RECORDINGS {
        let door = Door::anvil(&program).await;
        replays.spawn(replay(recording, door));
    }
    while let Some(done) = replays.join_next().await {
        if let Err(failed) = done {
            std::panic::resume_unwind(failed.into_panic());
        }
    }
}

async fn replay(recording: &str, door: Door) {
    let recording: Value = serde_json::from_str(recording).expect("recordings are JSON");
    let mut world = World::start(door).await;
    let steps = recording["steps"]
        .as_array()
        .expect("a recording has steps");
    assert!(steps.len() > 20, "a recording is not empty");
    for (place, step) in steps.iter().enumerate() {
        if let Err(difference) = world.step(step).await {
            let description = &recording["description"];
            panic!("{description}\nstep {place}: {step}\n{difference}");
        }
    }
}
