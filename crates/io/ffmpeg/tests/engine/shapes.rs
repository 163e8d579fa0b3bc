//! Sizes, shapes and what may change inside a segment.

use streamflow_ffmpeg::decode_check;
use streamflow_types::{Codec, Container, FrameRate, TranscodeFailure, Work};

use crate::clips::{ffprobe, frame_pts, made, moving, one, profile, run};

fn size_of(bytes: &[u8]) -> (u32, u32) {
    let report = decode_check(bytes).unwrap();
    (report.width, report.height)
}

#[test]
fn the_longer_side_is_bounded_whatever_the_orientation() {
    let landscape = moving(640, 360, "30", "ts");
    let portrait = moving(360, 640, "30", "ts");
    let size = |source: &[u8], width, height| {
        size_of(&one(source, profile(width, height, FrameRate::whole(10))))
    };
    assert_eq!(size(&landscape, 426, 240), (426, 240));
    assert_eq!(size(&portrait, 426, 240), (240, 426));
    assert_eq!(size(&portrait, 256, 144), (146, 260));
    assert_eq!(size(&landscape, 1280, 720), (1280, 720));
}

#[test]
fn limits_are_the_codecs_own() {
    let portrait = moving(360, 640, "30", "ts");
    let mut asked = profile(256, 144, FrameRate::whole(10));
    asked.codec = Codec::H265;
    assert_eq!(size_of(&one(&portrait, asked)), (144, 256));
    let work = Work::new(vec![profile(0, 0, FrameRate::SOURCE)]);
    assert_eq!(
        run(&portrait, &work).unwrap_err(),
        TranscodeFailure::InvalidResolution
    );
}

#[test]
fn the_shape_of_samples_is_carried() {
    let source = made(
        "anamorphic.ts",
        "-f lavfi -i testsrc2=size=360x288:rate=25:duration=1 -vf setsar=16/11 -c:v libx264 \
         -pix_fmt yuv420p -muxdelay 0",
    );
    let bytes = one(&source, profile(180, 144, FrameRate::SOURCE));
    let shape = "-select_streams v -show_entries stream=sample_aspect_ratio";
    assert_eq!(ffprobe(&bytes, shape), ["16:11"]);
}

/// Landscape, then portrait, then landscape, as a phone turned over and back would send it.
fn turned() -> Vec<u8> {
    let part = |name: &str, size: &str, from: u32| {
        made(
            &format!("turned-{name}.ts"),
            &format!(
                "-f lavfi -i testsrc2=size={size}:rate=60:duration=2 -c:v libx264 -bf 2 \
                 -pix_fmt yuv420p -muxdelay 0 -output_ts_offset {from}"
            ),
        )
    };
    let parts = [
        part("first", "640x360", 10),
        part("second", "360x640", 12),
        part("third", "640x360", 14),
    ];
    parts.concat()
}

#[test]
fn a_size_change_inside_a_segment_keeps_every_picture() {
    let source = turned();
    for (fps, frames) in [(FrameRate::SOURCE, 360), (FrameRate::whole(30), 180)] {
        for container in [Container::MpegTs, Container::Mp4] {
            let mut asked = profile(256, 144, fps);
            asked.container = Some(container);
            let product = run(&source, &Work::new(vec![asked])).unwrap();
            assert_eq!(product.decoded_frames, 360);
            let rendition = &product.renditions[0];
            let report = decode_check(&rendition.bytes).unwrap();
            assert_eq!(
                (report.frames, report.errors),
                (frames, 0),
                "{fps:?} {container:?}"
            );
            assert_eq!(report.pixels, rendition.pixels);
            let third = frames / 3;
            assert_eq!(rendition.pixels.0, third * (2 * 256 * 144 + 146 * 260));
            let pts = frame_pts(&rendition.bytes);
            assert!(pts.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}

#[test]
fn a_turned_picture_stands_upright_unless_it_is_to_be_compared() {
    let plain = moving(640, 360, "30", "mp4");
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("moving-640x360-30.mp4");
    assert!(!plain.is_empty());
    let source = made(
        "rotated.mp4",
        &format!("-i {} -c copy -metadata:s:v rotate=90", path.display()),
    );
    let mut work = Work::new(vec![profile(320, 180, FrameRate::whole(10))]);
    let upright = run(&source, &work).unwrap();
    assert_eq!(size_of(&upright.renditions[0].bytes), (180, 320));
    work.signature = true;
    let coded = run(&source, &work).unwrap();
    assert_eq!(size_of(&coded.renditions[0].bytes), (320, 180));
    work.profiles[0].container = Some(Container::Mp4);
    let coded = run(&source, &work).unwrap();
    let rotation = "-select_streams v -show_entries stream_side_data=rotation";
    let found = ffprobe(&coded.renditions[0].bytes, rotation);
    assert_eq!(found, ffprobe(&source, rotation));
    assert!(!found.is_empty());
}

#[test]
fn odd_sides_and_unusual_formats_become_420() {
    for (name, format) in [
        ("odd", "yuv444p"),
        ("full", "yuvj420p"),
        ("deep", "yuv422p10le"),
        ("grey", "gray"),
        ("packed", "rgb24"),
    ] {
        let encoder = if format == "rgb24" {
            "libx264rgb"
        } else {
            "libx264"
        };
        let source = made(
            &format!("format-{name}.ts"),
            &format!(
                "-f lavfi -i testsrc2=size=321x181:rate=10:duration=1 -c:v {encoder} \
                 -pix_fmt {format} -muxdelay 0"
            ),
        );
        let bytes = one(&source, profile(320, 180, FrameRate::SOURCE));
        let found = ffprobe(
            &bytes,
            "-select_streams v -show_entries stream=pix_fmt,color_range",
        );
        assert!(found[0].starts_with("yuv420p"), "{name}: {found:?}");
        assert_eq!(decode_check(&bytes).unwrap().frames, 10, "{name}");
    }
}

#[test]
fn a_signature_survives_a_size_change() {
    let mut work = Work::new(vec![profile(256, 144, FrameRate::whole(10))]);
    work.signature = true;
    let product = run(&turned(), &work).unwrap();
    assert!(
        product.renditions[0]
            .signature
            .as_ref()
            .is_some_and(|bytes| bytes.len() > 1000)
    );
}

#[test]
fn signatures_come_with_every_rendition() {
    let source = moving(640, 360, "30", "ts");
    let mut work = Work::new(vec![
        profile(640, 360, FrameRate::SOURCE),
        profile(320, 180, FrameRate::SOURCE),
    ]);
    work.signature = true;
    let product = run(&source, &work).unwrap();
    for rendition in &product.renditions {
        // The format has a fixed size for 60 pictures.
        assert_eq!(
            rendition.signature.as_ref().map(|bytes| bytes.len()),
            Some(5538)
        );
    }
    work.signature = false;
    assert_eq!(run(&source, &work).unwrap().renditions[0].signature, None);
}
