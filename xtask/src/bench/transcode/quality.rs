//! What the pictures are worth: SSIM of both sides against the source, and their bit rates.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use super::LADDER;

/// Prints both sides' pictures, rendition by rendition.
pub(super) fn compare(source: &Path, ours: &Path, peer: &Path) -> anyhow::Result<()> {
    println!("rendition   SSIM dB ours   ffmpeg   difference   bytes ours / ffmpeg");
    for (name, width, height, _) in LADDER {
        let file = format!("{name}.ts");
        let (mine, theirs) = (ours.join(&file), peer.join(&file));
        let (a, b) = (
            ssim(source, &mine, width, height)?,
            ssim(source, &theirs, width, height)?,
        );
        let bytes = |path: &Path| path.metadata().map(|facts| facts.len() as f64);
        let ratio = bytes(&mine)? / bytes(&theirs)?;
        println!("{name:<10}{a:>14.2}{b:>9.2}{:>13.2}{ratio:>18.3}", a - b);
    }
    Ok(())
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
