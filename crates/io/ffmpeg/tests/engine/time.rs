//! Times of pictures, rates and key frames.

use std::time::Duration;

use streamflow_ffmpeg::{Control, Settings, decode_check, transcode};
use streamflow_types::{Clip, Container, FrameRate, Gop, TranscodeFailure, Work};

use crate::clips::{frame_pts, keys, made, moving, one, packet_dts, profile, run, sound_times};

#[test]
fn times_of_the_source_come_out_exactly() {
    for container in [Container::MpegTs, Container::Mp4] {
        let source = moving(320, 180, "30", "ts");
        let mut asked = profile(160, 90, FrameRate::SOURCE);
        asked.container = Some(container);
        let bytes = one(&source, asked);
        assert_eq!(frame_pts(&bytes), frame_pts(&source), "{container:?}");
    }
}

#[test]
fn times_from_zero_keep_their_place_beside_early_decoding_times() {
    let source = made(
        "from-zero.mp4",
        "-f lavfi -i testsrc2=size=320x180:rate=30:duration=1 -c:v libx264 -bf 2 \
         -pix_fmt yuv420p",
    );
    for container in [Container::MpegTs, Container::Mp4] {
        let mut asked = profile(160, 90, FrameRate::SOURCE);
        asked.container = Some(container);
        let bytes = one(&source, asked);
        let report = decode_check(&bytes).unwrap();
        let step = i64::from(report.time_base.1) / 30;
        let expected: Vec<i64> = (0..30).map(|number| number * step).collect();
        assert_eq!((report.pts, report.errors), (expected, 0), "{container:?}");
    }
}

#[test]
fn uneven_times_come_out_exactly() {
    let source = made(
        "uneven.ts",
        "-f lavfi -i testsrc2=size=320x180:rate=30:duration=2 -vf \
         select='not(eq(mod(n,7),3))*not(eq(mod(n,11),5))' -vsync vfr -c:v libx264 -bf 3 \
         -pix_fmt yuv420p -muxdelay 0 -output_ts_offset 3",
    );
    let times = frame_pts(&source);
    assert!(times.len() > 40 && times.len() < 60);
    let bytes = one(&source, profile(320, 180, FrameRate::SOURCE));
    assert_eq!(frame_pts(&bytes), times);
    assert_eq!(decode_check(&bytes).unwrap().pts, times);
}

#[test]
fn a_clock_that_falls_back_runs_on() {
    let once = moving(320, 180, "30", "ts");
    let source = [once.clone(), once.clone()].concat();
    for (fps, frames) in [(FrameRate::SOURCE, 120), (FrameRate::whole(15), 60)] {
        let bytes = one(&source, profile(160, 90, fps));
        let pts = frame_pts(&bytes);
        assert_eq!(pts.len(), frames, "{fps:?}");
        let steps = pts.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(
            steps
                .into_iter()
                .all(|step| step == 360_000 / frames as i64),
            "{fps:?}"
        );
        // The sound moves with the picture.
        let sound = sound_times(&bytes);
        assert!(sound[sound.len() - 1] - sound[0] > 3.8, "{sound:?}");
    }
}

#[test]
fn set_rates_give_exact_counts() {
    let cases = [
        ("60", (30, 1), 60),
        ("30", (60, 1), 120),
        ("30", (30_000, 1001), 60),
        ("30", (24_000, 1001), 48),
        ("60000/1001", (30_000, 1001), 60),
        ("24000/1001", (24_000, 1001), 48),
        ("30", (60_000, 1001), 120),
        ("30", (1, 1), 2),
    ];
    for (rate, (num, den), expected) in cases {
        let source = moving(320, 180, rate, "ts");
        let bytes = one(&source, profile(160, 90, FrameRate { num, den }));
        let report = decode_check(&bytes).unwrap();
        let off = report.frames.abs_diff(expected);
        // Only whole rates of both sides meet the segment's end exactly.
        let exact = !rate.contains('/') && den == 1;
        assert!(
            off <= u64::from(!exact),
            "{rate} to {num}/{den}: {}",
            report.frames
        );
        let steps: Vec<i64> = report
            .pts
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .collect();
        let step = 90_000 * i64::from(den) / i64::from(num);
        assert!(
            steps.iter().all(|found| (step..=step + 1).contains(found)),
            "{rate} {num}"
        );
    }
}

#[test]
fn consecutive_segments_join_without_overlap() {
    let source = |part: u32| {
        made(
            &format!("part-{part}.ts"),
            &format!(
                "-f lavfi -i testsrc2=size=320x180:rate=30:duration=6 -ss {} -t 2 -c:v libx264 \
                 -bf 2 -g 60 -pix_fmt yuv420p -muxdelay 0 -output_ts_offset {}",
                part * 2,
                10 + part * 2
            ),
        )
    };
    for fps in [
        FrameRate::SOURCE,
        FrameRate::whole(30),
        FrameRate {
            num: 24_000,
            den: 1001,
        },
    ] {
        let parts = [0, 1, 2].map(|part| one(&source(part), profile(320, 180, fps)));
        let dts: Vec<i64> = parts.iter().flat_map(|part| packet_dts(part)).collect();
        assert!(
            dts.windows(2).all(|pair| pair[0] < pair[1]),
            "{fps:?}: {dts:?}"
        );
        let pts: Vec<i64> = parts.iter().flat_map(|part| frame_pts(part)).collect();
        let longest = pts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(longest <= 3755, "{fps:?}: {longest}");
    }
}

