//! Facts about a piece of video, from the `ffprobe` and `ffmpeg` programs.

use std::process::Stdio;

use anyhow::{Context, bail};
use bytes::Bytes;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// What `ffprobe` and a strict decode say about one segment.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Codec name as FFmpeg has it, for example `h264`.
    pub codec: String,
    /// Coded width.
    pub width: u32,
    /// Coded height.
    pub height: u32,
    /// Presentation times of the video packets, ascending, in ticks of 90 kHz.
    pub pts: Vec<i64>,
    /// Whether there is sound.
    pub audio: bool,
    /// Whether the first video packet is a key frame.
    pub starts_with_key: bool,
    /// Lines the decoder complained in; empty when it decoded without error.
    pub decode_errors: Vec<String>,
}

#[derive(Deserialize)]
struct Probed {
    #[serde(default)]
    packets: Vec<Packet>,
    #[serde(default)]
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Packet {
    stream_index: usize,
    pts: Option<i64>,
    #[serde(default)]
    flags: String,
}

#[derive(Deserialize)]
struct Stream {
    index: usize,
    codec_type: Option<String>,
    codec_name: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
}

/// Probes and strictly decodes one MPEG-TS segment.
pub async fn examine(segment: &Bytes) -> anyhow::Result<Facts> {
    let entries = "packet=stream_index,pts,flags:stream=index,codec_type,codec_name,width,height";
    let input = ["-v", "error", "-f", "mpegts"];
    let facts = [&input[..], &["-show_entries", entries, "-of", "json", "-"]].concat();
    let decode = [
        "-err_detect",
        "explode",
        "-i",
        "-",
        "-map",
        "0:v",
        "-f",
        "null",
        "-",
    ];
    let decode = [&input[..], &decode].concat();
    let (probed, errors) = tokio::try_join!(
        run("ffprobe", &facts, segment),
        run("ffmpeg", &decode, segment)
    )?;
    let probed: Probed = serde_json::from_slice(&probed.0).context("ffprobe gave no JSON")?;
    let mut facts = Facts::default();
    let video = probed
        .streams
        .iter()
        .find(|s| s.codec_type.as_deref() == Some("video"));
    if let Some(video) = video {
        facts.codec = video.codec_name.clone().unwrap_or_default();
        facts.width = video.width.unwrap_or_default();
        facts.height = video.height.unwrap_or_default();
        let packets = || {
            probed
                .packets
                .iter()
                .filter(|p| p.stream_index == video.index)
        };
        facts.pts = packets().filter_map(|p| p.pts).collect();
        facts.pts.sort_unstable();
        facts.starts_with_key = packets().next().is_some_and(|p| p.flags.contains('K'));
    }
    facts.audio = probed
        .streams
        .iter()
        .any(|s| s.codec_type.as_deref() == Some("audio"));
    facts.decode_errors = errors.1.lines().map(str::to_owned).collect();
    Ok(facts)
}

/// Feeds a program and collects what it prints: standard output, standard error.
async fn run(
    program: &str,
    arguments: &[&str],
    input: &Bytes,
) -> anyhow::Result<(Vec<u8>, String)> {
    let mut child = Command::new(program)
        .args(["-hide_banner"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{program} could not be started; install ffmpeg"))?;
    let mut stdin = child.stdin.take().context("stdin is piped")?;
    let input = input.clone();
    let feeding = tokio::spawn(async move {
        // A program that has seen enough closes its end: not an error.
        let _ = stdin.write_all(&input).await;
    });
    let output = tokio::time::timeout(std::time::Duration::from_secs(60), child.wait_with_output())
        .await
        .with_context(|| format!("{program} hung for a minute"))??;
    feeding.await?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() && errors.is_empty() {
        bail!("{program} failed without a word: {}", output.status);
    }
    Ok((output.stdout, errors))
}
