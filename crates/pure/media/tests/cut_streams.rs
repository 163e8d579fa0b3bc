//! Laws of the segmenter.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use streamflow_media::flv::{AudioCodec, AudioFormat, VideoFormat};
use streamflow_media::inspect::VideoCodec;
use streamflow_media::mpegts::Ticks;
use streamflow_media::mpegts::demux::TransportStream;
use streamflow_media::mpegts::mux::VIDEO_PID;
use streamflow_media::segmenter::{SegmentError, Segmenter, Settings};
use streamflow_types::{Codec, ManifestId, SegmentNumber, SourceSegment};

const AUDIO: AudioFormat = AudioFormat {
    codec: AudioCodec::Aac,
    rate: 48_000,
    frame_samples: 1024,
    channels: 2,
};

fn segmenter(settings: Settings, first: u64) -> Segmenter {
    let manifest = ManifestId::new("mani").expect("a name");
    Segmenter::new(settings, manifest, SegmentNumber(first))
}

fn video_format(tag: u8) -> VideoFormat {
    VideoFormat {
        codec: VideoCodec::Known(Codec::H264),
        parameter_sets: Bytes::from(vec![0, 0, 0, 1, 0x67, tag]),
    }
}

fn picture() -> Bytes {
    Bytes::from_static(&[0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, 0x65, 0x88])
}

/// Decoding and display times of all pictures, in the order of the stream.
fn picture_times(segments: &[SourceSegment]) -> Vec<(u64, u64)> {
    let whole: Vec<u8> = segments
        .iter()
        .flat_map(|s| s.bytes.iter().copied())
        .collect();
    let parsed = TransportStream::parse(&whole);
    assert_eq!(parsed.continuity_errors, 0);
    let track = parsed
        .streams
        .into_iter()
        .find(|stream| stream.pid == VIDEO_PID);
    let packets = track.map(|track| track.packets).unwrap_or_default();
    let wire = |time: Option<Ticks>| time.map(Ticks::to_wire).expect("every packet has times");
    packets
        .iter()
        .map(|packet| (wire(packet.dts), wire(packet.pts)))
        .collect()
}

/// How much later, over a wrap of the 33 bits if need be.
fn later(before: u64, after: u64) -> Ticks {
    Ticks(after as i64).wrapped_distance(Ticks(before as i64))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    /// A steady source of any rate, key frame distance and start, with or without sound.
    #[test]
    fn every_picture_comes_out_once_at_its_time_and_durations_add_up(
        step in 10u32..500,
        key_every in 1u32..16,
        start in prop_oneof![Just(0u32), 1u32..100_000, u32::MAX - 5_000..u32::MAX],
        pictures in 10u32..400,
        has_sound in any::<bool>(),
    ) {
        let mut segmenter = segmenter(Settings::default(), 0);
        segmenter.video_format(video_format(1));
        if has_sound {
            segmenter.audio_format(AUDIO);
        }
        let (mut segments, mut expected) = (Vec::new(), Vec::new());
        for index in 0..pictures {
            let (time, offset) = (start.wrapping_add(index * step), 2 * step);
            let key = index % key_every == 0;
            segments.extend(segmenter.video(time, offset as i32, key, picture()).unwrap());
            if has_sound {
                let frame = Bytes::from_static(&[0xff, 0xf1, 0, 0, 0, 0, 0, 1]);
                segments.extend(segmenter.audio(time.wrapping_add(3), frame).unwrap());
            }
            let dts = Ticks::from_millis(i64::from(start) + i64::from(index * step));
            let pts = dts + Ticks::from_millis(i64::from(offset));
            expected.push((dts.to_wire(), pts.to_wire()));
        }
        segments.extend(segmenter.finish());
        prop_assert!(segmenter.finish().is_none());
        prop_assert!(picture_times(&segments) == expected);
        for (index, segment) in (0u64..).zip(&segments) {
            prop_assert_eq!((segment.number.0, segment.discontinuity), (index, false));
        }
        let gop = Duration::from_millis(u64::from(key_every * step));
        for segment in segments.iter().rev().skip(1) {
            prop_assert!(segment.duration + Duration::from_millis(2) >= Duration::from_secs(2));
            prop_assert!(segment.duration < Duration::from_secs(2) + gop);
        }
        let played: Duration = segments.iter().map(|segment| segment.duration).sum();
        let exact = Duration::from_millis(u64::from(pictures * step));
        prop_assert!(played >= exact && played - exact <= Duration::from_millis(30));
    }

    /// Any order of any times and formats: nothing panics, times never go back, bounds hold.
    #[test]
    fn nothing_a_source_sends_breaks_the_stream(
        events in prop::collection::vec((0u8..6, any::<u32>(), -9_000i32..9_000), 0..300),
        jumps in any::<bool>(),
    ) {
        let settings = Settings { max_bytes: 20_000, ..Settings::default() };
        let mut segmenter = segmenter(settings, 7);
        let (mut segments, mut base) = (Vec::new(), 0u32);
        for (kind, time, offset) in events {
            base = base.wrapping_add(time % 900);
            let time = if jumps { time } else { base };
            let cut = match kind {
                0 => { segmenter.video_format(video_format(time as u8 % 2)); Ok(None) }
                1 => { segmenter.audio_format(AUDIO); Ok(None) }
                2 | 3 => segmenter.video(time, offset, kind == 2, picture()),
                _ => segmenter.audio(time, Bytes::from_static(b"sound")),
            };
            match cut {
                Ok(segment) => segments.extend(segment),
                Err(_) => break,
            }
        }
        segments.extend(segmenter.finish());
        let times = picture_times(&segments);
        prop_assert!(times.windows(2).all(|pair| later(pair[0].0, pair[1].0) > Ticks::ZERO));
        prop_assert!(times.iter().all(|(dts, pts)| later(*dts, *pts) >= Ticks::ZERO));
        for (number, segment) in (7u64..).zip(&segments) {
            prop_assert_eq!(segment.number.0, number);
            prop_assert!(segment.duration > Duration::ZERO);
        }
        if let Some(first) = segments.first() {
            prop_assert!(first.discontinuity, "numbers go on where another publisher left off");
        }
    }
}

