//! Clients that mean harm: each ends with its reason, in time, and in bounded memory.

#![allow(clippy::disallowed_methods, reason = "a test may look at the clock")]

use std::time::{Duration, Instant};

use streamflow_rtmp::amf::{self, AmfError, Value};
use streamflow_rtmp::chunk::{
    ChunkError, ChunkWriter, MAX_COMMAND_BYTES, MAX_UNFINISHED_BYTES, MAX_UNFINISHED_COMMAND_BYTES,
};
use streamflow_rtmp::connection::{MAX_CONNECTION_BYTES, MAX_STRANGER_BYTES};
use streamflow_rtmp::message::kind;
use streamflow_rtmp::{Action, Close, Connection, Input, Timeouts};

const TIMEOUTS: Timeouts = Timeouts {
    publish_within: Duration::from_secs(10),
    idle: Duration::from_secs(20),
};

/// What the driver reads at once.
const READ_BYTES: usize = 32 * 1024;

/// A connection that is watched.
struct Victim {
    now: Instant,
    connection: Connection,
    /// Most memory seen.
    memory: usize,
    published: usize,
    media: usize,
    closed: Option<Close>,
}

impl Victim {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            now,
            connection: Connection::new(now, TIMEOUTS),
            memory: 0,
            published: 0,
            media: 0,
            closed: None,
        }
    }

    /// One that has shaken hands.
    fn greeted() -> Self {
        let mut victim = Self::new();
        let mut bytes = vec![3];
        bytes.extend([0; 2 * 1536]);
        victim.receive(&bytes);
        victim
    }

    /// One with an accepted publisher.
    fn publishing() -> Self {
        let mut victim = Self::greeted();
        let object = Value::object([("app", Value::string("live"))]);
        victim.receive(&command("connect", vec![object]));
        victim.receive(&command("createStream", vec![Value::Null]));
        victim.receive(&publish());
        assert_eq!((victim.published, &victim.closed), (1, &None));
        victim
    }

    fn receive(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(READ_BYTES) {
            self.connection.handle(self.now, Input::Received(piece));
            self.act();
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.connection.handle(self.now, Input::Tick);
        self.act();
    }

    fn act(&mut self) {
        self.memory = self.memory.max(self.connection.memory());
        while let Some(action) = self.connection.poll() {
            match action {
                Action::Publish(_) => {
                    self.published += 1;
                    self.connection.handle(self.now, Input::Accepted);
                }
                Action::Media(_) => self.media += 1,
                Action::Close(reason) => self.closed = Some(reason),
                _ => {}
            }
        }
    }
}

fn command(name: &str, arguments: Vec<Value>) -> Vec<u8> {
    let mut values = vec![Value::string(name), Value::Number(1.0)];
    values.extend(arguments);
    let (mut payload, mut bytes) = (Vec::new(), Vec::new());
    amf::encode(&values, &mut payload);
    ChunkWriter::default().write(3, kind::COMMAND_AMF0, 1, 0, &payload, &mut bytes);
    bytes
}

fn publish() -> Vec<u8> {
    command("publish", vec![Value::Null, Value::string("mani")])
}

fn message(id: u8, kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    ChunkWriter::default().write(id, kind, 1, 0, payload, &mut bytes);
    bytes
}

fn chunk_size(size: u32) -> Vec<u8> {
    message(2, kind::SET_CHUNK_SIZE, &size.to_be_bytes())
}

/// The header of a message of this length on a chunk stream named by three bytes.
fn header(id: u16, kind: u8, length: u32) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend(id.to_le_bytes());
    bytes.extend([0; 3]);
    bytes.extend(&length.to_be_bytes()[1..]);
    bytes.push(kind);
    bytes.extend(1u32.to_le_bytes());
    bytes
}

