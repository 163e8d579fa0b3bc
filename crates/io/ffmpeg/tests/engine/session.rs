//! Segments one after another, as a session brings them: with gaps, repeats, changes and failures
//! in between. None depends on another's success.

use streamflow_ffmpeg::{Control, Settings, decode_check, transcode};
use streamflow_types::{AudioMode, Container, FrameRate, TranscodeFailure, VideoMode, Work};

use crate::clips::{ffprobe, frame_pts, made, moving, one, packet_dts, profile, run, short};
use crate::packets::{self, SOUND, VIDEO};

fn work() -> Work {
    Work::new(vec![profile(160, 90, FrameRate::SOURCE)])
}

fn streams(bytes: &[u8]) -> Vec<String> {
    ffprobe(bytes, "-show_entries stream=codec_type")
}

/// Without one of its streams, which the tables still announce.
fn without(source: &[u8], stream: u16) -> Vec<u8> {
    source
        .chunks_exact(188)
        .filter(|packet| packets::pid(packet) != stream)
        .flatten()
        .copied()
        .collect()
}

fn silent() -> Vec<u8> {
    made(
        "silent.ts",
        "-f lavfi -i testsrc2=size=320x180:rate=30:duration=1 -c:v libx264 -bf 2 \
         -pix_fmt yuv420p -muxdelay 0 -output_ts_offset 10",
    )
}

#[test]
fn sound_may_come_and_go_between_segments() {
    let (loud, silent) = (moving(320, 180, "30", "ts"), silent());
    for order in [[&silent, &loud, &silent], [&loud, &silent, &loud]] {
        for source in order {
            let has_sound = source == &loud;
            let product = run(source, &work()).unwrap();
            let bytes = &product.renditions[0].bytes;
            assert_eq!(product.decoded_frames, if has_sound { 60 } else { 30 });
            assert_eq!(streams(bytes).len(), 1 + usize::from(has_sound));
        }
    }
    // Announced, but not there.
    let declared = without(&loud, SOUND);
    assert_eq!(run(&declared, &work()).unwrap().decoded_frames, 60);
}

#[test]
fn sound_may_come_and_go_inside_a_segment() {
    let (loud, silent) = (moving(320, 180, "30", "ts"), silent());
    let later = packets::with_times(&loud, VIDEO, |_, time| time + 90_000);
    let later = packets::with_times(&later, SOUND, |_, time| time + 90_000);
    for source in [
        [silent.clone(), later].concat(),
        [
            loud,
            packets::with_times(&silent, VIDEO, |_, time| time + 180_000),
        ]
        .concat(),
    ] {
        let bytes = one(&source, profile(160, 90, FrameRate::SOURCE));
        let report = decode_check(&bytes).unwrap();
        assert_eq!((report.frames, report.errors), (90, 0));
    }
}

#[test]
fn pixel_formats_may_change_between_and_inside_segments() {
    let formats = ["yuv420p", "yuv444p", "yuv420p10le", "yuv420p"];
    let sources: Vec<Vec<u8>> = (0..)
        .zip(formats)
        .map(|(number, format)| {
            made(
                &format!("change-{number}-{format}.ts"),
                &format!(
                    "-f lavfi -i testsrc2=size=320x180:rate=30:duration=0.5 -c:v libx264 -bf 2 \
                     -pix_fmt {format} -muxdelay 0 -output_ts_offset {}",
                    10.0 + f64::from(number) / 2.0
                ),
            )
        })
        .collect();
    for source in &sources {
        let bytes = one(source, profile(160, 90, FrameRate::SOURCE));
        assert_eq!(decode_check(&bytes).unwrap().frames, 15);
    }
    let product = run(&sources.concat(), &work()).unwrap();
    let report = decode_check(&product.renditions[0].bytes).unwrap();
    assert_eq!(
        (product.decoded_frames, report.frames, report.errors),
        (60, 60, 0)
    );
    assert_eq!(report.pixels, product.renditions[0].pixels);
}

#[test]
fn segments_come_in_any_order_with_gaps_repeats_and_failures() {
    let segment = |from: u32| {
        made(
            &format!("ordered-{from}.ts"),
            &format!(
                "-f lavfi -i testsrc2=size=320x180:rate=30:duration=1 -c:v libx264 -bf 2 \
                 -pix_fmt yuv420p -muxdelay 0 -output_ts_offset {from}"
            ),
        )
    };
    let mut outputs = Vec::new();
    for from in [12, 10, 15, 10, 10] {
        let source = segment(from);
        assert_eq!(run(&[], &work()).unwrap_err(), TranscodeFailure::EmptyData);
        assert!(run(&source[..500], &work()).is_err());
        let bytes = one(&source, profile(160, 90, FrameRate::SOURCE));
        assert_eq!(frame_pts(&bytes), frame_pts(&source));
        outputs.push(bytes);
    }
    // The same segment gives the same packets. Their sizes are left alone: x264's rate control
    // may differ by a byte or two where several encoders share a process.
    let packets = |bytes: &[u8]| {
        ffprobe(
            bytes,
            "-select_streams v -show_entries packet=pts,dts,flags",
        )
    };
    assert_eq!(packets(&outputs[1]), packets(&outputs[3]));
    assert_eq!(packets(&outputs[1]), packets(&outputs[4]));
}