#[test]
fn pictures_before_the_first_key_frame_are_left_out_and_counted() {
    let mut segmenter = segmenter(Settings::default(), 0);
    segmenter.video_format(video_format(1));
    for time in [0, 40, 80] {
        assert_eq!(
            segmenter
                .video(time, 0, false, picture())
                .unwrap()
                .map(|s| s.number),
            None
        );
    }
    segmenter.video(120, 0, true, picture()).unwrap();
    let segment = segmenter.finish().unwrap();
    assert_eq!(picture_times(&[segment]), [(120 * 90, 120 * 90)]);
    let facts = segmenter.facts();
    assert_eq!((facts.undecodable, facts.pictures), (3, 1));
}

#[test]
fn a_stream_without_key_frames_or_with_too_many_bytes_ends_with_a_reason() {
    let mut without = segmenter(Settings::default(), 0);
    without.video_format(video_format(1));
    without.video(0, 0, true, picture()).unwrap();
    let outcomes: Vec<_> = (1..600)
        .map(|index| without.video(index * 40, 0, false, picture()))
        .collect();
    let error = outcomes.into_iter().find_map(Result::err).unwrap();
    assert!(matches!(error, SegmentError::NoKeyFrame(_)));
    assert!(error.to_string().contains("below 8 s"), "{error}");
    assert!(without.finish().is_some());

    let mut large = segmenter(
        Settings {
            max_bytes: 1_000,
            ..Settings::default()
        },
        0,
    );
    large.video_format(video_format(1));
    let mut outcomes = (0..20).map(|_| large.video(0, 0, true, picture()));
    let error = outcomes.find_map(Result::err);
    assert_eq!(error, Some(SegmentError::TooLarge(1_000)));
}

#[test]
fn sound_goes_on_when_pictures_stop_and_pictures_come_back_with_a_key_frame() {
    let mut segmenter = segmenter(Settings::default(), 0);
    segmenter.video_format(video_format(1));
    segmenter.audio_format(AUDIO);
    let mut segments = Vec::new();
    let sound = || Bytes::from_static(b"sound");
    for time in (0..40_000).step_by(40) {
        if !(3_000..30_000).contains(&time) {
            let key = time % 1000 == 0;
            segments.extend(segmenter.video(time, 0, key, picture()).unwrap());
        }
        segments.extend(segmenter.audio(time, sound()).unwrap());
    }
    segments.extend(segmenter.finish());
    assert_eq!(picture_times(&segments).len(), 75 + 250);
    assert!(
        segments
            .iter()
            .all(|segment| segment.duration <= Duration::from_secs(12))
    );
    let played: Duration = segments.iter().map(|segment| segment.duration).sum();
    assert!(played >= Duration::from_secs(40) && played < Duration::from_millis(40_100));
    // Once when pictures stop, once when they are back.
    let broken = segments
        .iter()
        .filter(|segment| segment.discontinuity)
        .count();
    assert_eq!(broken, 2);
}

