//! Publishers written by hand, for what FFmpeg never does.

use std::time::Duration;

use streamflow_ingest::Refusal;
use streamflow_ingest::rtmp::Limits;
use streamflow_rtmp::amf::Value;
use streamflow_rtmp::publisher::Progress;
use streamflow_rtmp::{Publisher, amf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::door::{Door, Gate};
use crate::probe::{packets, write};

const AVC_START: &[u8] =
    b"\x17\x00\0\0\0\x01\x42\xc0\x0a\xff\xe1\x00\x08\x67\x42\xc0\x0a\xda\x3d\xa1\x00\x01\x00\x04\x68\xce\x3c\x80";
const AAC_START: &[u8] = b"\xaf\x00\x12\x10";
const AAC_FRAME: &[u8] = b"\xaf\x01\x21\x10\x04\x60\x8c\x1c";

pub(crate) struct Encoder {
    stream: TcpStream,
    pub(crate) publisher: Publisher,
}

impl Encoder {
    /// Connects and exchanges until the server has answered the request to publish.
    pub(crate) async fn connect(door: &Door, name: &str) -> Self {
        let stream = TcpStream::connect(door.address).await.unwrap();
        Self::greet(stream, door, name).await
    }

    /// The same over a connection that is there.
    pub(crate) async fn greet(stream: TcpStream, door: &Door, name: &str) -> Self {
        let publisher = Publisher::new(&door.url("live"), "live", name);
        let mut encoder = Self { stream, publisher };
        while encoder.publisher.progress() == &Progress::Opening {
            encoder.flush().await;
            encoder.read().await;
        }
        encoder
    }

    pub(crate) async fn flush(&mut self) {
        let bytes = self.publisher.take_output();
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// Sends bytes as they are. False when the server is gone.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// A command with texts as arguments, its chunk whole.
    pub(crate) fn command_bytes(words: &[&str]) -> Vec<u8> {
        let mut values = vec![Value::string(words[0]), Value::Number(0.0), Value::Null];
        values.extend(words[1..].iter().map(|word| Value::string(*word)));
        let (mut payload, mut bytes) = (Vec::new(), Vec::new());
        amf::encode(&values, &mut payload);
        let mut writer = streamflow_rtmp::chunk::ChunkWriter::default();
        writer.set_chunk_size(4096);
        writer.write(3, 20, 1, 0, &payload, &mut bytes);
        bytes
    }

    pub(crate) async fn command(&mut self, words: &[&str]) {
        assert!(self.send(&Self::command_bytes(words)).await);
    }

    /// Reads once. False at the end.
    pub(crate) async fn read(&mut self) -> bool {
        let mut buffer = vec![0; 4096];
        match self.stream.read(&mut buffer).await {
            Ok(count @ 1..) => {
                self.publisher.receive(&buffer[..count]).unwrap();
                true
            }
            _ => false,
        }
    }

    pub(crate) async fn refusal(&mut self) -> (String, String) {
        while self.read().await {}
        match self.publisher.progress() {
            Progress::Refused { code, description } => (code.clone(), description.clone()),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn picture(&mut self, time: u32, key: bool) {
        let (head, nal) = if key { (0x17, 0x65) } else { (0x27, 0x41) };
        self.publisher
            .video(time, &[head, 1, 0, 0, 0, 0, 0, 0, 3, nal, 0x88, 0x84]);
    }

    /// Pictures and sound of whole seconds, a key frame at the beginning of each.
    fn seconds(&mut self, from: u32, to: u32) {
        for time in (from * 1000..to * 1000).step_by(40) {
            self.picture(time, time % 1000 == 0);
            self.publisher.audio(time + 10, AAC_FRAME);
        }
    }

    pub(crate) fn start(&mut self) {
        self.publisher.video(0, AVC_START);
        self.publisher.audio(0, AAC_START);
    }
}

fn summary(door: &Door) -> Vec<(u64, u128, bool)> {
    door.segments()
        .iter()
        .map(|segment| {
            (
                segment.number.0,
                segment.duration.as_millis(),
                segment.discontinuity,
            )
        })
        .collect()
}

#[tokio::test]
async fn the_message_order_of_a_streaming_program_is_understood() {
    let door = Door::open(Gate::default(), Limits::default()).await;
    let mut encoder = Encoder::connect(&door, "mani").await;
    let members = vec![
        ("duration".to_owned(), Value::Number(0.0)),
        ("videocodecid".to_owned(), Value::Number(7.0)),
        ("audiocodecid".to_owned(), Value::Number(10.0)),
    ];
    encoder.publisher.metadata(Value::EcmaArray(members));
    encoder.publisher.audio(0, AAC_START);
    encoder.publisher.video(0, AVC_START);
    // Sound runs ahead of the first picture, and an end of sequence comes last.
    encoder.publisher.audio(0, AAC_FRAME);
    encoder.publisher.audio(23, AAC_FRAME);
    for time in (40..4_040).step_by(40) {
        encoder.picture(time, (time - 40) % 2000 == 0);
        encoder.publisher.audio(time + 5, AAC_FRAME);
    }
    encoder.publisher.video(4_040, b"\x17\x02\0\0\0");
    encoder.publisher.finish();
    encoder.flush().await;
    door.wait_left(1).await;
    assert_eq!(summary(&door)[0], (0, 2000, false));
    let folder = tempfile::tempdir().unwrap();
    let (_, whole) = write(folder.path(), &door.segments());
    let pictures: Vec<_> = packets(&whole, "v", 1)
        .await
        .iter()
        .map(|p| p.pts)
        .collect();
    assert_eq!(
        pictures,
        (40..4_040)
            .step_by(40)
            .map(|time| time * 90)
            .collect::<Vec<i64>>()
    );
    assert_eq!(packets(&whole, "a", 1).await.len(), 102);
}

#[tokio::test]
async fn sound_without_configuration_is_waited_for() {
    let door = Door::open(Gate::default(), Limits::default()).await;
    let mut encoder = Encoder::connect(&door, "mani").await;
    encoder.publisher.video(0, AVC_START);
    encoder.seconds(0, 2);
    encoder.publisher.audio(2000, AAC_START);
    encoder.seconds(2, 4);
    encoder.publisher.finish();
    encoder.flush().await;
    door.wait_left(1).await;
    let folder = tempfile::tempdir().unwrap();
    let segments = door.segments();
    let (files, whole) = write(folder.path(), &segments);
    assert_eq!(packets(&whole, "v", 1).await.len(), 100);
    assert!(packets(&files[0], "a", 1).await.is_empty());
    assert_eq!(packets(&files[1], "a", 1).await.len(), 50);
    assert!(
        segments[1].discontinuity,
        "a track more is another kind of stream"
    );
}

#[tokio::test]
async fn a_new_format_begins_a_segment_of_its_own() {
    let door = Door::open(Gate::default(), Limits::default()).await;
    let mut encoder = Encoder::connect(&door, "mani").await;
    encoder.start();
    encoder.seconds(0, 3);
    let mut other = AVC_START.to_vec();
    other[18] = 0x1e;
    encoder.publisher.video(3000, &other);
    encoder.seconds(3, 6);
    encoder.publisher.finish();
    encoder.flush().await;
    door.wait_left(1).await;
    let expected = [
        (0, 2000, false),
        (1, 1000, false),
        (2, 2000, true),
        (3, 1000, false),
    ];
    let seen: Vec<_> = summary(&door)
        .into_iter()
        .map(|(number, millis, broken)| (number, millis / 500 * 500, broken))
        .collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn times_that_jump_are_repaired_without_a_gap() {
    let door = Door::open(Gate::default(), Limits::default()).await;
    let mut encoder = Encoder::connect(&door, "mani").await;
    encoder.start();
    encoder.seconds(100, 102);
    encoder.seconds(0, 2);
    encoder.seconds(5_000, 5_002);
    encoder.publisher.finish();
    encoder.flush().await;
    door.wait_left(1).await;
    let segments = door.segments();
    let folder = tempfile::tempdir().unwrap();
    let (_, whole) = write(folder.path(), &segments);
    let pictures: Vec<_> = packets(&whole, "v", 1)
        .await
        .iter()
        .map(|p| p.pts)
        .collect();
    assert_eq!((pictures.len(), pictures[0]), (150, 100 * 90_000));
    assert!(
        pictures
            .windows(2)
            .all(|pair| (0..=9_000).contains(&(pair[1] - pair[0])))
    );
    let played: Duration = segments.iter().map(|segment| segment.duration).sum();
    assert!((5_900..6_300).contains(&played.as_millis()), "{played:?}");
}

#[tokio::test]
async fn refusals_are_told_before_the_connection_closes() {
    let gate = Gate::default();
    *gate.refusal.lock().unwrap() = Some(Refusal::Denied("unknown key".to_owned()));
    let door = Door::open(gate, Limits::default()).await;
    let refusal = Encoder::connect(&door, "mani").await.refusal().await;
    let code = "NetStream.Publish.Denied".to_owned();
    assert_eq!(
        refusal,
        (code, "publishing is not allowed: unknown key".to_owned())
    );
}

#[tokio::test]
async fn other_codecs_are_refused_by_name() {
    let door = Door::open(Gate::default(), Limits::default()).await;
    let mut encoder = Encoder::connect(&door, "mani").await;
    encoder.publisher.video(0, b"\x90vp08\x01\0\0\0");
    encoder.flush().await;
    let (code, text) = encoder.refusal().await;
    assert_eq!(code, "NetStream.Publish.Failed");
    assert_eq!(
        text,
        "vp08 is not carried; publish H.264, H.265, VP9 or AV1"
    );
}

#[tokio::test]
async fn a_publisher_is_held_back_while_its_segments_are_not_taken() {
    let gate = Gate {
        takes_nothing: true,
        ..Gate::default()
    };
    let limits = Limits {
        handover: Duration::from_millis(300),
        ..Limits::default()
    };
    let door = Door::open(gate, limits).await;
    let mut encoder = Encoder::connect(&door, "mani").await;
    encoder.start();
    encoder.seconds(0, 10);
    encoder.flush().await;
    // Two segments fit the queue; the third waits, and then the stream ends.
    let (_, text) = encoder.refusal().await;
    assert_eq!(
        text,
        "segment 2 was not taken in time: this gateway is overloaded"
    );
}

#[tokio::test]
async fn a_stream_nobody_wants_any_more_is_ended() {
    let door = Door::open(
        Gate {
            most: Some(1),
            ..Gate::default()
        },
        Limits::default(),
    )
    .await;
    let mut encoder = Encoder::connect(&door, "mani").await;
    encoder.start();
    encoder.seconds(0, 3);
    encoder.flush().await;
    let (_, text) = encoder.refusal().await;
    assert_eq!(text, "the stream was ended by the gateway");
}

#[tokio::test]
async fn draining_hands_over_what_is_there_and_tells_publishers() {
    let door = Door::open(Gate::default(), Limits::default()).await;
    let mut encoder = Encoder::connect(&door, "mani").await;
    encoder.start();
    encoder.seconds(0, 3);
    encoder.flush().await;
    door.wait(|gate| gate.segments.lock().unwrap().len() == 1)
        .await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    door.shutdown.drain();
    let (_, text) = encoder.refusal().await;
    assert_eq!(text, "this gateway is shutting down; publish elsewhere");
    door.wait_left(1).await;
    assert_eq!(door.segments().len(), 2);
    assert!(
        TcpStream::connect(door.address).await.is_err(),
        "nobody new is let in"
    );
    door.serving.await.unwrap();
}

#[tokio::test]
async fn who_wants_to_play_is_told_where() {
    let door = Door::open(Gate::default(), Limits::default()).await;
    let mut encoder = Encoder::connect(&door, "mani").await;
    encoder.command(&["play", "mani"]).await;
    let (code, text) = encoder.refusal().await;
    assert_eq!(code, "NetStream.Play.Failed");
    assert!(text.contains("/stream/"), "{text}");
}