#[test]
fn short_segments_later_in_a_session_come_out_whole_and_in_time() {
    let first = moving(320, 180, "30", "ts");
    let mut dts = packet_dts(&one(&first, profile(160, 90, FrameRate::SOURCE)));
    let mut at = 0;
    for frames in [1, 2, 3, 5, 6, 10] {
        let later = packets::with_times(&short(frames), VIDEO, |_, time| time + 180_000 + at);
        at += i64::from(frames) * 3000;
        let product = run(&later, &work()).unwrap();
        let bytes = &product.renditions[0].bytes;
        assert_eq!(decode_check(bytes).unwrap().frames, u64::from(frames));
        assert_eq!(frame_pts(bytes), frame_pts(&later));
        dts.extend(packet_dts(bytes));
    }
    assert!(dts.windows(2).all(|pair| pair[0] < pair[1]), "{dts:?}");
}

#[test]
fn consecutive_mp4_outputs_are_each_complete() {
    let mut asked = profile(160, 90, FrameRate::SOURCE);
    asked.container = Some(Container::Mp4);
    for from in [10, 12, 15] {
        let source = made(
            &format!("ordered-{from}.ts"),
            &format!(
                "-f lavfi -i testsrc2=size=320x180:rate=30:duration=1 -c:v libx264 -bf 2 \
                 -pix_fmt yuv420p -muxdelay 0 -output_ts_offset {from}"
            ),
        );
        let bytes = one(&source, asked.clone());
        assert_eq!(&bytes[4..8], b"ftyp");
        let place = |name: &[u8]| bytes.windows(4).position(|window| window == name);
        assert!(place(b"moov").unwrap() < place(b"mdat").unwrap());
        let times = decode_check(&bytes).unwrap().pts;
        assert_eq!(times.len(), 30);
        assert_eq!(times[0], i64::from(from) * 90_000);
    }
}

#[test]
fn a_segment_of_sound_alone_is_no_first_segment_but_a_later_one() {
    let sound = made(
        "sound-only.ts",
        "-f lavfi -i sine=frequency=440:duration=2 -c:a aac -muxdelay 0",
    );
    let announced = without(&moving(320, 180, "30", "ts"), VIDEO);
    let later = Settings {
        sound_alone: true,
        ..Settings::default()
    };
    for source in [sound, announced] {
        let failure = run(&source, &work()).unwrap_err();
        assert_eq!(failure, TranscodeFailure::InvalidVideo);
        let product = transcode(&source, &work(), &later, &Control::new(1)).unwrap();
        assert_eq!(
            (product.decoded_frames, product.renditions[0].pixels.0),
            (0, 0)
        );
        assert_eq!(streams(&product.renditions[0].bytes), ["audio"]);
    }
    let product = transcode(&silent(), &work(), &later, &Control::new(1)).unwrap();
    assert_eq!(product.decoded_frames, 30);
}

#[test]
fn a_long_track_that_is_only_announced_is_refused_at_once() {
    let source = made(
        "announced-long.ts",
        "-f lavfi -i testsrc2=size=160x90:rate=1:duration=120 -f lavfi -i \
         sine=frequency=440:duration=120 -c:v libx264 -pix_fmt yuv420p -c:a aac -b:a 32k \
         -muxdelay 0",
    );
    let announced = without(&source, VIDEO);
    let started = std::time::Instant::now();
    let failure = run(&announced, &work()).unwrap_err();
    assert_eq!(failure, TranscodeFailure::InvalidVideo);
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
}

#[test]
fn options_repeated_over_segments_do_not_add_up() {
    let settings = Settings {
        encoder_options: vec![("x264-params".into(), "keyint=10:scenecut=0".into())],
        ..Settings::default()
    };
    let source = moving(320, 180, "30", "ts");
    let mut asked = work();
    (asked.audio, asked.video) = (AudioMode::Drop, VideoMode::Encode);
    let [first, second] = [(), ()].map(|()| {
        let product = transcode(&source, &asked, &settings, &Control::new(1)).unwrap();
        product.renditions[0].bytes.clone()
    });
    for bytes in [first, second] {
        assert_eq!(crate::clips::keys(&bytes), [0, 10, 20, 30, 40, 50]);
    }
}
