//! Laws of the transport stream writer, as its own reader sees them.

use bytes::Bytes;
use proptest::prelude::*;
use streamflow_media::mpegts::demux::{ElementaryStream, TransportStream};
use streamflow_media::mpegts::mux::{AUDIO_PID, AccessUnit, Audio, Muxer, VIDEO_PID, Video};
use streamflow_media::mpegts::{PACKET_BYTES, Ticks, stream_type};

/// The standard's bound on the distance of clock references.
const MAX_CLOCK_GAP: Ticks = Ticks(9_000);

/// Units at these distances, from `start` on.
fn units(start: i64, shape: &[(u16, i64, i64)], fill: u8) -> Vec<AccessUnit> {
    let mut dts = start;
    let make = |(index, &(size, step, offset)): (usize, &(u16, i64, i64))| {
        let unit = AccessUnit {
            pts: Ticks(dts + offset),
            dts: Ticks(dts),
            key: index == 0,
            data: Bytes::from(vec![fill; usize::from(size) + 1]),
        };
        dts += step;
        unit
    };
    shape.iter().enumerate().map(make).collect()
}

fn video(units: &[AccessUnit]) -> Option<Video<'_>> {
    Some(Video {
        stream_type: stream_type::H264,
        units,
    })
}

fn audio(units: &[AccessUnit]) -> Option<Audio<'_>> {
    let frame = Some((1024, 48_000));
    Some(Audio {
        stream_type: stream_type::AAC_ADTS,
        units,
        frame,
    })
}

fn stream(parsed: &TransportStream, pid: u16) -> &ElementaryStream {
    parsed
        .streams
        .iter()
        .find(|stream| stream.pid == pid)
        .expect("the track is announced")
}

fn bytes_of(units: &[AccessUnit]) -> Vec<u8> {
    units
        .iter()
        .flat_map(|unit| unit.data.iter().copied())
        .collect()
}

/// Sizes up to several PES length fields, steps up to seconds, offsets of deep B-frames.
fn shape(sizes: std::ops::Range<u16>) -> impl Strategy<Value = Vec<(u16, i64, i64)>> {
    prop::collection::vec((sizes, 1i64..400_000, 0i64..20_000), 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn what_is_written_is_read_back_to_the_tick(
        start in prop_oneof![0i64..1_000_000, (1i64 << 33) - 500_000..(1i64 << 33)],
        pictures in shape(0..u16::MAX),
        sound in shape(0..2_000),
    ) {
        let (pictures, sound) = (units(start, &pictures, 1), units(start + 700, &sound, 2));
        let segment = Muxer::new().segment(video(&pictures), audio(&sound), false);
        prop_assert_eq!(segment.len() % PACKET_BYTES, 0);
        let parsed = TransportStream::parse(&segment);
        prop_assert!(parsed.tables_first);
        prop_assert_eq!((parsed.continuity_errors, parsed.lost_bytes, parsed.table_errors), (0, 0, 0));
        prop_assert!(parsed.longest_clock_gap.unwrap_or_default() <= MAX_CLOCK_GAP);
        let track = stream(&parsed, VIDEO_PID);
        prop_assert!(track.data == bytes_of(&pictures));
        prop_assert_eq!(track.packets.len(), pictures.len());
        for (packet, unit) in track.packets.iter().zip(&pictures) {
            prop_assert_eq!(packet.pts.map(Ticks::to_wire), Some(unit.pts.to_wire()));
            prop_assert_eq!(packet.dts.map(Ticks::to_wire), Some(unit.dts.to_wire()));
            prop_assert_eq!(packet.random_access, unit.key);
        }
        prop_assert!(stream(&parsed, AUDIO_PID).data == bytes_of(&sound));
    }

    #[test]
    fn segments_of_a_stream_play_as_one_file(shapes in prop::collection::vec(shape(0..3_000), 2..5)) {
        let (mut muxer, mut whole, mut start) = (Muxer::new(), Vec::new(), 0);
        for shape in &shapes {
            let pictures = units(start, shape, 3);
            start = pictures.last().map_or(0, |unit| unit.dts.0) + 3_000;
            let sound = units(pictures[0].dts.0, &shape[..1], 4);
            whole.extend(muxer.segment(video(&pictures), audio(&sound), false));
        }
        let parsed = TransportStream::parse(&whole);
        prop_assert_eq!(parsed.continuity_errors, 0);
        prop_assert!(parsed.longest_clock_gap.unwrap_or_default() <= MAX_CLOCK_GAP);
        let pictures: usize = shapes.iter().map(Vec::len).sum();
        prop_assert_eq!(stream(&parsed, VIDEO_PID).packets.len(), pictures);
    }

    #[test]
    fn sound_alone_carries_the_clock(sound in shape(0..1_500)) {
        let sound = units(90_000, &sound, 5);
        let segment = Muxer::new().segment(None, audio(&sound), false);
        let parsed = TransportStream::parse(&segment);
        prop_assert_eq!(parsed.streams.len(), 1);
        prop_assert_eq!(parsed.continuity_errors, 0);
        prop_assert!(parsed.longest_clock_gap.unwrap_or_default() <= MAX_CLOCK_GAP);
        prop_assert!(stream(&parsed, AUDIO_PID).data == bytes_of(&sound));
    }
}

#[test]
fn frames_that_follow_each_other_share_a_packet_and_others_do_not() {
    // 1024 samples at 48 kHz are 1920 ticks; the source rounds to milliseconds.
    let steady: Vec<_> = (0..12)
        .map(|n: i64| (100, 1_890 + 90 * (n % 2), 0))
        .collect();
    let packets = |shape: &[(u16, i64, i64)]| {
        let units = units(0, shape, 6);
        let segment = Muxer::new().segment(None, audio(&units), false);
        stream(&TransportStream::parse(&segment), AUDIO_PID)
            .packets
            .len()
    };
    // Five frames last 106 ms, so a packet holds the four before and the one that starts in time.
    assert_eq!(packets(&steady), 3);
    let mut gap = steady;
    gap[5].1 += 9_000;
    assert_eq!(packets(&gap), 4);
}

#[test]
fn tables_follow_the_tracks_of_each_segment() {
    let mut muxer = Muxer::new();
    let (pictures, sound) = (units(0, &[(9, 1, 0)], 1), units(0, &[(9, 1, 0)], 2));
    let tracks = |segment: Bytes| TransportStream::parse(&segment).streams.len();
    assert_eq!(tracks(muxer.segment(video(&pictures), None, false)), 1);
    assert_eq!(
        tracks(muxer.segment(video(&pictures), audio(&sound), false)),
        2
    );
    assert_eq!(tracks(muxer.segment(None, audio(&sound), true)), 1);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let pictures = units(0, &[(500, 3_000, 0), (70, 3_000, 0)], 1);
    let write = || Muxer::new().segment(video(&pictures), None, false);
    assert_eq!(write(), write());
}
