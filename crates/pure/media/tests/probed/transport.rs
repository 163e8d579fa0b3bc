//! Transport streams.

use streamflow_media::inspect::{AudioCodec, InspectError, VideoCodec, inspect};
use streamflow_types::{ChromaFormat, Codec};

use crate::made::{PICTURE, clip, ts};
use crate::{assert_agree, probe};

fn agrees(bytes: &[u8]) -> streamflow_media::inspect::MediaInfo {
    let info = inspect(bytes).unwrap();
    assert_agree(&info, &probe::probe(bytes, "mpegts"));
    let transport = info.transport.unwrap();
    assert_eq!((transport.continuity_errors, transport.lost_bytes), (0, 0));
    assert!(transport.tables_first);
    info
}

#[test]
fn a_real_clip_is_described_as_ffprobe_describes_it() {
    let bytes = include_bytes!("../../../../../tests/media/bunny-720p30.ts");
    let info = agrees(bytes);
    let video = info.video.as_ref().unwrap();
    assert_eq!(info.codec_strings(), ["avc1.64001f", "mp4a.40.2"]);
    assert_eq!(video.frame_count(), 120);
    assert_eq!(video.key_frames(), 2);
    assert!(video.starts_with_key());
    assert_eq!(video.duration().unwrap().0, 360_000);
    assert_eq!(probe::decoded_frames(bytes, "mpegts"), video.frame_count());
}

#[test]
fn b_frames_slices_and_rates_are_followed() {
    for (rate, options) in [
        ("24000/1001", "-c:v libx264 -preset veryfast -bf 3 -g 30"),
        (
            "30000/1001",
            "-c:v libx264 -preset ultrafast -x264-params slices=4",
        ),
        (
            "60000/1001",
            "-c:v libx264 -preset fast -tune zerolatency -x264-params sliced-threads=1",
        ),
        (
            "25",
            "-c:v libx264 -profile:v baseline -x264-params keyint=10:scenecut=0",
        ),
        (
            "60",
            "-c:v libx264 -preset veryfast -x264-params open-gop=1:keyint=15",
        ),
    ] {
        let picture = format!("testsrc2=size=320x180:rate={rate}");
        let bytes = clip(&picture, options);
        let info = agrees(&bytes);
        let count = info.video.unwrap().frame_count();
        assert_eq!(
            count,
            probe::decoded_frames(&bytes, "mpegts"),
            "{rate} {options}"
        );
    }
}

#[test]
fn cropped_and_deep_pictures_are_measured() {
    for (size, format, chroma, depth) in [
        ("854x480", "yuv420p", ChromaFormat::Yuv420, 8),
        ("426x242", "yuv422p", ChromaFormat::Yuv422, 8),
        ("322x182", "yuv444p", ChromaFormat::Yuv444, 8),
        ("1920x1080", "yuv420p10le", ChromaFormat::Yuv420, 10),
        ("320x180", "yuv422p10le", ChromaFormat::Yuv422, 10),
    ] {
        let picture = format!("testsrc2=size={size}:rate=10");
        let coded = format!("-c:v libx264 -preset ultrafast -pix_fmt {format}");
        let info = agrees(&clip(&picture, &coded));
        let input = info.input_format().unwrap();
        assert_eq!(
            (input.codec, input.chroma, input.bit_depth),
            (Codec::H264, chroma, depth)
        );
    }
}

#[test]
fn interlaced_frames_are_counted_once() {
    let coded = "-c:v libx264 -preset veryfast -x264-params tff=1:keyint=20";
    let bytes = clip("testsrc2=size=320x240:rate=25", coded);
    let count = agrees(&bytes).video.unwrap().frame_count();
    assert_eq!(count, probe::decoded_frames(&bytes, "mpegts"));
}

