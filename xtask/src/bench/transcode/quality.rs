//! What the pictures are worth: SSIM of both sides against the source, and their bit rates.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::report::Goal;
use super::{Bench, Rung, peer};

/// The most that pictures may be worse, in dB of SSIM.
const WORSE_DB: f64 = 0.1;

/// The most by which sizes may differ for pictures to be compared, as a part.
const SIZES_DIFFER: f64 = 0.01;

/// Both sides' pictures of one rendition, over all segments.
pub(super) struct Pictures {
    name: &'static str,
    ours_db: f64,
    peer_db: f64,
    /// Our bytes as a part of the program's.
    bytes: f64,
}

impl Pictures {
    pub(super) fn json(&self) -> Value {
        json!({
            "rendition": self.name, "ours_db": self.ours_db, "ffmpeg_db": self.peer_db,
            "bytes": self.bytes
        })
    }
}

/// No rendition may be worse, and none larger or smaller.
pub(super) fn goals(pictures: &[Pictures]) -> Vec<Goal> {
    let worst =
        |value: &dyn Fn(&Pictures) -> f64| pictures.iter().map(value).fold(f64::MIN, f64::max);
    vec![
        Goal::new(
            "SSIM below the ffmpeg program's, dB, worst rendition",
            vec![worst(&|each| each.peer_db - each.ours_db)],
            Some(WORSE_DB),
        ),
        Goal::new(
            "bytes off the ffmpeg program's, as a part, worst rendition",
            vec![worst(&|each| (each.bytes - 1.0).abs())],
            Some(SIZES_DIFFER),
        ),
    ]
}

/// Makes every segment once more on both sides, and prints and gives what came out.
pub(super) fn compare(bench: &Bench, rungs: &[Rung]) -> anyhow::Result<Vec<Pictures>> {
    let mut sums = vec![[0.0; 4]; rungs.len()];
    let kept = bench.folder.join("ours");
    for segment in &bench.segments {
        let one = std::slice::from_ref(segment);
        bench.engine.round(one, rungs, Some(&kept))?;
        let theirs = peer::round(one, rungs, &bench.preset, &bench.folder).map(|_| ());
        theirs?;
        for ((name, width, height, _), sum) in rungs.iter().zip(&mut sums) {
            let file = format!("{name}.ts");
            for (side, folder) in [kept.as_path(), &bench.folder.join("peer")]
                .iter()
                .enumerate()
            {
                let path = folder.join(&file);
                sum[side] += ssim(segment, &path, *width, *height)?;
                sum[2 + side] += path.metadata()?.len() as f64;
            }
        }
    }
    println!("rendition   SSIM dB ours   ffmpeg   difference   bytes ours / ffmpeg");
    let count = bench.segments.len() as f64;
    let of = |((name, ..), sum): (&Rung, &[f64; 4])| {
        let pictures = Pictures {
            name,
            ours_db: sum[0] / count,
            peer_db: sum[1] / count,
            bytes: sum[2] / sum[3],
        };
        println!(
            "{name:<10}{:>14.2}{:>9.2}{:>13.2}{:>18.3}",
            pictures.ours_db,
            pictures.peer_db,
            pictures.ours_db - pictures.peer_db,
            pictures.bytes
        );
        pictures
    };
    Ok(rungs.iter().zip(&sums).map(of).collect())
}

/// Of a rendition against the source at its size, in dB.
fn ssim(source: &Path, rendition: &Path, width: u32, height: u32) -> anyhow::Result<f64> {
    let graph = format!(
        "[0:v]setpts=PTS-STARTPTS[a];[1:v]setpts=PTS-STARTPTS,scale={width}:{height}:flags=lanczos[b];[a][b]ssim"
    );
    let output = Command::new("ffmpeg")
        .args(["-v", "info", "-nostdin", "-i"])
        .arg(rendition)
        .arg("-i")
        .arg(source)
        .args(["-lavfi", &graph, "-f", "null", "-"])
        .output()
        .context("the ffmpeg program")?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{text}");
    let all = text
        .rsplit_once("All:")
        .map(|(_, all)| all)
        .context("ffmpeg printed no SSIM")?;
    let inside = all
        .split(['(', ')'])
        .nth(1)
        .context("ffmpeg printed no SSIM in dB")?;
    Ok(inside.parse()?)
}
