//! Codecs with a FourCC: what real encoders made, put into enhanced tags and published.

use std::path::Path;

use streamflow_ingest::rtmp::Limits;
use streamflow_media::inspect::inspect;
use streamflow_media::mp4::{Coding, Mp4, Track, TrackKind};
use streamflow_types::{Container, SourceSegment};

use crate::door::{Door, Gate};
use crate::hand_written::Encoder;
use crate::probe::{complaints, ffmpeg_well, packets, write};

/// How a picture is put into its tag.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// With the distance from decoding to display.
    CodedFrames,
    /// Without: it is shown when it is decoded.
    CodedFramesX,
}

/// Four seconds of a film in this codec, a key frame each second, with AAC.
async fn film(folder: &Path, codec: &[&str]) -> Vec<u8> {
    let file = folder.join("film.mp4");
    let input = [
        ["-f", "lavfi"],
        ["-i", "testsrc2=size=192x108:rate=25"],
        ["-f", "lavfi"],
        ["-i", "sine=frequency=440:sample_rate=44100"],
        ["-t", "4"],
        ["-pix_fmt", "yuv420p"],
        ["-c:a", "aac"],
        ["-g", "25"],
    ]
    .concat();
    let arguments = [&input[..], codec, &[file.to_str().unwrap()]].concat();
    ffmpeg_well(&arguments).await;
    std::fs::read(file).unwrap()
}

/// Everything of a film as tags in order of decoding: whether video, milliseconds, body.
fn tags(film: &[u8], four_cc: [u8; 4], form: Form) -> Vec<(bool, u32, Vec<u8>)> {
    let mp4 = Mp4::parse(film).unwrap();
    let track = |kind| mp4.tracks.iter().find(|track| track.kind == kind).unwrap();
    let (video, audio) = (track(TrackKind::Video), track(TrackKind::Audio));
    let mut tags = vec![
        (true, 0, [&[0x90][..], &four_cc, record(video)].concat()),
        (false, 0, b"\xaf\x00\x12\x08".to_vec()),
    ];
    // The edit list begins at zero, so decoding does before; nobody sends such times.
    let first = video.samples.iter().map(|sample| sample.dts).min().unwrap();
    let millis = |track: &Track<'_>, units: i64| units * 1000 / i64::from(track.timescale);
    let lead = millis(video, -first);
    let mut frames = Vec::new();
    for sample in &video.samples {
        let (dts, pts) = (millis(video, sample.dts), millis(video, sample.pts));
        let frame_type = if sample.sync { 0x90 } else { 0xa0 };
        let mut body = vec![frame_type | if form == Form::CodedFrames { 1 } else { 3 }];
        body.extend(four_cc);
        if form == Form::CodedFrames && matches!(&four_cc, b"avc1" | b"hvc1") {
            body.extend(&i32::try_from(pts - dts).unwrap().to_be_bytes()[1..]);
        }
        body.extend(sample.bytes(film).unwrap());
        frames.push((true, u32::try_from(dts + lead).unwrap(), body));
    }
    for sample in &audio.samples {
        let time = millis(audio, sample.dts.max(0)) + lead;
        let body = [b"\xaf\x01", sample.bytes(film).unwrap()].concat();
        frames.push((false, u32::try_from(time).unwrap(), body));
    }
    frames.sort_by_key(|(_, time, _)| *time);
    tags.extend(frames);
    // Colour metadata and an end of sequence are none of a decoder's.
    tags.push((
        true,
        4_100,
        [&[0x94][..], &four_cc, b"\x02\0\x09colorInfo\x05"].concat(),
    ));
    tags.push((true, 4_100, [&[0x92][..], &four_cc].concat()));
    tags
}

/// The decoder configuration of a track.
fn record<'a>(track: &Track<'a>) -> &'a [u8] {
    match track.entry.as_ref().unwrap().coding {
        Coding::H264(body) | Coding::H265(body) | Coding::Vp(body) | Coding::Av1(body) => body,
        ref other => panic!("{other:?}"),
    }
}

/// Writes each segment as a file and returns how FFmpeg decodes it: pictures, and the times of
/// the first and the last in milliseconds.
async fn decoded(folder: &Path, segment: &SourceSegment) -> (usize, i64, i64) {
    let file = folder.join(format!("{}.mp4", segment.number));
    std::fs::write(&file, &segment.bytes).unwrap();
    let output = tokio::process::Command::new("ffprobe")
        .args([
            "-v",
            "warning",
            "-select_streams",
            "v",
            "-show_entries",
            "frame=pts_time",
        ])
        .args(["-of", "csv=p=0"])
        .arg(&file)
        .output()
        .await
        .unwrap();
    let complaints = String::from_utf8(output.stderr).unwrap();
    assert_eq!(complaints, "", "{file:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let times = text.lines().map(|line| {
        let seconds: f64 = line.trim_end_matches(',').parse().unwrap();
        (seconds * 1000.0).round() as i64
    });
    let times: Vec<i64> = times.collect();
    (times.len(), times[0], *times.last().unwrap())
}