/// Pictures 40 ms apart from zero on, with key frames at these times; what is cut of them.
fn cut_at(keys: &[u32], until: u32, first: u64) -> Vec<SourceSegment> {
    let mut segmenter = segmenter(Settings::default(), first);
    segmenter.video_format(video_format(1));
    let mut segments = Vec::new();
    for time in (0..until).step_by(40) {
        let key = keys.contains(&time);
        segments.extend(
            segmenter
                .video(time, 0, key, picture())
                .expect("within bounds"),
        );
    }
    segments.extend(segmenter.finish());
    segments
}

fn millis(segments: &[SourceSegment]) -> Vec<u128> {
    let durations = segments.iter().map(|segment| segment.duration);
    durations.map(|duration| duration.as_millis()).collect()
}

#[test]
fn segments_are_two_seconds_by_default_and_count_from_where_the_caller_says() {
    let keys: Vec<u32> = (0..10_000).step_by(1000).collect();
    for first in [0, 1, 4_000_000_000] {
        let segments = cut_at(&keys, 9000, first);
        assert_eq!(millis(&segments), [2000, 2000, 2000, 2000, 1000]);
        let numbers = segments.iter().map(|segment| segment.number.0);
        assert!(numbers.eq(first..first + 5));
    }
}

#[test]
fn without_a_key_frame_at_the_border_a_segment_runs_to_the_next() {
    let segments = cut_at(&[0, 1960, 3920, 5880], 6000, 0);
    assert_eq!(millis(&segments), [3920, 2080]);
    // The vanished source's last segment is as short as it is.
    let segments = cut_at(&[0, 2000], 2040, 0);
    assert_eq!(millis(&segments), [2000, 40]);
}

#[test]
fn late_sound_goes_into_the_segment_it_meets_at_its_own_time() {
    let mut segmenter = segmenter(Settings::default(), 0);
    segmenter.video_format(video_format(1));
    segmenter.audio_format(AUDIO);
    let frame = || Bytes::from_static(&[0xff, 0xf1, 0, 0, 0, 0, 0, 1]);
    let mut segments = Vec::new();
    for time in (0..4000).step_by(40) {
        let key = time % 2000 == 0;
        segments.extend(segmenter.video(time, 0, key, picture()).unwrap());
        // Sound lags 400 ms behind the pictures.
        if time >= 400 {
            segments.extend(segmenter.audio(time - 400, frame()).unwrap());
        }
    }
    segments.extend(segmenter.finish());
    assert_eq!(millis(&segments), [2000, 2000]);
    let sound = |segment: &SourceSegment| -> Vec<u64> {
        let parsed = TransportStream::parse(&segment.bytes);
        let track = &parsed.streams[1].packets;
        track
            .iter()
            .map(|pes| pes.pts.unwrap().to_wire() / 90)
            .collect()
    };
    assert_eq!(sound(&segments[0])[0], 0);
    // Announced late, it begins before the pictures of its segment and none of it is lost.
    assert_eq!(sound(&segments[1])[0], 1600);
    let all: Vec<u64> = segments.iter().flat_map(sound).collect();
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(segmenter.facts().sound_frames, 90);
}

#[test]
fn pictures_stand_first_whatever_came_first() {
    for sound_first in [true, false] {
        let mut segmenter = segmenter(Settings::default(), 0);
        segmenter.audio_format(AUDIO);
        segmenter.video_format(video_format(1));
        for time in [0, 40, 80] {
            let sound = Bytes::from_static(&[0xff, 0xf1, 0, 0, 0, 0, 0, 1]);
            if sound_first {
                segmenter.audio(time, sound.clone()).unwrap();
            }
            segmenter.video(time, 0, time == 0, picture()).unwrap();
            if !sound_first {
                segmenter.audio(time, sound).unwrap();
            }
        }
        let parsed = TransportStream::parse(&segmenter.finish().unwrap().bytes);
        let order: Vec<u16> = parsed.streams.iter().map(|stream| stream.pid).collect();
        assert_eq!(order, [VIDEO_PID, VIDEO_PID + 1]);
    }
}
