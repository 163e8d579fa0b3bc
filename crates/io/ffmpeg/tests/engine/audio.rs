//! Sound: passed on, left out, encoded anew, missing.

use streamflow_types::{AudioMode, Container, FrameRate, TranscodeFailure, VideoMode, Work};

use crate::clips::{ffprobe, frame_pts, made, moving, packet_dts, profile, run, sound_times};

fn streams(bytes: &[u8]) -> Vec<String> {
    ffprobe(bytes, "-show_entries stream=codec_name")
}

fn work(audio: AudioMode, container: Container) -> Work {
    let mut asked = profile(160, 90, FrameRate::SOURCE);
    asked.container = Some(container);
    Work {
        audio,
        ..Work::new(vec![asked])
    }
}

#[test]
fn sound_is_copied_between_all_containers() {
    for from in ["ts", "mp4"] {
        let source = moving(320, 180, "30", from);
        for to in [Container::MpegTs, Container::Mp4] {
            let product = run(&source, &work(AudioMode::Copy, to)).unwrap();
            let bytes = &product.renditions[0].bytes;
            assert_eq!(streams(bytes), ["h264", "aac"]);
            assert_eq!(
                sound_times(bytes).len(),
                sound_times(&source).len(),
                "{from} {to:?}"
            );
        }
    }
}

#[test]
fn sound_is_dropped_or_encoded_anew() {
    let source = moving(320, 180, "30", "ts");
    let product = run(&source, &work(AudioMode::Drop, Container::MpegTs)).unwrap();
    assert_eq!(streams(&product.renditions[0].bytes), ["h264"]);
    for container in [Container::MpegTs, Container::Mp4] {
        let product = run(&source, &work(AudioMode::Aac, container)).unwrap();
        let bytes = &product.renditions[0].bytes;
        assert_eq!(streams(bytes), ["h264", "aac"]);
        let (given, made) = (sound_times(&source), sound_times(bytes));
        // The lead-in is left out, so the first sound stands where it stood.
        assert!(
            (given[0] - made[0]).abs() < 0.03,
            "{container:?}: {} {}",
            given[0],
            made[0]
        );
        assert!(
            made.len().abs_diff(given.len()) <= 2,
            "{} {}",
            made.len(),
            given.len()
        );
    }
}

#[test]
fn other_sound_is_encoded_as_aac() {
    let source = made(
        "mp3-32k-mono.ts",
        "-f lavfi -i testsrc2=size=320x180:rate=30:duration=1 -f lavfi -i \
         sine=frequency=300:sample_rate=32000:duration=1 -c:v libx264 -pix_fmt yuv420p \
         -c:a mp2 -muxdelay 0",
    );
    let product = run(&source, &work(AudioMode::Aac, Container::Mp4)).unwrap();
    let found = ffprobe(
        &product.renditions[0].bytes,
        "-select_streams a -show_entries stream=codec_name,sample_rate,channels",
    );
    assert_eq!(found, ["aac,32000,1"]);
}

#[test]
fn a_segment_without_sound_is_fine() {
    let source = crate::clips::short(10);
    for audio in [AudioMode::Copy, AudioMode::Aac] {
        let product = run(&source, &work(audio, Container::MpegTs)).unwrap();
        assert_eq!(streams(&product.renditions[0].bytes), ["h264"]);
    }
}

#[test]
fn sound_without_pictures_is_no_video() {
    let source = made(
        "sound-only.ts",
        "-f lavfi -i sine=frequency=440:duration=2 -c:a aac -muxdelay 0",
    );
    let failure = run(&source, &work(AudioMode::Copy, Container::MpegTs)).unwrap_err();
    assert_eq!(failure, TranscodeFailure::InvalidVideo);
}

#[test]
fn sound_long_before_the_first_picture_waits() {
    let source = made(
        "late-picture.ts",
        "-f lavfi -itsoffset 1.5 -i testsrc2=size=320x180:rate=30:duration=1 -f lavfi -i \
         sine=frequency=440:duration=3 -c:v libx264 -pix_fmt yuv420p -c:a aac -muxdelay 0",
    );
    let product = run(&source, &work(AudioMode::Copy, Container::MpegTs)).unwrap();
    let bytes = &product.renditions[0].bytes;
    assert_eq!(frame_pts(bytes), frame_pts(&source));
    assert_eq!(sound_times(bytes).len(), sound_times(&source).len());
}

#[test]
fn pictures_are_passed_on_or_left_out() {
    let source = moving(320, 180, "30", "ts");
    let mut copied = work(AudioMode::Copy, Container::Mp4);
    copied.video = VideoMode::Copy;
    let product = run(&source, &copied).unwrap();
    assert_eq!(
        (product.decoded_frames, product.renditions[0].pixels.0),
        (0, 0)
    );
    assert_eq!(frame_pts(&product.renditions[0].bytes).len(), 60);
    assert_eq!(packet_dts(&product.renditions[0].bytes).len(), 60);
    let mut dropped = work(AudioMode::Copy, Container::MpegTs);
    dropped.video = VideoMode::Drop;
    let product = run(&source, &dropped).unwrap();
    assert_eq!(streams(&product.renditions[0].bytes), ["aac"]);
    dropped.audio = AudioMode::Drop;
    assert_eq!(
        run(&source, &dropped).unwrap_err(),
        TranscodeFailure::InvalidArgument
    );
}

#[test]
fn metadata_is_written() {
    let source = moving(320, 180, "30", "ts");
    let mut named = work(AudioMode::Copy, Container::Mp4);
    named.metadata = "made by a test".to_owned();
    let product = run(&source, &named).unwrap();
    let bytes = &product.renditions[0].bytes;
    assert_eq!(
        ffprobe(bytes, "-show_entries format_tags=comment"),
        ["Processed by made by a test"]
    );
    named.profiles[0].container = Some(Container::MpegTs);
    let product = run(&source, &named).unwrap();
    let bytes = &product.renditions[0].bytes;
    assert!(bytes.windows(14).any(|window| window == b"made by a test"));
}
