//! What the pictures are worth: SSIM of both sides against the source, and their bit rates.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::report::Goal;
use super::{Bench, Rung, peer};

/// The most that pictures may be worse, in dB of SSIM.
const WORSE_DB: f64 = 0.1;

/// Sizes that differ by less than this part count as equal.
const SIZES_DIFFER: f64 = 0.01;

/// Both sides' pictures of one rendition, over all segments.
pub(super) struct Pictures {
    name: &'static str,
    ours_db: f64,
    peer_db: f64,
    /// Our bytes of video as a part of the program's, both asked for the same bit rate.
    asked: f64,
    /// The same where the program was asked for the bit rate that ours came out at, which is what
    /// is compared.
    bytes: f64,
}

impl Pictures {
    pub(super) fn json(&self) -> Value {
        json!({
            "rendition": self.name, "ours_db": self.ours_db, "ffmpeg_db": self.peer_db,
            "bytes_as_asked": self.asked, "bytes": self.bytes
        })
    }
}

/// No rendition may be worse.
pub(super) fn goal(pictures: &[Pictures]) -> Goal {
    let worst = pictures
        .iter()
        .map(|each| each.peer_db - each.ours_db)
        .fold(f64::MIN, f64::max);
    Goal::new(
        "SSIM below the ffmpeg program's at equal bytes, dB, worst rendition",
        vec![worst],
        Some(WORSE_DB),
    )
}

/// SSIM in dB and bytes of video.
#[derive(Clone, Copy, Default)]
struct Seen {
    db: f64,
    bytes: f64,
}

/// Makes every segment once more: on our side, on the other, and there again at the bit rate that
/// makes sizes equal. What still differs in size is set off by the slope between both.
pub(super) fn compare(bench: &Bench, rungs: &[Rung]) -> anyhow::Result<Vec<Pictures>> {
    let (ours, theirs) = (bench.folder.join("ours"), bench.folder.join("peer"));
    let mut seen = vec![[Seen::default(); 3]; rungs.len()];
    for segment in &bench.segments {
        let one = std::slice::from_ref(segment);
        bench.engine.round(one, rungs, Some(&ours))?;
        peer::round(one, rungs, &bench.preset, &bench.folder)?;
        let mine = look(segment, rungs, &ours)?;
        let asked = look(segment, rungs, &theirs)?;
        let mut matched = rungs.to_vec();
        for ((rung, mine), asked) in matched.iter_mut().zip(&mine).zip(&asked) {
            rung.3 = (f64::from(rung.3) * mine.bytes / asked.bytes) as u32;
        }
        peer::round(one, &matched, &bench.preset, &bench.folder)?;
        let equal = look(segment, rungs, &theirs)?;
        for (place, sums) in seen.iter_mut().enumerate() {
            for (sum, one) in sums
                .iter_mut()
                .zip([mine[place], asked[place], equal[place]])
            {
                sum.db += one.db / bench.segments.len() as f64;
                sum.bytes += one.bytes;
            }
        }
    }
    println!("rendition   SSIM dB ours   ffmpeg   difference   bytes ours / ffmpeg   as asked");
    Ok(rungs.iter().zip(&seen).map(judge).collect())
}

fn judge((&(name, ..), &[ours, asked, equal]): (&Rung, &[Seen; 3])) -> Pictures {
    let apart = (equal.bytes / asked.bytes).ln();
    // Sizes too near each other have no slope worth using, and need none.
    let slope = if apart.abs() > SIZES_DIFFER {
        (equal.db - asked.db) / apart
    } else {
        0.0
    };
    let pictures = Pictures {
        name,
        ours_db: ours.db,
        peer_db: equal.db + slope * (ours.bytes / equal.bytes).ln(),
        asked: ours.bytes / asked.bytes,
        bytes: ours.bytes / equal.bytes,
    };
    println!(
        "{name:<10}{:>14.2}{:>9.2}{:>13.2}{:>22.3}{:>11.3}",
        pictures.ours_db,
        pictures.peer_db,
        pictures.ours_db - pictures.peer_db,
        pictures.bytes,
        pictures.asked
    );
    pictures
}

/// The renditions in a folder.
fn look(source: &Path, rungs: &[Rung], folder: &Path) -> anyhow::Result<Vec<Seen>> {
    let one = |(name, width, height, _): &Rung| {
        let path = folder.join(format!("{name}.ts"));
        Ok(Seen {
            db: ssim(source, &path, *width, *height)?,
            bytes: video_bytes(&path)?,
        })
    };
    rungs.iter().map(one).collect()
}

/// Bytes of the video alone: what a container adds says nothing of pictures.
fn video_bytes(rendition: &Path) -> anyhow::Result<f64> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v", "-show_entries"])
        .args(["packet=size", "-of", "default=noprint_wrappers=1:nokey=1"])
        .arg(rendition)
        .output()
        .context("the ffprobe program")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let sizes = text.lines().filter_map(|line| line.parse::<f64>().ok());
    let bytes: f64 = sizes.sum();
    ensure!(bytes > 0.0, "{} has no video", rendition.display());
    Ok(bytes)
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