#[test]
fn whoever_has_not_published_ends_with_a_reason_and_little_memory() {
    let nested = {
        let mut payload = vec![2, 0, 7];
        payload.extend(b"connect");
        payload.extend([0; 9]);
        payload.extend([3, 0, 1, b'a'].repeat(20));
        payload
    };
    let long = u32::try_from(MAX_COMMAND_BYTES).unwrap();
    let many_streams: Vec<u8> = (0..=u16::MAX)
        .flat_map(|id| [header(id, kind::COMMAND_AMF0, 2), vec![5, 5]].concat())
        .collect();
    let half_messages: Vec<u8> = (0..60)
        .flat_map(|id| [header(id, kind::COMMAND_AMF0, long), vec![2; 100_000]].concat())
        .collect();
    let object = || Value::object([("app", Value::string("live"))]);
    let attacks: Vec<(&str, Vec<u8>, Close)> = vec![
        (
            "65,536 chunk streams",
            many_streams,
            Close::Chunk(ChunkError::TooManyStreams),
        ),
        (
            "a chunk size of nothing",
            chunk_size(0),
            Close::Chunk(ChunkError::Size(0)),
        ),
        (
            "a chunk size beyond 31 bits",
            chunk_size(1 << 31),
            Close::Chunk(ChunkError::Size(1 << 31)),
        ),
        (
            "a giant command",
            [
                chunk_size(0x7fff_ffff),
                header(0, kind::COMMAND_AMF0, long + 1),
            ]
            .concat(),
            Close::Chunk(ChunkError::TooLong {
                kind: kind::COMMAND_AMF0,
                length: MAX_COMMAND_BYTES + 1,
                limit: MAX_COMMAND_BYTES,
            }),
        ),
        (
            "a giant control message",
            header(0, kind::SET_CHUNK_SIZE, 0xff_ffff),
            Close::Chunk(ChunkError::TooLong {
                kind: kind::SET_CHUNK_SIZE,
                length: 0xff_ffff,
                limit: 64,
            }),
        ),
        (
            "half messages on many chunk streams",
            [chunk_size(100_000), half_messages].concat(),
            Close::Chunk(ChunkError::Unfinished(MAX_UNFINISHED_COMMAND_BYTES)),
        ),
        (
            "nesting without end",
            message(3, kind::COMMAND_AMF0, &nested),
            Close::Command(AmfError::TooDeep),
        ),
        (
            "publish without connect",
            publish(),
            Close::OutOfOrder("publish came before connect"),
        ),
        (
            "connect twice",
            [
                command("connect", vec![object()]),
                command("connect", vec![object()]),
            ]
            .concat(),
            Close::OutOfOrder("connect came twice"),
        ),
        (
            "message streams without end",
            [
                command("connect", vec![object()]),
                command("createStream", vec![Value::Null]).repeat(1_000),
            ]
            .concat(),
            Close::OutOfOrder("too many message streams"),
        ),
        (
            "a chunk without a header",
            vec![0xc7],
            Close::Chunk(ChunkError::NoHeader(7)),
        ),
    ];
    for (name, bytes, reason) in attacks {
        let mut victim = Victim::greeted();
        victim.receive(&bytes);
        assert_eq!(victim.closed, Some(reason), "{name}");
        assert!(
            victim.connection.is_done() && victim.published == 0,
            "{name}"
        );
        assert!(
            victim.memory <= MAX_STRANGER_BYTES,
            "{name}: {}",
            victim.memory
        );
    }
}

#[test]
fn whoever_does_nothing_or_little_is_sent_away_in_time() {
    let half = [header(0, kind::COMMAND_AMF0, 1000), vec![2; 100]].concat();
    for (name, mut victim, reason) in [
        ("no byte at all", Victim::new(), Close::Slow),
        (
            "no word after the handshake",
            Victim::greeted(),
            Close::Slow,
        ),
        ("silence after publish", Victim::publishing(), Close::Idle),
    ] {
        let deadline = victim.connection.deadline().expect("there always is one");
        let left = deadline - victim.now;
        assert!(left <= TIMEOUTS.idle, "{name}");
        victim.wait(left - Duration::from_millis(1));
        assert_eq!(victim.closed, None, "{name}");
        victim.wait(Duration::from_millis(1));
        assert_eq!(victim.closed, Some(reason), "{name}");
    }
    // A byte each second of a handshake or a message gains a stranger nothing.
    for (name, mut victim, bytes) in [
        ("a slow handshake", Victim::new(), vec![3; 1500]),
        ("half a message", Victim::greeted(), half),
    ] {
        for byte in &bytes[..9] {
            victim.receive(&[*byte]);
            victim.wait(Duration::from_secs(1));
            assert_eq!(victim.closed, None, "{name}");
        }
        victim.wait(Duration::from_secs(1));
        assert_eq!(victim.closed, Some(Close::Slow), "{name}");
    }
}

