//! Several segments made one file.

use streamflow_ffmpeg::{Cancel, Joiner, decode_check};
use streamflow_types::{Container, TranscodeFailure};

use crate::clips::{ffprobe, frame_pts, made, moving, packet_dts, sound_times};
use crate::packets::{self, SOUND, VIDEO};

const LIMIT: usize = 64 << 20;

fn joiner(container: Container) -> Joiner {
    Joiner::new(container, LIMIT, Cancel::default()).unwrap()
}

/// Two seconds from 10 s on, and the same from another time on.
fn part(moved: i64) -> Vec<u8> {
    let source = moving(320, 180, "30", "ts");
    let source = packets::with_times(&source, VIDEO, |_, time| time + moved);
    packets::with_times(&source, SOUND, |_, time| time + moved)
}

#[test]
fn segments_that_run_on_are_joined_as_they_are() {
    for container in [Container::MpegTs, Container::Mp4] {
        let mut file = joiner(container);
        let mut dropped = 0;
        for moved in [0, 180_000, 360_000] {
            dropped += file.add(&part(moved), false).unwrap().dropped;
        }
        // The sound of a segment reaches a little into the next one's time.
        assert!(dropped <= 4, "{dropped}");
        let bytes = file.finish().unwrap();
        let report = decode_check(&bytes).unwrap();
        assert_eq!((report.frames, report.errors), (180, 0), "{container:?}");
        assert!(report.pts.windows(2).all(|pair| pair[1] - pair[0] == 3000));
        assert_eq!(report.pts[0], frame_pts(&part(0))[0]);
        let sound = sound_times(&bytes);
        assert!(sound.windows(2).all(|pair| pair[0] < pair[1]));
        if container == Container::Mp4 {
            let place = |name: &[u8]| bytes.windows(4).position(|window| window == name);
            assert!(place(b"moov").unwrap() < place(b"mdat").unwrap());
        }
    }
}

#[test]
fn after_a_break_times_run_on() {
    for moved in [-800_000, 0, 9_000_000] {
        let mut file = joiner(Container::MpegTs);
        file.add(&part(0), false).unwrap();
        let joined = file.add(&part(moved), true).unwrap();
        assert_eq!(joined.dropped, 0);
        let bytes = file.finish().unwrap();
        let times = frame_pts(&bytes);
        assert_eq!(times.len(), 120);
        let gap = times[60] - times[59];
        assert!((3000..18_000).contains(&gap), "{moved}: {gap}");
        let dts = packet_dts(&bytes);
        assert!(dts.windows(2).all(|pair| pair[0] < pair[1]), "{moved}");
        let sound = sound_times(&bytes);
        assert!(sound.windows(2).all(|pair| pair[0] < pair[1]), "{moved}");
        // Sound and picture keep their distance over the break.
        let (first, second) = (sound_times(&part(0)).len(), times[60] as f64 / 90_000.0);
        let before = sound[0] - times[0] as f64 / 90_000.0;
        assert!((sound[first] - second - before).abs() < 1e-4, "{moved}");
    }
}

#[test]
fn what_goes_back_in_time_is_left_out() {
    let mut file = joiner(Container::MpegTs);
    let whole = file.add(&part(0), false).unwrap();
    let again = file.add(&part(0), false).unwrap();
    assert_eq!((again.written, again.dropped), (0, whole.written));
    // One second of two is old.
    let half = file.add(&part(90_000), false).unwrap();
    assert!(half.written > 0 && half.dropped > 0, "{half:?}");
    let bytes = file.finish().unwrap();
    let dts = packet_dts(&bytes);
    assert!(dts.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_stopped_file_can_still_be_finished() {
    let cancel = Cancel::default();
    let mut file = Joiner::new(Container::Mp4, LIMIT, cancel.clone()).unwrap();
    file.add(&part(0), false).unwrap();
    cancel.cancel();
    let failure = file.add(&part(180_000), false).unwrap_err();
    assert_eq!(failure, TranscodeFailure::Stopped);
    assert_eq!(decode_check(&file.finish().unwrap()).unwrap().frames, 60);
}

#[test]
fn segments_that_cannot_be_joined_are_refused_and_leave_the_file_whole() {
    let mut file = joiner(Container::MpegTs);
    assert_eq!(
        file.add(&[], false).unwrap_err(),
        TranscodeFailure::EmptyData
    );
    assert!(file.add(b"no video", false).is_err());
    file.add(&part(0), false).unwrap();
    let other = made(
        "joined-hevc.ts",
        "-f lavfi -i testsrc2=size=320x180:rate=30:duration=1 -c:v libx265 -preset ultrafast \
         -x265-params log-level=none -pix_fmt yuv420p -muxdelay 0",
    );
    assert_eq!(
        file.add(&other, true).unwrap_err(),
        TranscodeFailure::UnsupportedCodec
    );
    assert_eq!(decode_check(&file.finish().unwrap()).unwrap().frames, 60);
    assert_eq!(
        joiner(Container::Mp4).finish().unwrap_err(),
        TranscodeFailure::EmptyData
    );
    let mut small = Joiner::new(Container::MpegTs, 50_000, Cancel::default()).unwrap();
    assert!(small.add(&part(0), false).is_err());
}

#[test]
fn mp4_segments_are_joined_where_their_headers_agree() {
    for container in [Container::MpegTs, Container::Mp4] {
        let mut file = joiner(container);
        let source = moving(320, 180, "30", "mp4");
        file.add(&source, false).unwrap();
        assert_eq!(file.add(&source, true).unwrap().dropped, 0);
        let other = moving(640, 360, "30", "mp4");
        let failure = file.add(&other, true).unwrap_err();
        assert_eq!(failure, TranscodeFailure::UnsupportedCodec);
        let failure = file.add(&part(0), true).unwrap_err();
        assert_eq!(failure, TranscodeFailure::UnrecognizedFormat);
        let bytes = file.finish().unwrap();
        let codecs = ffprobe(&bytes, "-show_entries stream=codec_name");
        assert_eq!(codecs, ["h264", "aac"]);
        let report = decode_check(&bytes).unwrap();
        assert_eq!((report.frames, report.errors), (120, 0));
    }
}