#[test]
fn hevc_is_described() {
    for format in ["yuv420p", "yuv420p10le"] {
        let coded = format!(
            "-c:v libx265 -preset ultrafast -pix_fmt {format} \
             -x265-params log-level=error:keyint=20:bframes=3"
        );
        let bytes = clip("testsrc2=size=640x362:rate=30", &coded);
        let info = agrees(&bytes);
        let video = info.video.as_ref().unwrap();
        assert_eq!(video.codec, VideoCodec::Known(Codec::H265));
        assert_eq!(video.frame_count(), probe::decoded_frames(&bytes, "mpegts"));
        let name = video.codec_string.as_deref().unwrap();
        let profile = if format.contains("10") {
            "hvc1.2.4.L"
        } else {
            "hvc1.1.6.L"
        };
        assert!(name.starts_with(profile), "{name}");
        assert_eq!(video.declared_rate, Some((30, 1)));
    }
}

#[test]
fn other_sound_is_described() {
    for (options, codec, name) in [
        (
            "-c:a libmp3lame -ar 44100",
            AudioCodec::MpegAudio,
            "mp4a.40.34",
        ),
        ("-c:a ac3", AudioCodec::Ac3, "ac-3"),
        ("-c:a libopus", AudioCodec::Opus, "opus"),
    ] {
        let bytes = ts(&format!(
            "-f lavfi -i {PICTURE}:duration=1 -f lavfi -i sine=duration=1 \
             -c:v libx264 -preset ultrafast {options}"
        ));
        let audio = inspect(&bytes).unwrap().audio.unwrap();
        assert_eq!(
            (audio.codec, audio.codec_string.as_deref()),
            (codec, Some(name))
        );
        assert!(audio.frames > 0 && audio.first_pts.is_some());
    }
}

#[test]
fn short_segments_are_counted() {
    for frames in [1, 2, 3, 5] {
        let bytes = ts(&format!(
            "-f lavfi -i {PICTURE} -frames:v {frames} -c:v libx264 -preset medium"
        ));
        let video = inspect(&bytes).unwrap().video.unwrap();
        assert_eq!(video.frame_count(), frames);
        assert!(video.starts_with_key());
        assert_eq!(
            video.duration().unwrap().0,
            3000 * i64::try_from(frames).unwrap()
        );
    }
}

#[test]
fn times_run_over_the_wrap() {
    // 2^33 ticks less one second.
    let bytes = ts(&format!(
        "-f lavfi -i {PICTURE}:duration=2 -c:v libx264 -preset ultrafast \
         -output_ts_offset 95442.7176889 -muxdelay 0 -muxpreload 0"
    ));
    let video = inspect(&bytes).unwrap().video.unwrap();
    let times = video.sorted_pts();
    assert!(times.first().unwrap().0 < 1 << 33 && times.last().unwrap().0 >= 1 << 33);
    assert_eq!(video.duration().unwrap().0, 180_000);
}

#[test]
fn sound_alone_and_silence_are_told_apart() {
    let sound = ts("-f lavfi -i sine=duration=1 -c:a aac");
    let info = inspect(&sound).unwrap();
    assert!(info.video.is_none() && !info.is_zero_video());
    assert_eq!(info.duration().unwrap().as_millis() / 100, 10);
    let video = ts(&format!(
        "-f lavfi -i {PICTURE}:duration=1 -c:v libx264 -preset ultrafast"
    ));
    assert!(inspect(&video).unwrap().audio.is_none());
}

#[test]
fn a_video_track_without_pictures_is_zero_video() {
    let whole = clip(PICTURE, "-c:v libx264 -preset ultrafast");
    let packets = whole.chunks(188);
    // 0x100 is the PID FFmpeg gives to the first stream.
    let kept: Vec<u8> = packets
        .filter(|packet| packet[1] & 0x1f != 1 || packet[2] != 0)
        .flatten()
        .copied()
        .collect();
    let info = inspect(&kept).unwrap();
    assert!(info.is_zero_video());
    assert!(info.input_format().is_none());
    let tables: Vec<u8> = whole.chunks(188).take(3).flatten().copied().collect();
    assert_eq!(inspect(&tables), Err(InspectError::NoStream));
}