#[test]
fn key_frames_stand_where_asked() {
    let source = moving(320, 180, "30", "ts");
    let keys_of = |gop, fps| {
        let mut asked = profile(160, 90, fps);
        asked.gop = gop;
        keys(&one(&source, asked))
    };
    let half = Gop::Every(Duration::from_millis(500));
    for fps in [FrameRate::whole(30), FrameRate::SOURCE] {
        let keys = keys_of(half, fps);
        assert!(
            [0, 15, 30, 45].iter().all(|key| keys.contains(key)),
            "{fps:?}: {keys:?}"
        );
        assert_eq!(keys_of(Gop::Default, fps), [0]);
        assert_eq!(keys_of(Gop::Intra, fps).len(), 60);
    }
    let mut invalid = profile(160, 90, FrameRate::SOURCE);
    invalid.gop = Gop::Every(Duration::ZERO);
    let failure = run(&source, &Work::new(vec![invalid])).unwrap_err();
    assert_eq!(failure, TranscodeFailure::InvalidGop);
}

#[test]
fn forced_key_frames_are_ones_to_start_decoding_at() {
    let source = moving(320, 180, "30", "ts");
    for fps in [
        FrameRate::SOURCE,
        FrameRate {
            num: 30_000,
            den: 1001,
        },
    ] {
        let mut asked = profile(160, 90, fps);
        asked.gop = Gop::Every(Duration::from_millis(500));
        let bytes = one(&source, asked);
        let starts = crate::packets::key_slices(&bytes);
        // At 29.97 a second 14 pictures fit into half a second, at the source's rate 15.
        let expected: &[usize] = match fps {
            FrameRate::SOURCE => &[0, 15, 30, 45],
            _ => &[0, 14, 28, 42, 56],
        };
        assert!(
            expected.iter().all(|key| starts.contains(key)),
            "{fps:?}: {starts:?}"
        );
        assert_eq!(starts, keys(&bytes), "{fps:?}");
    }
}

#[test]
fn a_picture_shown_again_is_scaled_once() {
    let slow = made(
        "slow.ts",
        "-f lavfi -i testsrc2=size=1280x720:rate=5/4 -frames:v 3 -c:v libx264 -preset ultrafast \
         -bf 0 -pix_fmt yuv420p -muxdelay 0",
    );
    let work = Work::new(vec![profile(320, 180, FrameRate::whole(30))]);
    let repeated = run(&slow, &work).unwrap();
    let frames = repeated.renditions[0].pixels.0 / (320 * 180);
    assert_eq!((repeated.decoded_frames, frames), (3, 72));
    let fluent = run(&moving(1280, 720, "30", "ts"), &work).unwrap();
    // Three pictures scaled beside sixty, with room for graphs made and a busy machine.
    assert!(
        repeated.stages.scale * 3 < fluent.stages.scale,
        "{:?} {:?}",
        repeated.stages,
        fluent.stages
    );
}

#[test]
fn sound_keeps_its_distance_from_the_picture() {
    let source = moving(320, 180, "30", "ts");
    let distance = |bytes: &[u8]| {
        let first = frame_pts(bytes)[0] as f64 / 90_000.0;
        sound_times(bytes)[0] - first
    };
    let bytes = one(&source, profile(160, 90, FrameRate::SOURCE));
    assert!((distance(&bytes) - distance(&source)).abs() < 1e-4);
    assert_eq!(sound_times(&bytes).len(), sound_times(&source).len());
}

#[test]
fn pictures_far_apart_are_a_runaway_before_anything_is_scaled() {
    let source = made(
        "far-apart.ts",
        "-f lavfi -i testsrc2=size=320x180:rate=1/20 -frames:v 2 -c:v libx264 -bf 0 \
         -pix_fmt yuv420p -muxdelay 0",
    );
    let work = Work::new(vec![profile(320, 180, FrameRate::whole(30))]);
    assert_eq!(run(&source, &work).unwrap_err(), TranscodeFailure::Runaway);
    let kept = Work::new(vec![profile(320, 180, FrameRate::SOURCE)]);
    assert_eq!(
        run(&source, &kept).unwrap().renditions[0].pixels.0,
        2 * 320 * 180
    );
}

#[test]
fn a_clip_starts_at_zero_and_ends_where_asked() {
    let source = moving(320, 180, "30", "ts");
    let mut work = Work::new(vec![profile(160, 90, FrameRate::SOURCE)]);
    work.clip = Some(Clip {
        from: Duration::from_millis(500),
        to: Some(Duration::from_millis(1499)),
    });
    let product = run(&source, &work).unwrap();
    let pts = frame_pts(&product.renditions[0].bytes);
    assert_eq!((pts.len(), pts[0]), (30, 0));
    assert!(sound_times(&product.renditions[0].bytes)[0] >= 0.0);
    work.clip = Some(Clip {
        from: Duration::from_secs(2),
        to: Some(Duration::from_secs(1)),
    });
    assert_eq!(
        run(&source, &work).unwrap_err(),
        TranscodeFailure::InvalidClip
    );
    work.clip = Some(Clip {
        from: Duration::from_secs(100),
        to: None,
    });
    assert_eq!(
        run(&source, &work).unwrap_err(),
        TranscodeFailure::InvalidClip
    );
}

#[test]
fn no_thread_budget_changes_a_result() {
    let source = moving(320, 180, "30", "ts");
    let work = Work::new(vec![
        profile(320, 180, FrameRate::SOURCE),
        profile(160, 90, FrameRate::whole(15)),
    ]);
    let pixels = |threads| {
        let control = Control::new(threads);
        let product = transcode(&source, &work, &Settings::default(), &control).unwrap();
        product
            .renditions
            .iter()
            .map(|rendition| rendition.pixels.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(pixels(1), pixels(8));
    assert_eq!(pixels(1), [60 * 320 * 180, 30 * 160 * 90]);
}
