//! Codecs in and out, and what operators may pass to the library.

use std::time::Duration;

use streamflow_ffmpeg::{Control, Settings, decode_check, transcode};
use streamflow_types::{Codec, Container, FrameRate, Gop, Profile, TranscodeFailure, Work};

use crate::clips::{ffprobe, frame_pts, keys, made, moving, one, packet_dts, profile, run};

const PICTURES: &str = "-f lavfi -i testsrc2=size=320x180:rate=30:duration=1";

fn codec_of(bytes: &[u8]) -> Vec<String> {
    ffprobe(bytes, "-select_streams v -show_entries stream=codec_name")
}

/// A profile of another codec.
fn in_codec(codec: Codec, container: Container, fps: FrameRate) -> Profile {
    Profile {
        codec,
        container: Some(container),
        ..profile(160, 90, fps)
    }
}

/// A second of each codec that comes in beside H.264.
pub(crate) fn other_codecs() -> [(&'static str, Vec<u8>); 4] {
    [
        (
            "hevc.ts",
            "-c:v libx265 -preset ultrafast -x265-params log-level=none",
        ),
        (
            "hevc.mp4",
            "-c:v libx265 -preset ultrafast -x265-params log-level=none -tag:v hvc1",
        ),
        ("av1.mp4", "-c:v libsvtav1 -preset 12"),
        ("vp9.mp4", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8"),
    ]
    .map(|(name, encoder)| {
        let arguments = format!("{PICTURES} {encoder} -b:v 300k -pix_fmt yuv420p -muxdelay 0");
        (name, made(&format!("in-{name}"), &arguments))
    })
}

#[test]
fn hevc_av1_and_vp9_come_in() {
    for (name, source) in other_codecs() {
        let work = Work::new(vec![profile(160, 90, FrameRate::SOURCE)]);
        let product = run(&source, &work).unwrap();
        assert_eq!(product.decoded_frames, 30, "{name}");
        assert_eq!(product.decoded_pixels.0, 30 * 320 * 180, "{name}");
        let report = decode_check(&product.renditions[0].bytes).unwrap();
        assert_eq!((report.frames, report.errors), (30, 0), "{name}");
        let seconds =
            |bytes: &[u8]| ffprobe(bytes, "-select_streams v -show_entries frame=pts_time");
        let (given, found) = (seconds(&source), seconds(&product.renditions[0].bytes));
        for (given, found) in given.iter().zip(&found) {
            let read = |text: &str| text.split(',').next().unwrap().parse::<f64>().unwrap();
            assert!(
                (read(given) - read(found)).abs() < 2e-5,
                "{name}: {given} {found}"
            );
        }
    }
}

#[test]
fn hevc_goes_out_with_exact_counts_times_and_key_frames() {
    let source = moving(320, 180, "30", "ts");
    for (container, fps, frames) in [
        (Container::MpegTs, FrameRate::SOURCE, 60),
        (Container::Mp4, FrameRate::whole(15), 30),
    ] {
        let mut asked = in_codec(Codec::H265, container, fps);
        asked.gop = Gop::Every(Duration::from_secs(1));
        let product = run(&source, &Work::new(vec![asked])).unwrap();
        let bytes = &product.renditions[0].bytes;
        assert_eq!(codec_of(bytes), ["hevc"]);
        let report = decode_check(bytes).unwrap();
        assert_eq!((report.frames, report.errors), (frames, 0));
        assert_eq!(report.pixels, product.renditions[0].pixels);
        assert_eq!(keys(bytes), [0, frames as usize / 2]);
        let dts = packet_dts(bytes);
        assert!(dts.windows(2).all(|pair| pair[0] < pair[1]), "{dts:?}");
        if fps == FrameRate::SOURCE {
            assert_eq!(frame_pts(bytes), frame_pts(&source));
        }
    }
}

#[test]
fn vp9_goes_out_in_mp4_with_exact_counts_and_key_frames() {
    let source = moving(320, 180, "30", "ts");
    for (fps, frames) in [(FrameRate::SOURCE, 60), (FrameRate::whole(15), 30)] {
        let mut asked = in_codec(Codec::Vp9, Container::Mp4, fps);
        asked.gop = Gop::Every(Duration::from_secs(1));
        let product = run(&source, &Work::new(vec![asked])).unwrap();
        let bytes = &product.renditions[0].bytes;
        assert_eq!(codec_of(bytes), ["vp9"]);
        let report = decode_check(bytes).unwrap();
        assert_eq!((report.frames, report.errors), (frames, 0));
        assert_eq!(report.pixels, product.renditions[0].pixels);
        assert_eq!(keys(bytes), [0, frames as usize / 2]);
    }
}

#[test]
fn codecs_that_a_container_cannot_hold_are_refused() {
    let source = moving(320, 180, "30", "ts");
    for (codec, container) in [
        (Codec::Vp9, Container::MpegTs),
        (Codec::Vp8, Container::MpegTs),
        (Codec::Vp8, Container::Mp4),
    ] {
        let work = Work::new(vec![in_codec(codec, container, FrameRate::SOURCE)]);
        let failure = run(&source, &work).unwrap_err();
        assert_eq!(failure, TranscodeFailure::UnrecognizedFormat, "{codec:?}");
    }
}

#[test]
fn other_codecs_in_are_unsupported() {
    for (name, encoder) in [("mpeg2.ts", "mpeg2video"), ("mpeg4.mp4", "mpeg4")] {
        let source = made(
            name,
            &format!("{PICTURES} -c:v {encoder} -b:v 300k -muxdelay 0"),
        );
        let work = Work::new(vec![profile(160, 90, FrameRate::SOURCE)]);
        let failure = run(&source, &work).unwrap_err();
        assert_eq!(failure, TranscodeFailure::UnsupportedCodec, "{name}");
    }
}

#[test]
fn quality_is_held_under_the_bit_rate() {
    let source = moving(320, 180, "30", "ts");
    for codec in [Codec::H264, Codec::H265, Codec::Vp9] {
        let size = |quality| {
            let mut asked = in_codec(codec, Container::Mp4, FrameRate::SOURCE);
            (asked.width, asked.height) = (320, 180);
            (asked.quality, asked.bitrate) = (quality, 2_000_000);
            one(&source, asked).len()
        };
        let [plain, good, bad, worst] = [0, 20, 40, 63].map(size);
        assert!(
            bad * 3 < good * 2 && bad * 3 < plain * 2,
            "{codec:?}: {plain} {good} {bad}"
        );
        assert!(worst <= bad, "{codec:?}: {bad} {worst}");
    }
}

fn with(settings: Settings) -> Result<Vec<u8>, TranscodeFailure> {
    made_with(&moving(320, 180, "30", "ts"), settings)
}

fn made_with(source: &[u8], settings: Settings) -> Result<Vec<u8>, TranscodeFailure> {
    let work = Work::new(vec![profile(160, 90, FrameRate::SOURCE)]);
    let product = transcode(source, &work, &settings, &Control::new(1))?;
    Ok(product.renditions[0].bytes.to_vec())
}

fn options(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

#[test]
fn options_of_operators_reach_the_encoder() {
    let encoder_options = options("x264-params", "bframes=0:keyint=6");
    let bytes = with(Settings {
        encoder_options,
        ..Settings::default()
    })
    .unwrap();
    let types = ffprobe(&bytes, "-select_streams v -show_entries frame=pict_type");
    assert!(types.iter().all(|line| !line.starts_with('B')));
    assert!(keys(&bytes).len() >= 10);
    let preset = "no-such-preset".to_owned();
    let unknown = Settings {
        preset,
        ..Settings::default()
    };
    assert!(!with(unknown).unwrap_err().is_retryable());
}

#[test]
fn options_of_operators_reach_reader_and_writer() {
    let muxed = |name, value| {
        with(Settings {
            muxer_options: options(name, value),
            ..Settings::default()
        })
    };
    let bytes = muxed("mpegts_service_id", "77").unwrap();
    let found = ffprobe(&bytes, "-show_entries program=program_id");
    assert!(found[0].starts_with("77"), "{found:?}");
    let plain = with(Settings::default()).unwrap();
    assert!(!ffprobe(&plain, "-show_entries program=program_id")[0].starts_with("77"));
    assert_eq!(
        muxed("no-such", "1").unwrap_err(),
        TranscodeFailure::OptionNotFound
    );
    let source = moving(320, 180, "30", "mp4");
    let read = |name, value| {
        let demuxer_options = options(name, value);
        let settings = Settings {
            demuxer_options,
            ..Settings::default()
        };
        made_with(&source, settings)
    };
    // The list of edits says that the first picture shows at ten seconds; without it only the
    // delay of B-frames is left.
    let first = |bytes: Vec<u8>| frame_pts(&bytes)[0];
    let [applied, ignored] = ["0", "1"].map(|value| first(read("ignore_editlist", value).unwrap()));
    assert_eq!((applied, ignored), (900_000, 6000));
    assert_eq!(
        read("no-such", "1").unwrap_err(),
        TranscodeFailure::OptionNotFound
    );
    // What bounds the reader stays.
    assert!(read("codec_whitelist", "mpeg4").is_ok());
}
