//! Streams that break their container's rules in ways seen in the field: units out of order,
//! times missing or wrong, no place to start from.

use streamflow_ffmpeg::decode_check;
use streamflow_types::{FrameRate, TranscodeFailure, Work};

use crate::clips::{frame_pts, made, moving, one, packet_dts, profile, run};
use crate::packets::{self, VIDEO};

/// One second with a supplemental unit in front of each picture's slices.
fn with_supplements() -> Vec<u8> {
    made(
        "supplements.ts",
        "-f lavfi -i testsrc2=size=320x180:rate=30:duration=1 -c:v libx264 -bf 2 -pix_fmt yuv420p \
         -x264-params pic-struct=1:nal-hrd=vbr:vbv-maxrate=600:vbv-bufsize=600:slices=2 \
         -muxdelay 0 -output_ts_offset 10",
    )
}

#[test]
fn supplements_behind_slices_cost_no_picture_and_no_time() {
    let sound = with_supplements();
    let broken = packets::supplements_last(&sound);
    assert_ne!(sound, broken);
    let times = frame_pts(&sound);
    for source in [sound, broken] {
        let product = run(
            &source,
            &Work::new(vec![profile(320, 180, FrameRate::SOURCE)]),
        )
        .unwrap();
        let bytes = &product.renditions[0].bytes;
        assert_eq!(product.decoded_frames, 30);
        assert_eq!(frame_pts(bytes), times);
        assert_eq!(decode_check(bytes).unwrap().errors, 0);
    }
}

#[test]
fn packets_without_decoding_times_keep_their_order() {
    let source = moving(320, 180, "30", "ts");
    let without = packets::without_times(&source, VIDEO, |_| packets::Keep::Shown);
    assert_eq!(
        frame_pts(&one(&without, profile(320, 180, FrameRate::SOURCE))),
        frame_pts(&source)
    );
}

#[test]
fn pictures_without_any_time_are_spaced_by_the_rate() {
    for source in [moving(320, 180, "30", "ts"), with_supplements()] {
        let frames = frame_pts(&source).len();
        let without = packets::without_times(&source, VIDEO, |_| packets::Keep::Nothing);
        for fps in [FrameRate::SOURCE, FrameRate::whole(30)] {
            let bytes = one(&without, profile(160, 90, fps));
            let times = frame_pts(&bytes);
            assert_eq!(times.len(), frames, "{fps:?}");
            assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
            let dts = packet_dts(&bytes);
            assert!(dts.windows(2).all(|pair| pair[0] < pair[1]), "{dts:?}");
        }
    }
}

#[test]
fn single_missing_times_are_filled_in() {
    let source = moving(320, 180, "30", "ts");
    let some = |number| match number % 5 {
        3 => packets::Keep::Nothing,
        _ => packets::Keep::All,
    };
    let without = packets::without_times(&source, VIDEO, some);
    let times = frame_pts(&one(&without, profile(160, 90, FrameRate::SOURCE)));
    let right = frame_pts(&source);
    assert_eq!(times.len(), right.len());
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
    let off = times.iter().zip(&right).map(|(a, b)| (a - b).abs()).max();
    assert!(off < Some(2 * 3000), "{times:?}");
}

#[test]
fn equal_and_backward_times_are_moved_on() {
    let source = made(
        "no-reorder.ts",
        "-f lavfi -i testsrc2=size=320x180:rate=30:duration=1 -c:v libx264 -bf 0 \
         -pix_fmt yuv420p -muxdelay 0 -output_ts_offset 10",
    );
    let wrong = packets::with_times(&source, VIDEO, |number, time| match number {
        5 => time - 3000,
        9 => time - 7000,
        _ => time,
    });
    let times = frame_pts(&one(&wrong, profile(320, 180, FrameRate::SOURCE)));
    let mut expected = frame_pts(&source);
    expected[5] = expected[4] + 1;
    expected[9] = expected[8] + 1;
    assert_eq!(times, expected);
}

#[test]
fn alternating_clocks_between_segments_do_not_matter() {
    let source = moving(320, 180, "30", "ts");
    let early = packets::with_times(&source, VIDEO, |_, time| time - 800_000);
    for (segment, from) in [
        (&source, 0),
        (&early, 800_000),
        (&source, 0),
        (&early, 800_000),
    ] {
        let times = frame_pts(&one(segment, profile(160, 90, FrameRate::SOURCE)));
        let expected: Vec<i64> = frame_pts(&source).iter().map(|time| time - from).collect();
        assert_eq!(times, expected);
    }
}

#[test]
fn a_segment_that_begins_between_key_frames_starts_with_the_next() {
    let source = made(
        "two-groups.ts",
        "-f lavfi -i testsrc2=size=320x180:rate=30:duration=2 -c:v libx264 -bf 0 -g 20 \
         -keyint_min 20 -sc_threshold 0 -pix_fmt yuv420p -muxdelay 0 -output_ts_offset 10",
    );
    let late = packets::without_pictures(&source, VIDEO, |number| number < 7);
    let product = run(
        &late,
        &Work::new(vec![profile(320, 180, FrameRate::SOURCE)]),
    )
    .unwrap();
    assert_eq!(product.decoded_frames, 40);
    let times = frame_pts(&product.renditions[0].bytes);
    assert_eq!(times, frame_pts(&source)[20..]);
}

#[test]
fn a_segment_without_a_key_frame_says_so() {
    let source = moving(320, 180, "30", "ts");
    let work = Work::new(vec![profile(160, 90, FrameRate::SOURCE)]);
    // Headers stand, but the picture they belong to is only padding.
    let keyless = packets::without_key_slices(&source);
    assert_eq!(
        run(&keyless, &work).unwrap_err(),
        TranscodeFailure::NoKeyframes
    );
    // Without headers there is not even a size.
    let headless = packets::without_pictures(&source, VIDEO, |number| number == 0);
    assert_eq!(
        run(&headless, &work).unwrap_err(),
        TranscodeFailure::InvalidVideo
    );
}
