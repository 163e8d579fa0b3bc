//! What is counted is what can be decoded.

use streamflow_ffmpeg::decode_check;
use streamflow_types::{Codec, Container, FrameRate, H264Profile, Work};

use crate::clips::{ffprobe, frame_pts, moving, one, profile, run, short};

#[test]
fn pixels_of_every_rendition_are_those_that_decode() {
    for container in ["ts", "mp4"] {
        let source = moving(640, 360, "30", container);
        let mut work = Work::new(vec![
            profile(640, 360, FrameRate::SOURCE),
            profile(426, 240, FrameRate::whole(30)),
            profile(256, 144, FrameRate::whole(15)),
        ]);
        work.profiles[1].container = Some(Container::Mp4);
        let product = run(&source, &work).unwrap();
        assert_eq!(product.decoded_frames, 60);
        assert_eq!(product.decoded_pixels.0, 640 * 360 * 60);
        let sizes = [(640, 360, 60), (426, 240, 60), (256, 144, 30)];
        for (rendition, (width, height, frames)) in product.renditions.iter().zip(sizes) {
            let report = decode_check(&rendition.bytes).unwrap();
            assert_eq!(
                (report.width, report.height, report.frames),
                (width, height, frames)
            );
            assert_eq!(report.pixels, rendition.pixels);
            assert_eq!(report.errors, 0);
            assert_eq!(frame_pts(&rendition.bytes).len() as u64, frames);
        }
    }
}

#[test]
fn segments_of_a_few_pictures_come_out_whole() {
    for frames in [1, 2, 3, 5, 6, 10] {
        let source = short(frames);
        for fps in [FrameRate::SOURCE, FrameRate::whole(30)] {
            let work = Work::new(vec![profile(320, 180, fps), profile(160, 90, fps)]);
            let product = run(&source, &work).unwrap();
            assert_eq!(product.decoded_frames, u64::from(frames));
            for rendition in &product.renditions {
                let report = decode_check(&rendition.bytes).unwrap();
                assert_eq!(
                    (report.frames, report.errors),
                    (u64::from(frames), 0),
                    "{fps:?}"
                );
                assert_eq!(report.pixels, rendition.pixels);
            }
        }
    }
}

#[test]
fn mp4_outputs_are_complete_and_start_with_their_index() {
    let source = moving(320, 180, "30", "ts");
    for _again in 0..3 {
        let mut asked = profile(320, 180, FrameRate::SOURCE);
        asked.container = Some(Container::Mp4);
        let bytes = one(&source, asked);
        let place = |name: &[u8]| bytes.windows(4).position(|window| window == name);
        assert!(place(b"moov") < place(b"mdat"));
        assert_eq!(
            ffprobe(&bytes, "-show_entries stream=codec_name"),
            ["h264", "aac"]
        );
    }
}

#[test]
fn fragmented_mp4_is_read() {
    let source = crate::clips::made(
        "fragmented.mp4",
        "-f lavfi -i testsrc2=size=320x180:rate=30:duration=1 -c:v libx264 -pix_fmt yuv420p \
         -movflags +frag_keyframe+empty_moov+default_base_moof",
    );
    let product = run(
        &source,
        &Work::new(vec![profile(160, 90, FrameRate::SOURCE)]),
    )
    .unwrap();
    assert_eq!(product.decoded_frames, 30);
}

#[test]
fn other_codecs_come_in_and_hevc_goes_out() {
    let hevc = crate::clips::made(
        "hevc-10bit.ts",
        "-f lavfi -i testsrc2=size=320x180:rate=30:duration=1 -c:v libx265 -preset ultrafast \
         -x265-params log-level=none -pix_fmt yuv420p10le -muxdelay 0",
    );
    let vp9 = crate::clips::made(
        "vp9.mp4",
        "-f lavfi -i testsrc2=size=320x180:rate=30:duration=1 -c:v libvpx-vp9 -deadline realtime \
         -cpu-used 8 -pix_fmt yuv444p",
    );
    for source in [hevc, vp9] {
        let mut asked = profile(320, 180, FrameRate::SOURCE);
        asked.codec = Codec::H265;
        let work = Work::new(vec![asked, profile(160, 90, FrameRate::SOURCE)]);
        let product = run(&source, &work).unwrap();
        assert_eq!(product.decoded_frames, 30);
        let codecs = product.renditions.iter().map(|rendition| {
            ffprobe(
                &rendition.bytes,
                "-select_streams v -show_entries stream=codec_name,pix_fmt",
            )
        });
        assert_eq!(
            codecs.collect::<Vec<_>>(),
            [["hevc,yuv420p"], ["h264,yuv420p"]]
        );
        for rendition in &product.renditions {
            assert_eq!(
                decode_check(&rendition.bytes).unwrap().pixels,
                rendition.pixels
            );
        }
    }
}

#[test]
fn profiles_have_or_lack_pictures_out_of_order() {
    let source = moving(320, 180, "30", "ts");
    let expected = [
        (H264Profile::Baseline, false, "Constrained Baseline"),
        (H264Profile::Main, true, "Main"),
        (H264Profile::High, true, "High"),
        (H264Profile::ConstrainedHigh, false, "High"),
        (H264Profile::Default, true, "High"),
    ];
    for (asked, reorders, name) in expected {
        let mut profile = profile(320, 180, FrameRate::whole(30));
        profile.h264_profile = asked;
        let bytes = one(&source, profile);
        let types = ffprobe(&bytes, "-select_streams v -show_entries frame=pict_type");
        assert_eq!(
            types.iter().any(|line| line.starts_with('B')),
            reorders,
            "{asked:?}"
        );
        assert_eq!(
            ffprobe(&bytes, "-select_streams v -show_entries stream=profile"),
            [name]
        );
    }
}
