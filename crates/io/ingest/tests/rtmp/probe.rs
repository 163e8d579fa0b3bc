//! What FFmpeg thinks of files and segments.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use streamflow_types::SourceSegment;
use tokio::process::Command;

/// One packet as ffprobe lists it, times in 90 kHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) pts: i64,
    pub(crate) key: bool,
}

pub(crate) async fn ffmpeg(arguments: &[&str]) -> Output {
    Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-y"])
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("ffmpeg is installed")
}

/// Runs FFmpeg, which must succeed.
pub(crate) async fn ffmpeg_well(arguments: &[&str]) {
    let output = ffmpeg(arguments).await;
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ffmpeg {arguments:?}: {text}");
}

/// Packets of one kind ("v" or "a"), in file order. `scale` is ticks of 90 kHz in the unit of
/// the container.
pub(crate) async fn packets(file: &Path, kind: &str, scale: i64) -> Vec<Packet> {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            kind,
            "-show_entries",
            "packet=pts,flags",
        ])
        .args(["-of", "csv=p=0"])
        .arg(file)
        .kill_on_drop(true)
        .output()
        .await
        .expect("ffprobe is installed");
    let text = String::from_utf8(output.stdout).unwrap();
    let fields = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    fields
        .filter(|fields| fields.len() >= 2)
        .map(|fields| {
            let pts: i64 = fields[0]
                .parse()
                .unwrap_or_else(|_| panic!("no pts in {fields:?}"));
            Packet {
                pts: pts * scale,
                key: fields[1].starts_with('K'),
            }
        })
        .collect()
}

/// Everything FFmpeg has to say when it reads and decodes a file.
pub(crate) async fn complaints(file: &Path) -> String {
    let file = file.to_str().unwrap();
    let output = ffmpeg(&["-v", "warning", "-i", file, "-f", "null", "-"]).await;
    let text = String::from_utf8_lossy(&output.stderr);
    // Its own output rounds milliseconds to a frame rate, which is none of our concern.
    let lines = text.lines().filter(|line| !line.starts_with("[null @"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Writes each segment, and all of them as one file, which is returned.
pub(crate) fn write(folder: &Path, segments: &[SourceSegment]) -> (Vec<PathBuf>, PathBuf) {
    let mut whole = Vec::new();
    let mut files = Vec::new();
    for segment in segments {
        let file = folder.join(format!("{}_{}.ts", segment.manifest, segment.number));
        std::fs::write(&file, &segment.bytes).unwrap();
        whole.extend_from_slice(&segment.bytes);
        files.push(file);
    }
    let file = folder.join("whole.ts");
    std::fs::write(&file, whole).unwrap();
    (files, file)
}
