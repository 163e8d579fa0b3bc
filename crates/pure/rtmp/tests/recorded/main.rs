//! What FFmpeg really sent, and what OBS sends in which order: read as an independent reader
//! reads it.
//!
//! The recordings are made by the example `record_ffmpeg` of `streamflow-ingest`.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may")]

mod obs;

use std::time::{Duration, Instant};

use bytes::BytesMut;
use streamflow_rtmp::chunk::ChunkReader;
use streamflow_rtmp::message::kind;
use streamflow_rtmp::{Action, Connection, Input, Media, PublishIntent, Timeouts};

const FFMPEG: &[u8] = include_bytes!("ffmpeg.rtmp");
const FFMPEG_LATE: &[u8] = include_bytes!("ffmpeg-late.rtmp");

/// Version, block 1 and block 2.
const HANDSHAKE_BYTES: usize = 1 + 2 * 1536;

/// Kind, message stream, time and content.
type Read = (u8, u32, u32, Vec<u8>);

fn by_us(recording: &[u8]) -> Vec<Read> {
    let (mut reader, mut input) = (ChunkReader::default(), &recording[HANDSHAKE_BYTES..]);
    reader.expect_frames(true);
    let mut messages = Vec::new();
    while let Some(message) = reader.read(&mut input).unwrap() {
        let payload = message.payload.to_vec();
        messages.push((message.kind, message.stream, message.timestamp, payload));
    }
    messages
}

fn by_the_other(recording: &[u8]) -> Vec<Read> {
    let mut reader = scuffle_rtmp::chunk::reader::ChunkReader::default();
    let mut input = BytesMut::from(&recording[HANDSHAKE_BYTES..]);
    let mut messages = Vec::new();
    while let Some(message) = reader.read_chunk(&mut input).unwrap() {
        let header = message.message_header;
        if header.msg_type_id.0 == kind::SET_CHUNK_SIZE {
            let size = u32::from_be_bytes(message.payload[..4].try_into().unwrap());
            assert!(reader.update_max_chunk_size(size as usize));
            continue;
        }
        messages.push((
            header.msg_type_id.0,
            header.msg_stream_id,
            header.timestamp,
            message.payload.to_vec(),
        ));
    }
    messages
}

/// Everything a connection makes of a recording, read in pieces of this size.
fn events(recording: &[u8], piece: usize) -> Vec<Action> {
    let now = Instant::now();
    let timeouts = Timeouts {
        publish_within: Duration::from_secs(10),
        idle: Duration::from_secs(20),
    };
    let (mut connection, mut events) = (Connection::new(now, timeouts), Vec::new());
    for piece in recording.chunks(piece) {
        connection.handle(now, Input::Received(piece));
        while let Some(action) = connection.poll() {
            match action {
                Action::Send(_) => {}
                Action::Publish(intent) => {
                    events.push(Action::Publish(intent));
                    connection.handle(now, Input::Accepted);
                }
                other => events.push(other),
            }
        }
    }
    events
}

/// Times of pictures and of sound, tags with a format left out.
fn times(events: &[Action]) -> (Vec<u32>, Vec<u32>) {
    let (mut pictures, mut sound) = (Vec::new(), Vec::new());
    for event in events {
        match event {
            Action::Media(Media::Video { timestamp, payload }) if payload[1] == 1 => {
                pictures.push(*timestamp);
            }
            Action::Media(Media::Audio { timestamp, payload }) if payload[1] == 1 => {
                sound.push(*timestamp);
            }
            _ => {}
        }
    }
    (pictures, sound)
}

#[test]
fn every_message_has_the_time_and_content_another_reader_gives_it() {
    for (name, recording) in [
        ("ffmpeg", FFMPEG.to_vec()),
        ("ffmpeg-late", FFMPEG_LATE.to_vec()),
        ("obs", obs::recording(0)),
        ("obs, late", obs::recording(0xff_ffff - 900)),
    ] {
        let (ours, theirs) = (by_us(&recording), by_the_other(&recording));
        assert!(ours.len() > 100, "{name}: {}", ours.len());
        for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(ours, theirs, "{name}: message {index}");
        }
        assert_eq!(ours.len(), theirs.len(), "{name}");
    }
}