#[tokio::test]
async fn vp9_and_av1_arrive_with_every_frame_in_files_that_decode_alone() {
    let vp9 = [
        "-c:v",
        "libvpx-vp9",
        "-deadline",
        "realtime",
        "-cpu-used",
        "8",
        "-lag-in-frames",
        "0",
    ];
    let av1 = [
        "-c:v",
        "libsvtav1",
        "-preset",
        "12",
        "-svtav1-params",
        "pred-struct=1:keyint=25",
    ];
    for (four_cc, codec) in [(*b"vp09", vp9.to_vec()), (*b"av01", av1.to_vec())] {
        let name = String::from_utf8_lossy(&four_cc).into_owned();
        let folder = tempfile::tempdir().unwrap();
        let film = film(folder.path(), &codec).await;
        let door = Door::open(Gate::default(), Limits::default()).await;
        publish(&door, &tags(&film, four_cc, Form::CodedFrames)).await;
        let segments = door.segments();
        assert_eq!(segments.len(), 2, "{name}");
        for (segment, start) in segments.iter().zip([0, 2_000]) {
            assert_eq!(segment.container, Container::Mp4, "{name}");
            assert_eq!(segment.duration.as_millis() / 50 * 50, 2_000, "{name}");
            let seen = decoded(folder.path(), segment).await;
            assert_eq!(seen, (50, start, start + 1_960), "{name}");
            let info = inspect(&segment.bytes).unwrap();
            let (video, audio) = (info.video.as_ref().unwrap(), info.audio.as_ref().unwrap());
            assert_eq!((video.width, video.height), (192, 108), "{name}");
            assert_eq!(video.frames.len(), 50, "{name}");
            let codec = video.codec_string.as_ref().unwrap();
            assert_eq!(codec.len(), "vp09.00.10.08".len(), "{codec}");
            assert!(codec.starts_with(&name), "{codec}");
            assert_eq!((audio.sample_rate, audio.channels), (44_100, 1), "{name}");
            assert!(
                (84..=90).contains(&audio.frames),
                "{name}: {}",
                audio.frames
            );
        }
    }
}

async fn publish(door: &Door, tags: &[(bool, u32, Vec<u8>)]) {
    let mut encoder = Encoder::connect(door, "mani").await;
    for (is_video, time, body) in tags {
        if *is_video {
            encoder.publisher.video(*time, body);
        } else {
            encoder.publisher.audio(*time, body);
        }
    }
    encoder.publisher.finish();
    encoder.flush().await;
    door.wait_left(1).await;
}

#[tokio::test]
async fn hevc_arrives_with_every_frame_in_segments_that_decode_alone() {
    for (form, b_frames) in [(Form::CodedFrames, "3"), (Form::CodedFramesX, "0")] {
        let folder = tempfile::tempdir().unwrap();
        let parameters = format!("bframes={b_frames}:keyint=25:min-keyint=25:log-level=error");
        let codec = [
            "-c:v",
            "libx265",
            "-preset",
            "ultrafast",
            "-x265-params",
            &parameters,
        ];
        let film = film(folder.path(), &codec).await;
        let door = Door::open(Gate::default(), Limits::default()).await;
        publish(&door, &tags(&film, *b"hvc1", form)).await;
        let segments = door.segments();
        let (files, whole) = write(folder.path(), &segments);
        assert_eq!(files.len(), 2);
        let pictures = packets(&whole, "v", 1).await;
        assert_eq!(pictures.len(), 100);
        let mut times: Vec<_> = pictures.iter().map(|picture| picture.pts).collect();
        times.sort_unstable();
        assert!(
            times.windows(2).all(|pair| pair[1] - pair[0] == 3_600),
            "{times:?}"
        );
        for file in files {
            assert!(packets(&file, "v", 1).await[0].key);
            assert_eq!(complaints(&file).await, "", "{file:?}");
        }
    }
}

#[tokio::test]
async fn several_video_tracks_are_refused_by_name() {
    let door = Door::open(Gate::default(), Limits::default()).await;
    let mut encoder = Encoder::connect(&door, "mani").await;
    encoder.publisher.video(0, b"\x96\x10hvc1\0\0\0\0");
    encoder.flush().await;
    let (code, text) = encoder.refusal().await;
    assert_eq!(code, "NetStream.Publish.Failed");
    assert!(
        text.starts_with("several video tracks is not carried"),
        "{text}"
    );
}