#[test]
fn a_publisher_that_means_harm_stays_in_its_memory() {
    let video = 0xff_ffff;
    let frames: Vec<u8> = (0..3)
        .flat_map(|id| [header(id, kind::VIDEO, video), vec![0x17; 16_000_000]].concat())
        .collect();
    let giants = [chunk_size(16_000_000), frames].concat();
    // One byte of each of many messages, each announced as the longest there is.
    let promises: Vec<u8> = (0..60)
        .flat_map(|id| [header(id, kind::VIDEO, video), vec![0x17]].concat())
        .collect();
    let promises = [chunk_size(1), promises].concat();
    // The smallest frames: a header of one byte and a byte.
    let mut smallest = message(6, kind::VIDEO, &[0x17]);
    smallest.extend([0xc6, 0x27].repeat(2_000_000));
    // The smallest parts of an aggregate: fifteen bytes of each are lost on headers.
    let part = [9, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x27, 0, 0, 0, 12];
    let mut aggregate = chunk_size(16_000_000);
    aggregate.extend(header(1, kind::AGGREGATE, 16_000_000));
    aggregate.extend(part.repeat(1_000_000));
    // Times that go back and jump.
    let mut times = Vec::new();
    for index in 0..20_000u32 {
        let time = index.wrapping_mul(2_654_435_761);
        ChunkWriter::default().write(6, kind::VIDEO, 1, time, &[0x27, 1], &mut times);
    }
    let attacks: Vec<(&str, Vec<u8>, Option<Close>)> = vec![
        (
            "giant frames on three chunk streams",
            giants,
            Some(Close::Chunk(ChunkError::Unfinished(MAX_UNFINISHED_BYTES))),
        ),
        ("giant promises", promises, None),
        ("the smallest frames", smallest, None),
        ("an aggregate of crumbs", aggregate, None),
        ("times that go back and jump", times, None),
        (
            "publish twice",
            publish(),
            Some(Close::OutOfOrder("publish came while publishing")),
        ),
        (
            "publish on another message stream",
            [command("createStream", vec![Value::Null]), publish()].concat(),
            Some(Close::OutOfOrder("publish came while publishing")),
        ),
    ];
    for (name, bytes, reason) in attacks {
        let mut victim = Victim::publishing();
        victim.receive(&bytes);
        assert_eq!(victim.closed, reason, "{name}");
        assert!(
            victim.memory <= MAX_CONNECTION_BYTES,
            "{name}: {}",
            victim.memory
        );
        println!(
            "{name}: {} KiB, {} frames",
            victim.memory / 1024,
            victim.media
        );
        victim.wait(TIMEOUTS.idle);
        assert!(victim.closed.is_some(), "{name}");
    }
}

#[test]
fn what_comes_before_the_answer_to_publish_is_bounded() {
    let mut victim = Victim::greeted();
    let object = Value::object([("app", Value::string("live"))]);
    victim.receive(&command("connect", vec![object]));
    // Nobody answers.
    let bytes = [publish(), vec![0; 300_000]].concat();
    for piece in bytes.chunks(READ_BYTES) {
        victim.connection.handle(victim.now, Input::Received(piece));
        victim.memory = victim.memory.max(victim.connection.memory());
    }
    let last = std::iter::from_fn(|| victim.connection.poll()).last();
    let reason = Close::OutOfOrder("too much came before the answer to publish");
    assert_eq!(last, Some(Action::Close(reason)));
    assert!(victim.memory <= MAX_STRANGER_BYTES, "{}", victim.memory);
}
