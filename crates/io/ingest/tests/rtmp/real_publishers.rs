//! FFmpeg publishes; what comes out is compared with what went in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use streamflow_ingest::rtmp::Limits;

use crate::door::{Door, Gate};
use crate::probe::{Packet, complaints, ffmpeg, ffmpeg_well, packets, write};

const VIDEO: &[&str] = &["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30"];
const SOUND: &[&str] = &["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"];
const B_FRAMES: &[&str] = &[
    "-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "30", "-pix_fmt", "yuv420p",
];

/// A source file in the folder.
async fn source(folder: &Path, inputs: &[&[&str]], codecs: &[&str], seconds: &str) -> PathBuf {
    let file = folder.join("source.flv");
    let mut arguments = inputs.concat();
    arguments.extend(["-t", seconds]);
    arguments.extend(codecs);
    arguments.extend(["-flvflags", "no_duration_filesize", file.to_str().unwrap()]);
    ffmpeg_well(&arguments).await;
    file
}

async fn publish(file: &Path, url: &str) {
    let file = file.to_str().unwrap();
    ffmpeg_well(&["-copyts", "-i", file, "-c", "copy", "-f", "flv", url]).await;
}

fn times(packets: &[Packet]) -> Vec<i64> {
    packets.iter().map(|packet| packet.pts).collect()
}

