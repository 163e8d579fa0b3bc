//! Codecs with a FourCC: what real encoders made, put into enhanced tags and published.

use std::path::Path;

use streamflow_ingest::rtmp::Limits;
use streamflow_media::mp4::{Coding, Mp4, Track, TrackKind};

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
        Coding::H264(body) | Coding::H265(body) | Coding::Vp(body) => body,
        ref other => panic!("{other:?}"),
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
