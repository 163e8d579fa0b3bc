//! Streams beside the picture: passed on, left out, ignored, with clocks of their own.

use streamflow_ffmpeg::decode_check;
use streamflow_types::{AudioMode, Container, FrameRate, TranscodeFailure, VideoMode, Work};

use crate::clips::{
    ffprobe, frame_pts, made, moving, packet_dts, path_of, profile, run, sound_times,
};
use crate::packets::{self, SOUND, VIDEO};

fn work(audio: AudioMode, video: VideoMode, container: Container) -> Work {
    let mut asked = profile(160, 90, FrameRate::SOURCE);
    asked.container = Some(container);
    Work {
        audio,
        video,
        ..Work::new(vec![asked])
    }
}

fn only(source: &[u8], work: &Work) -> Vec<u8> {
    run(source, work).unwrap().renditions[0].bytes.to_vec()
}

fn codecs(bytes: &[u8]) -> Vec<String> {
    ffprobe(bytes, "-show_entries stream=codec_name")
}

/// When pictures and sound show, in seconds.
fn seconds(bytes: &[u8], stream: &str) -> Vec<f64> {
    let entries = format!("-select_streams {stream} -show_entries packet=pts_time");
    let mut times: Vec<f64> = ffprobe(bytes, &entries)
        .iter()
        .filter_map(|line| line.split(',').next()?.parse().ok())
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

#[test]
fn pictures_out_of_order_are_passed_on_between_all_containers() {
    for from in ["ts", "mp4"] {
        let source = moving(320, 180, "30", from);
        for to in [Container::MpegTs, Container::Mp4] {
            for audio in [AudioMode::Copy, AudioMode::Drop, AudioMode::Aac] {
                let bytes = only(&source, &work(audio, VideoMode::Copy, to));
                let report = decode_check(&bytes).unwrap();
                assert_eq!((report.frames, report.errors), (60, 0), "{from} {to:?}");
                assert_eq!((report.width, report.height), (320, 180));
                let expected: &[&str] = match audio {
                    AudioMode::Drop => &["h264"],
                    _ => &["h264", "aac"],
                };
                assert_eq!(codecs(&bytes), expected);
                let (given, made) = (seconds(&source, "v"), seconds(&bytes, "v"));
                for (given, made) in given.iter().zip(&made) {
                    assert!((given - made).abs() < 2e-5, "{from} {to:?}: {given} {made}");
                }
                let dts = packet_dts(&bytes);
                assert!(dts.windows(2).all(|pair| pair[0] < pair[1]), "{dts:?}");
            }
        }
    }
}

#[test]
fn sound_alone_is_passed_on_or_encoded_when_pictures_are_left_out() {
    let source = moving(320, 180, "30", "ts");
    for container in [Container::MpegTs, Container::Mp4] {
        for audio in [AudioMode::Copy, AudioMode::Aac] {
            let bytes = only(&source, &work(audio, VideoMode::Drop, container));
            assert_eq!(codecs(&bytes), ["aac"]);
            let (given, made) = (sound_times(&source), sound_times(&bytes));
            assert!((given[0] - made[0]).abs() < 0.03, "{container:?} {audio:?}");
        }
    }
}

#[test]
fn a_picture_passed_on_keeps_the_word_on_how_to_turn_it() {
    moving(640, 360, "30", "mp4");
    let path = path_of("moving-640x360-30.mp4");
    let source = made(
        "rotated.mp4",
        &format!("-i {} -c copy -metadata:s:v rotate=90", path.display()),
    );
    let bytes = only(
        &source,
        &work(AudioMode::Copy, VideoMode::Copy, Container::Mp4),
    );
    let rotation = "-select_streams v -show_entries stream_side_data=rotation";
    assert_eq!(ffprobe(&bytes, rotation), ffprobe(&source, rotation));
    assert!(!ffprobe(&source, rotation).is_empty());
}

#[test]
fn data_and_unknown_streams_are_ignored() {
    moving(320, 180, "30", "ts");
    let path = path_of("moving-320x180-30.ts");
    let data = path_of("data.bin");
    std::fs::write(&data, vec![0x55; 20_000]).unwrap();
    let with_data = made(
        "with-data.ts",
        &format!(
            "-i {} -f data -i {} -map 0:v -map 0:a -map 1:d -c copy -muxdelay 0 -copyts",
            path.display(),
            data.display()
        ),
    );
    assert!(codecs(&with_data).len() > 2, "{:?}", codecs(&with_data));
    let unknown = packets::with_stream_type(&with_data, 0x102, 0xf3);
    for source in [with_data, unknown] {
        let product = run(
            &source,
            &work(AudioMode::Copy, VideoMode::Encode, Container::MpegTs),
        )
        .unwrap();
        assert_eq!(product.decoded_frames, 60);
        assert_eq!(codecs(&product.renditions[0].bytes), ["h264", "aac"]);
    }
}

#[test]
fn sound_whose_time_falls_back_is_kept_in_order() {
    let source = moving(320, 180, "30", "ts");
    let wrong = packets::with_times(&source, SOUND, |number, time| match number % 4 {
        2 => time - 20_000,
        _ => time,
    });
    for container in [Container::MpegTs, Container::Mp4] {
        for audio in [AudioMode::Copy, AudioMode::Aac] {
            let bytes = only(&wrong, &work(audio, VideoMode::Encode, container));
            assert_eq!(decode_check(&bytes).unwrap().frames, 60);
            let times = sound_times(&bytes);
            assert!(times.len() >= sound_times(&source).len() - 3, "{audio:?}");
            assert!(
                times.windows(2).all(|pair| pair[0] < pair[1]),
                "{container:?} {audio:?}"
            );
        }
    }
}

#[test]
fn sound_of_a_changing_rate_is_encoded_at_one() {
    let part = |rate: u32, from: u32| {
        made(
            &format!("rate-{rate}.ts"),
            &format!(
                "-f lavfi -i testsrc2=size=320x180:rate=30:duration=1 -f lavfi -i \
                 sine=frequency=440:sample_rate={rate}:duration=1 -c:v libx264 -pix_fmt yuv420p \
                 -c:a mp2 -b:a 64k -muxdelay 0 -output_ts_offset {from}"
            ),
        )
    };
    let source = [part(44_100, 10), part(48_000, 11), part(32_000, 12)].concat();
    let bytes = only(
        &source,
        &work(AudioMode::Aac, VideoMode::Encode, Container::Mp4),
    );
    let found = ffprobe(
        &bytes,
        "-select_streams a -show_entries stream=codec_name,sample_rate",
    );
    assert_eq!(found, ["aac,44100"]);
    let times = sound_times(&bytes);
    let played = times[times.len() - 1] - times[0];
    assert!((2.85..3.05).contains(&played), "{played}");
    assert_eq!(decode_check(&bytes).unwrap().frames, 90);
}

#[test]
fn a_rate_that_aac_has_not_becomes_the_nearest() {
    let source = made(
        "flac-50k.mp4",
        "-f lavfi -i testsrc2=size=320x180:rate=30:duration=1 -f lavfi -i \
         sine=frequency=440:sample_rate=50000:duration=1 -c:v libx264 -pix_fmt yuv420p \
         -c:a flac -strict -2 -ac 6",
    );
    let bytes = only(
        &source,
        &work(AudioMode::Aac, VideoMode::Encode, Container::MpegTs),
    );
    let shape = "-select_streams a -show_entries stream=codec_name,sample_rate,channels";
    assert_eq!(ffprobe(&bytes, shape), ["aac,48000,2"]);
    let times = sound_times(&bytes);
    assert!((0.9..1.1).contains(&(times[times.len() - 1] - times[0])));
}

#[test]
fn sound_that_a_container_cannot_hold_is_encoded_for_all() {
    let sources = [
        ("flac", "aac", "aac"),
        ("alac", "alac", "aac"),
        ("libopus", "opus", "opus"),
    ];
    for (encoder, in_mp4, in_both) in sources {
        let source = made(
            &format!("sound-{encoder}.mp4"),
            &format!(
                "-f lavfi -i testsrc2=size=320x180:rate=30:duration=1 -f lavfi -i \
                 sine=frequency=440:sample_rate=48000:duration=1 -c:v libx264 -pix_fmt yuv420p \
                 -c:a {encoder} -strict -2"
            ),
        );
        let mut asked = work(AudioMode::Copy, VideoMode::Encode, Container::Mp4);
        assert_eq!(codecs(&only(&source, &asked)), ["h264", in_mp4]);
        let stream = work(AudioMode::Copy, VideoMode::Encode, Container::MpegTs);
        asked.profiles.extend(stream.profiles);
        for rendition in run(&source, &asked).unwrap().renditions {
            assert_eq!(codecs(&rendition.bytes), ["h264", in_both]);
            assert!(sound_times(&rendition.bytes).len() > 10);
        }
    }
}

#[test]
fn pictures_that_a_container_cannot_hold_are_not_passed_on() {
    for (name, source) in crate::codecs::other_codecs() {
        for container in [Container::MpegTs, Container::Mp4] {
            let copied = run(&source, &work(AudioMode::Copy, VideoMode::Copy, container));
            if container == Container::Mp4 || name.starts_with("hevc") {
                let bytes = &copied.unwrap().renditions[0].bytes;
                assert_eq!(decode_check(bytes).unwrap().frames, 30, "{name}");
            } else {
                let failure = copied.unwrap_err();
                assert_eq!(failure, TranscodeFailure::UnrecognizedFormat, "{name}");
            }
        }
    }
}

#[test]
fn pictures_and_sound_left_out_together_leave_nothing_to_do() {
    let source = moving(320, 180, "30", "ts");
    let nothing = work(AudioMode::Drop, VideoMode::Drop, Container::MpegTs);
    assert_eq!(
        run(&source, &nothing).unwrap_err(),
        TranscodeFailure::InvalidArgument
    );
    let copied = work(AudioMode::Drop, VideoMode::Copy, Container::MpegTs);
    assert_eq!(codecs(&only(&source, &copied)), ["h264"]);
}

#[test]
fn a_turn_written_into_the_pictures_is_applied_like_one_of_the_container() {
    moving(640, 360, "30", "ts");
    let source = made(
        "turned-by-itself.ts",
        &format!(
            "-i {} -c copy -bsf:v h264_metadata=display_orientation=insert:rotate=90 -muxdelay 0 \
             -copyts",
            path_of("moving-640x360-30.ts").display()
        ),
    );
    let mut asked = work(AudioMode::Copy, VideoMode::Encode, Container::MpegTs);
    let size = |bytes: &[u8]| {
        let report = decode_check(bytes).unwrap();
        (report.width, report.height, report.frames)
    };
    assert_eq!(size(&only(&source, &asked)), (146, 260, 60));
    assert_eq!(frame_pts(&only(&source, &asked)), frame_pts(&source));
    asked.signature = true;
    assert_eq!(size(&only(&source, &asked)), (160, 90, 60));
}

#[test]
fn a_stream_without_decoding_times_makes_no_more_bytes_than_asked() {
    let source = moving(640, 360, "30", "ts");
    let without = packets::without_times(&source, VIDEO, |number| match number {
        0 => packets::Keep::All,
        _ => packets::Keep::Nothing,
    });
    for fps in [FrameRate::SOURCE, FrameRate::whole(30)] {
        let mut asked = profile(320, 180, fps);
        asked.bitrate = 200_000;
        let product = run(&without, &Work::new(vec![asked])).unwrap();
        // Two seconds, half as much again, and the sound.
        let bytes = product.renditions[0].bytes.len();
        assert!(bytes < 75_000 + 60_000, "{fps:?}: {bytes}");
        assert_eq!(
            decode_check(&product.renditions[0].bytes).unwrap().frames,
            60
        );
    }
}
