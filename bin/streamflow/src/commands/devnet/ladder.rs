//! The renditions of the network's stream: as many as this machine makes in real time.

use streamflow_types::{FrameRate, Profile};

use crate::assemble;
use crate::config::EngineTable;

/// One rendition. Source timing is kept.
#[derive(Debug)]
pub(super) struct Rung {
    pub(super) name: &'static str,
    width: u32,
    height: u32,
    bitrate: u32,
}

const fn rung(name: &'static str, width: u32, height: u32, bitrate: u32) -> Rung {
    Rung {
        name,
        width,
        height,
        bitrate,
    }
}

/// From the largest to the smallest.
static LADDER: [Rung; 3] = [
    rung("480p", 854, 480, 1_200_000),
    rung("360p", 640, 360, 800_000),
    rung("240p", 426, 240, 400_000),
];

/// The largest part of the ladder that this machine makes in real time; the smallest rung alone
/// where it makes none, and a word to the user where it is not the whole.
pub(super) async fn that_fits(engine: &EngineTable) -> anyhow::Result<&'static [Rung]> {
    for first in 0..LADDER.len() {
        let rungs = &LADDER[first..];
        let profiles: Vec<_> = rungs.iter().map(Rung::profile).collect();
        let measured = assemble::speed(engine, &profiles).await?;
        if !measured.is_too_slow() {
            say(rungs, measured.speed);
            return Ok(rungs);
        }
    }
    eprintln!("this machine does not make a single rendition in real time: expect gaps");
    Ok(&LADDER[LADDER.len() - 1..])
}

fn say(rungs: &[Rung], speed: f64) {
    if rungs.len() < LADDER.len() {
        let names: Vec<_> = rungs.iter().map(|rung| rung.name).collect();
        eprintln!(
            "this machine is too slow for the whole ladder; it makes {} at {speed:.1} times real time",
            names.join(", ")
        );
    }
}

impl Rung {
    fn profile(&self) -> Profile {
        Profile::new(
            self.name,
            self.width,
            self.height,
            self.bitrate,
            FrameRate::SOURCE,
        )
    }
}

/// The ladder as the JSON file a gateway reads.
pub(super) fn json(rungs: &[Rung]) -> String {
    let profiles: Vec<_> = rungs
        .iter()
        .map(|rung| {
            serde_json::json!({
                "name": rung.name,
                "width": rung.width,
                "height": rung.height,
                "bitrate": rung.bitrate,
                "fps": 0,
            })
        })
        .collect();
    serde_json::Value::from(profiles).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_file_is_one_a_gateway_reads() {
        let profiles = streamflow_wire::profile::parse_ladder(&json(&LADDER)).unwrap();
        let meant: Vec<_> = LADDER.iter().map(Rung::profile).collect();
        assert_eq!(profiles, meant);
    }
}
