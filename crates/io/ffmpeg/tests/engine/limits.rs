//! Bounds, and what the caller may do while a job runs.

use std::thread;
use std::time::{Duration, Instant};

use streamflow_ffmpeg::{Control, Settings, transcode};
use streamflow_types::{AudioMode, FrameRate, TranscodeFailure, Work};

use crate::clips::{made, moving, profile, run};

fn work(outputs: usize) -> Work {
    Work::new(vec![profile(160, 90, FrameRate::SOURCE); outputs])
}

#[test]
fn ten_outputs_are_made_and_eleven_refused() {
    let source = moving(320, 180, "30", "ts");
    assert_eq!(run(&source, &work(10)).unwrap().renditions.len(), 10);
    assert_eq!(
        run(&source, &work(11)).unwrap_err(),
        TranscodeFailure::TooManyOutputs
    );
    assert_eq!(
        run(&source, &work(0)).unwrap_err(),
        TranscodeFailure::InvalidArgument
    );
}

#[test]
fn inputs_beyond_their_bounds_are_refused_before_decoding() {
    let source = moving(320, 180, "30", "ts");
    let with =
        |settings: Settings| transcode(&source, &work(1), &settings, &Control::new(1)).unwrap_err();
    let normal = Settings::default;
    let short = Duration::from_secs(1);
    assert_eq!(
        with(Settings {
            max_input_duration: short,
            ..normal()
        }),
        TranscodeFailure::InvalidDuration
    );
    assert_eq!(
        with(Settings {
            max_input_bytes: 1000,
            ..normal()
        }),
        TranscodeFailure::InvalidInput
    );
    for settings in [
        Settings {
            max_picture_side: 300,
            ..normal()
        },
        Settings {
            max_picture_pixels: 320 * 179,
            ..normal()
        },
    ] {
        assert!(!with(settings).is_retryable());
    }
    let strange = Settings {
        encoder_options: vec![("no-such-option".into(), "1".into())],
        ..normal()
    };
    assert_eq!(with(strange), TranscodeFailure::OptionNotFound);
}

#[test]
fn three_hundred_seconds_are_taken_and_more_are_not() {
    let source = |seconds: u32| {
        made(
            &format!("long-{seconds}.ts"),
            &format!(
                "-f lavfi -i color=size=160x90:rate=1:duration={seconds} -c:v libx264 -bf 0 \
                 -pix_fmt yuv420p -muxdelay 0"
            ),
        )
    };
    assert_eq!(run(&source(299), &work(1)).unwrap().decoded_frames, 299);
    let failure = run(&source(302), &work(1)).unwrap_err();
    assert_eq!(failure, TranscodeFailure::InvalidDuration);
}

#[test]
fn the_bit_rate_asked_for_is_met() {
    let source = moving(640, 360, "30", "ts");
    for bitrate in [400_000, 1_200_000] {
        let mut asked = work(1);
        asked.profiles[0] = profile(640, 360, FrameRate::SOURCE);
        asked.profiles[0].bitrate = bitrate;
        asked.audio = AudioMode::Drop;
        let bytes = run(&source, &asked).unwrap().renditions[0].bytes.len();
        let expected = bitrate as usize / 4;
        // A buffer of one second may be filled or emptied once.
        assert!(
            (expected / 2..expected * 3 / 2).contains(&bytes),
            "{bitrate}: {bytes}"
        );
    }
}

#[test]
fn a_cancelled_job_ends_at_once() {
    let source = moving(1280, 720, "30", "ts");
    let control = Control::new(1);
    let settings = Settings {
        preset: "slower".into(),
        ..Settings::default()
    };
    let mut asked = work(1);
    asked.profiles[0] = profile(1280, 720, FrameRate::SOURCE);
    let (cancelled, result) = thread::scope(|scope| {
        let running = scope.spawn(|| transcode(&source, &asked, &settings, &control));
        thread::sleep(Duration::from_millis(300));
        control.cancel.cancel();
        let cancelled = Instant::now();
        (cancelled, running.join().unwrap())
    });
    assert_eq!(result.unwrap_err(), TranscodeFailure::Stopped);
    assert!(
        cancelled.elapsed() < Duration::from_secs(2),
        "{:?}",
        cancelled.elapsed()
    );
}

#[test]
fn the_thread_budget_may_change_while_a_job_runs() {
    let source = moving(640, 360, "30", "ts");
    let control = Control::new(1);
    thread::scope(|scope| {
        let running = scope.spawn(|| transcode(&source, &work(4), &Settings::default(), &control));
        for threads in [3, 1, 8, 0, 2, 1].into_iter().cycle() {
            if running.is_finished() {
                break;
            }
            control.threads.set(threads);
            thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(running.join().unwrap().unwrap().renditions.len(), 4);
    });
}

#[test]
fn jobs_run_side_by_side() {
    let source = moving(320, 180, "30", "ts");
    thread::scope(|scope| {
        let jobs: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| run(&source, &work(2))))
            .collect();
        for job in jobs {
            assert_eq!(job.join().unwrap().unwrap().decoded_frames, 60);
        }
    });
}
