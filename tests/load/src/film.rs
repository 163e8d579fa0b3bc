//! The source that is pushed: two-second segments of the clip in the repository, made to have the
//! bytes that are wanted.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;

/// Length of a segment.
pub(crate) const LENGTH: Duration = Duration::from_secs(2);

/// Segments of one turn through the film.
const SEGMENTS: usize = 10;

/// Bytes of a source segment, about.
pub(crate) const BYTES: usize = 500_000;

/// Cuts the film; it takes some seconds, once.
pub(crate) fn segments(folder: &Path) -> anyhow::Result<Vec<Bytes>> {
    let seconds = (SEGMENTS as u64 * LENGTH.as_secs()).to_string();
    // What the packets of the container and the sound take is left to them.
    let rate = format!("{}", BYTES * 8 / LENGTH.as_secs() as usize * 88 / 100);
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y", "-stream_loop", "-1", "-i"])
        .arg(clip())
        .args([
            "-t",
            &seconds,
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
        ])
        .args([
            "-b:v", &rate, "-minrate", &rate, "-maxrate", &rate, "-bufsize", &rate,
        ])
        .args([
            "-x264-params",
            "nal-hrd=cbr",
            "-g",
            "60",
            "-keyint_min",
            "60",
            "-sc_threshold",
            "0",
        ])
        .args([
            "-c:a",
            "aac",
            "-b:a",
            "64k",
            "-f",
            "segment",
            "-segment_time",
            "2",
        ])
        .args(["-segment_format", "mpegts"])
        .arg(folder.join("%d.ts"))
        .status()
        .context("the ffmpeg program makes the source; install it")?;
    ensure!(status.success(), "ffmpeg could not cut the film");
    (0..SEGMENTS)
        .map(|number| {
            let path = folder.join(format!("{number}.ts"));
            let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
            Ok(Bytes::from(bytes))
        })
        .collect()
}

/// The real clip that comes with the sources.
fn clip() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../media/bunny-720p30.ts")
}