#[test]
fn ffmpeg_publishes_whatever_the_reads() {
    for (recording, start) in [(FFMPEG, 0), (FFMPEG_LATE, 16_776_000)] {
        let whole = events(recording, usize::MAX);
        let Action::Publish(intent) = &whole[0] else {
            panic!("{:?}", whole[0])
        };
        assert_eq!(
            (intent.app.as_str(), intent.name.as_str()),
            ("live/mani", "key")
        );
        assert!(intent.encoder.starts_with("FMLE/3.0"), "{}", intent.encoder);
        assert!(matches!(whole[1], Action::Media(Media::Metadata(_))));
        assert_eq!(whole.last(), Some(&Action::Unpublished));
        let (pictures, sound) = times(&whole);
        assert_eq!(pictures.len(), 45);
        let expected = (0..45).map(|index| start + (index * 1000 + 7) / 15);
        for (time, expected) in pictures.iter().zip(expected) {
            assert!(time.abs_diff(expected) <= 200, "{time} {expected}");
        }
        assert!(
            pictures.windows(2).all(|pair| pair[0] < pair[1]),
            "{pictures:?}"
        );
        assert!(sound.len() > 60 && sound.windows(2).all(|pair| pair[0] < pair[1]));
        for piece in [1, 127, 1536, 4096] {
            assert!(events(recording, piece) == whole, "pieces of {piece}");
        }
    }
}

#[test]
fn obs_publishes_whatever_the_reads() {
    for start in [0, 0xff_ffff - 900] {
        let recording = obs::recording(start);
        let whole = events(&recording, usize::MAX);
        let intent = PublishIntent {
            app: "live".to_owned(),
            name: "mani?key=1".to_owned(),
            tc_url: "rtmp://host:1935/live".to_owned(),
            encoder: "FMLE/3.0 (compatible; FMSc/1.0)".to_owned(),
        };
        assert_eq!(whole[0], Action::Publish(intent));
        let Action::Media(Media::Metadata(members)) = &whole[1] else {
            panic!("{:?}", whole[1])
        };
        assert_eq!(
            members.member("encoder").unwrap().as_str(),
            Some("obs-output module")
        );
        assert_eq!(whole.last(), Some(&Action::Unpublished));
        let (pictures, sound) = times(&whole);
        assert_eq!(pictures, obs::picture_times(start));
        assert_eq!(sound, obs::sound_times(start));
        for piece in [1, 1000] {
            assert!(events(&recording, piece) == whole, "pieces of {piece}");
        }
    }
}

/// FFmpeg opens with the digest form: a version of its own behind the time, and an HMAC in the
/// filler. It reads version 0 in our block and goes on with the plain form.
#[test]
fn a_peer_that_opens_with_the_digest_form_is_answered_plainly() {
    let opening = &FFMPEG[..1537];
    assert_ne!(opening[5..9], [0; 4], "the recording has the digest form");
    let now = Instant::now();
    let timeouts = Timeouts {
        publish_within: Duration::from_secs(10),
        idle: Duration::from_secs(20),
    };
    let mut connection = Connection::new(now, timeouts);
    connection.handle(now, Input::Received(opening));
    let Some(Action::Send(answer)) = connection.poll() else {
        panic!("no answer")
    };
    assert_eq!(answer.len(), HANDSHAKE_BYTES);
    assert_eq!(answer[5..9], [0; 4]);
    assert_eq!(answer[1537..], opening[1..]);
    // Its block 2 echoes ours, as the plain form wants.
    assert_eq!(FFMPEG[1537..3073], answer[1..1537]);
}