/// Sound may be rounded by the source's millisecond.
fn assert_sound_matches(ours: &[Packet], theirs: &[Packet]) {
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!(
            (ours.pts - theirs.pts).abs() <= 90,
            "{} {}",
            ours.pts,
            theirs.pts
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_frame_arrives_at_its_time_with_b_frames_and_sound() {
    let folder = tempfile::tempdir().unwrap();
    let codecs = [B_FRAMES, &["-c:a", "aac"]].concat();
    let file = source(folder.path(), &[VIDEO, SOUND], &codecs, "7").await;
    let door = Door::open(Gate::default(), Limits::default()).await;
    publish(&file, &door.url("live/mani/key")).await;
    door.wait_left(1).await;

    let request = door.gate.requests.lock().unwrap()[0].clone();
    assert_eq!(
        (request.manifest.as_str(), request.key.as_str()),
        ("mani", "key")
    );
    assert_eq!(request.url, door.url("live/mani/key"));
    let segments = door.segments();
    let numbers: Vec<_> = segments.iter().map(|segment| segment.number.0).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    assert!(segments.iter().all(|segment| !segment.discontinuity));
    for segment in &segments[..3] {
        assert_eq!(segment.duration, Duration::from_secs(2));
    }
    let last = segments[3].duration;
    assert!((950..1100).contains(&last.as_millis()), "{last:?}");

    let (files, whole) = write(folder.path(), &segments);
    let (source_video, ours) = (packets(&file, "v", 90).await, packets(&whole, "v", 1).await);
    assert_eq!(source_video.len(), 210);
    assert_eq!(times(&ours), times(&source_video));
    let (source_sound, ours) = (packets(&file, "a", 90).await, packets(&whole, "a", 1).await);
    assert_sound_matches(&ours, &source_sound);
    assert_eq!(complaints(&whole).await, "");
    for file in files {
        let pictures = packets(&file, "v", 1).await;
        assert!(pictures[0].key, "{file:?}");
        assert_eq!(complaints(&file).await, "", "{file:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_sound_is_cut_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = source(folder.path(), &[VIDEO], B_FRAMES, "5").await;
    let door = Door::open(Gate::default(), Limits::default()).await;
    publish(&file, &door.url("mani")).await;
    door.wait_left(1).await;
    let segments = door.segments();
    assert_eq!(segments.len(), 3);
    let (_, whole) = write(folder.path(), &segments);
    let ours = packets(&whole, "v", 1).await;
    assert_eq!(times(&ours), times(&packets(&file, "v", 90).await));
    assert!(packets(&whole, "a", 1).await.is_empty());
    assert_eq!(complaints(&whole).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_alone_is_cut_by_time() {
    let folder = tempfile::tempdir().unwrap();
    for codec in [&["-c:a", "aac"][..], &["-c:a", "libmp3lame"]] {
        let file = source(folder.path(), &[SOUND], codec, "5").await;
        let door = Door::open(Gate::default(), Limits::default()).await;
        publish(&file, &door.url("stream/mani")).await;
        door.wait_left(1).await;
        let segments = door.segments();
        assert_eq!(segments.len(), 3, "{codec:?}");
        assert!(segments[0].duration >= Duration::from_secs(2));
        assert!(segments[0].duration < Duration::from_millis(2050));
        let (_, whole) = write(folder.path(), &segments);
        let ours = packets(&whole, "a", 1).await;
        assert_sound_matches(&ours, &packets(&file, "a", 90).await);
        assert_eq!(complaints(&whole).await, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn low_rates_and_odd_key_frame_distances_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let odd: [(&str, &[&str], usize); 2] = [
        // A key frame each 1.4 s: cut at every second one.
        (
            "30000/1001",
            &["-c:v", "libx264", "-preset", "veryfast", "-g", "42"],
            4,
        ),
        // Two pictures a second, a key frame each 3.5 s.
        (
            "2",
            &[
                "-c:v",
                "libx264",
                "-preset",
                "veryfast",
                "-g",
                "7",
                "-keyint_min",
                "7",
            ],
            3,
        ),
    ];
    for (rate, codec, expected) in odd {
        let input = format!("testsrc2=size=160x90:rate={rate}");
        let video = ["-f", "lavfi", "-i", &input];
        let codecs = [
            codec,
            &["-sc_threshold", "0", "-pix_fmt", "yuv420p", "-c:a", "aac"],
        ]
        .concat();
        let file = source(folder.path(), &[&video, SOUND], &codecs, "10").await;
        let door = Door::open(Gate::default(), Limits::default()).await;
        publish(&file, &door.url("live/mani")).await;
        door.wait_left(1).await;
        let segments = door.segments();
        assert_eq!(segments.len(), expected, "{rate}");
        let (files, whole) = write(folder.path(), &segments);
        let ours = packets(&whole, "v", 1).await;
        assert_eq!(
            times(&ours),
            times(&packets(&file, "v", 90).await),
            "{rate}"
        );
        for file in files {
            assert!(packets(&file, "v", 1).await[0].key);
        }
        let played: Duration = segments.iter().map(|segment| segment.duration).sum();
        assert!(
            (9_900..10_600).contains(&played.as_millis()),
            "{rate}: {played:?}"
        );
        assert_eq!(complaints(&whole).await, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_comes_back_goes_on_behind_a_discontinuity() {
    let folder = tempfile::tempdir().unwrap();
    let codecs = [B_FRAMES, &["-c:a", "aac"]].concat();
    let file = source(folder.path(), &[VIDEO, SOUND], &codecs, "3").await;
    let door = Door::open(Gate::default(), Limits::default()).await;
    for publication in 1..=2 {
        publish(&file, &door.url("live/mani")).await;
        door.wait_left(publication).await;
    }
    let seen: Vec<_> = door
        .segments()
        .iter()
        .map(|s| (s.number.0, s.discontinuity))
        .collect();
    assert_eq!(seen, [(0, false), (1, false), (2, true), (3, false)]);
    let segments = door.segments();
    let (_, second) = write(folder.path(), &segments[2..]);
    let ours = packets(&second, "v", 1).await;
    assert_eq!(times(&ours), times(&packets(&file, "v", 90).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_key_frames_is_ended_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let codec = [
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-g",
        "9999",
        "-sc_threshold",
        "0",
    ];
    let file = source(folder.path(), &[VIDEO], &codec, "25").await;
    let door = Door::open(Gate::default(), Limits::default()).await;
    let (file, url) = (file.to_str().unwrap(), door.url("live/mani"));
    ffmpeg(&["-i", file, "-c", "copy", "-f", "flv", &url]).await;
    door.wait_left(1).await;
    let segments = door.segments();
    assert_eq!(segments.len(), 1, "what came is not lost");
    assert!((20_000..20_200).contains(&segments[0].duration.as_millis()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_publisher_fails_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = source(folder.path(), &[VIDEO], B_FRAMES, "1").await;
    let gate = Gate::default();
    *gate.refusal.lock().unwrap() = Some(streamflow_ingest::Refusal::InUse);
    let door = Door::open(gate, Limits::default()).await;
    let (file, url) = (file.to_str().unwrap(), door.url("live/mani"));
    let output = ffmpeg(&["-i", file, "-c", "copy", "-f", "flv", &url]).await;
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(text.contains("the stream name is in use"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_publishers_at_once_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let codecs = [B_FRAMES, &["-c:a", "aac"]].concat();
    let file = source(folder.path(), &[VIDEO, SOUND], &codecs, "4").await;
    let door = Door::open(Gate::default(), Limits::default()).await;
    let urls: Vec<_> = (0..5)
        .map(|index| door.url(&format!("live/m{index}")))
        .collect();
    futures_util::future::join_all(urls.iter().map(|url| publish(&file, url))).await;
    door.wait_left(5).await;
    let segments = door.segments();
    for index in 0..5 {
        let of_one: Vec<_> = segments
            .iter()
            .filter(|segment| segment.manifest.as_str() == format!("m{index}"))
            .collect();
        assert_eq!(of_one.len(), 2);
        assert_eq!(
            of_one[0].bytes,
            segments.iter().find(|s| s.number.0 == 0).unwrap().bytes
        );
    }
}
