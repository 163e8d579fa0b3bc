//! A part of a segment instead of all of it.

use std::time::Duration;

use streamflow_ffmpeg::decode_check;
use streamflow_types::{AudioMode, Clip, Container, FrameRate, TranscodeFailure, VideoMode, Work};

use crate::clips::{frame_pts, keys, made, moving, profile, run, sound_times};

fn clip(from: u64, to: Option<u64>, fps: FrameRate) -> Work {
    let mut work = Work::new(vec![profile(160, 90, fps)]);
    work.clip = Some(Clip {
        from: Duration::from_millis(from),
        to: to.map(Duration::from_millis),
    });
    work
}

fn made_of(source: &[u8], work: &Work) -> Vec<u8> {
    let product = run(source, work).unwrap();
    let report = decode_check(&product.renditions[0].bytes).unwrap();
    assert_eq!(report.pixels, product.renditions[0].pixels);
    product.renditions[0].bytes.to_vec()
}

#[test]
fn a_clip_inside_a_group_and_one_across_key_frames_start_at_zero() {
    let source = made(
        "groups.ts",
        "-f lavfi -i testsrc2=size=320x180:rate=30:duration=2 -f lavfi -i \
         sine=frequency=440:duration=2 -c:v libx264 -bf 2 -g 20 -pix_fmt yuv420p -c:a aac \
         -muxdelay 0 -output_ts_offset 10",
    );
    for (from, to, frames) in [
        (100, Some(400), 10),
        (500, Some(1500), 31),
        (1000, None, 30),
        (0, Some(0), 1),
        (0, Some(10_000), 60),
    ] {
        let bytes = made_of(&source, &clip(from, to, FrameRate::SOURCE));
        let times = frame_pts(&bytes);
        assert_eq!((times.len(), times[0]), (frames, 0), "{from} {to:?}");
        assert_eq!(keys(&bytes)[0], 0);
        let sound = sound_times(&bytes);
        let end = frames as f64 / 30.0;
        assert!(
            sound.iter().all(|time| (0.0..end).contains(time)),
            "{from} {to:?}: {sound:?}"
        );
        assert!(
            sound.len() as f64 > end * 43.0 - 3.0,
            "{from} {to:?}: {}",
            sound.len()
        );
    }
}

#[test]
fn a_clip_at_another_rate_has_that_many_pictures() {
    let source = moving(320, 180, "30", "ts");
    for (fps, frames) in [
        (FrameRate::whole(15), 15),
        (FrameRate::whole(60), 60),
        (
            FrameRate {
                num: 30_000,
                den: 1001,
            },
            30,
        ),
    ] {
        for container in [Container::MpegTs, Container::Mp4] {
            let mut work = clip(500, Some(1499), fps);
            work.profiles[0].container = Some(container);
            let bytes = made_of(&source, &work);
            let times = frame_pts(&bytes);
            assert_eq!(
                (times.len(), times[0]),
                (frames, 0),
                "{fps:?} {container:?}"
            );
        }
    }
}

#[test]
fn clips_that_make_no_sense_are_refused() {
    let source = moving(320, 180, "30", "ts");
    let mut cases = vec![
        clip(1000, Some(999), FrameRate::SOURCE),
        clip(60_000, None, FrameRate::SOURCE),
        clip(60_000, Some(61_000), FrameRate::whole(30)),
    ];
    for video in [VideoMode::Copy, VideoMode::Drop] {
        let mut work = clip(0, Some(1000), FrameRate::SOURCE);
        work.video = video;
        cases.push(work);
    }
    for work in cases {
        let failure = run(&source, &work).unwrap_err();
        assert_eq!(failure, TranscodeFailure::InvalidClip, "{:?}", work.clip);
    }
    // Without sound a clip is as good.
    let mut silent = clip(500, None, FrameRate::SOURCE);
    silent.audio = AudioMode::Drop;
    assert_eq!(frame_pts(&made_of(&source, &silent)).len(), 45);
}
