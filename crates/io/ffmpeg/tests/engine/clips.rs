//! Media made with the ffmpeg program and kept between runs, and what ffprobe says of results.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use streamflow_ffmpeg::{Control, Product, Settings, transcode};
use streamflow_types::{Container, FrameRate, Profile, TranscodeFailure, Work};

static SERIAL: AtomicU32 = AtomicU32::new(0);

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

fn unique(name: &str) -> PathBuf {
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    folder().join(format!("{}-{serial}-{name}", std::process::id()))
}

/// Where a file that was made is kept.
pub(crate) fn path_of(name: &str) -> PathBuf {
    folder().join(name)
}

/// A file made by ffmpeg with these arguments; `name` must change with them.
pub(crate) fn made(name: &str, arguments: &str) -> Vec<u8> {
    let path = folder().join(name);
    if let Ok(bytes) = fs::read(&path) {
        return bytes;
    }
    let fresh = unique(name);
    let status = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-nostdin"])
        .args(arguments.split_whitespace())
        .arg(&fresh)
        .stdin(Stdio::null())
        .status()
        .expect("ffmpeg is installed");
    assert!(status.success(), "ffmpeg {arguments}");
    fs::rename(&fresh, &path).unwrap();
    fs::read(&path).unwrap()
}

/// Two seconds of a moving test picture with B-frames and a tone, from 10 s on.
pub(crate) fn moving(width: u32, height: u32, rate: &str, container: &str) -> Vec<u8> {
    let file = format!(
        "moving-{width}x{height}-{}.{container}",
        rate.replace('/', "_")
    );
    let picture = format!("testsrc2=size={width}x{height}:rate={rate}:duration=2");
    made(
        &file,
        &format!(
            "-f lavfi -i {picture} -f lavfi -i sine=frequency=440:duration=2 -c:v libx264 \
             -preset veryfast -bf 2 -pix_fmt yuv420p -g 60 -c:a aac -muxdelay 0 \
             -output_ts_offset 10"
        ),
    )
}

/// A single-colour-free clip of exactly so many pictures, without sound.
pub(crate) fn short(frames: u32) -> Vec<u8> {
    made(
        &format!("short-{frames}.ts"),
        &format!(
            "-f lavfi -i testsrc2=size=320x180:rate=30 -frames:v {frames} -c:v libx264 -bf 2 \
             -pix_fmt yuv420p -muxdelay 0 -output_ts_offset 10"
        ),
    )
}

/// A profile in MPEG-TS.
pub(crate) fn profile(width: u32, height: u32, fps: FrameRate) -> Profile {
    let name = format!("{width}x{height}");
    let mut profile = Profile::new(&name, width, height, 300_000, fps);
    profile.container = Some(Container::MpegTs);
    profile
}

pub(crate) fn run(source: &[u8], work: &Work) -> Result<Product, TranscodeFailure> {
    transcode(source, work, &Settings::default(), &Control::new(2))
}

/// One rendition of a source.
pub(crate) fn one(source: &[u8], profile: Profile) -> Vec<u8> {
    let product = run(source, &Work::new(vec![profile])).unwrap();
    product.renditions[0].bytes.to_vec()
}

/// Lines of ffprobe about these bytes.
pub(crate) fn ffprobe(bytes: &[u8], arguments: &str) -> Vec<String> {
    let path = unique("probed");
    fs::write(&path, bytes).unwrap();
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "csv=p=0"])
        .args(arguments.split_whitespace())
        .arg(&path)
        .output()
        .expect("ffprobe is installed");
    fs::remove_file(&path).unwrap();
    assert!(output.status.success(), "ffprobe {arguments}");
    let text = String::from_utf8(output.stdout).unwrap();
    // A list of side data leaves a trailing comma.
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| line.trim_end_matches(',').to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    // Streams of an MPEG-TS are listed twice, once within their program.
    let (first, second) = lines.split_at(lines.len() / 2);
    if arguments.contains("stream=") && first == second {
        lines.truncate(lines.len() / 2);
    }
    lines
}

/// Presentation times of decoded pictures, by the container's clock.
pub(crate) fn frame_pts(bytes: &[u8]) -> Vec<i64> {
    numbers(&ffprobe(
        bytes,
        "-select_streams v:0 -show_entries frame=pts",
    ))
}

/// Decoding times of the video packets.
pub(crate) fn packet_dts(bytes: &[u8]) -> Vec<i64> {
    numbers(&ffprobe(
        bytes,
        "-select_streams v:0 -show_entries packet=dts",
    ))
}

/// Which decoded pictures are key frames.
pub(crate) fn keys(bytes: &[u8]) -> Vec<usize> {
    ffprobe(bytes, "-select_streams v:0 -show_entries frame=key_frame")
        .iter()
        .enumerate()
        .filter(|(_, line)| line.starts_with('1'))
        .map(|(place, _)| place)
        .collect()
}

/// Times of the sound's packets in seconds.
pub(crate) fn sound_times(bytes: &[u8]) -> Vec<f64> {
    ffprobe(bytes, "-select_streams a:0 -show_entries packet=pts_time")
        .iter()
        .filter_map(|line| line.split(',').next()?.parse().ok())
        .collect()
}

fn numbers(lines: &[String]) -> Vec<i64> {
    lines
        .iter()
        .map(|line| line.split(',').next().unwrap().parse().unwrap())
        .collect()
}
