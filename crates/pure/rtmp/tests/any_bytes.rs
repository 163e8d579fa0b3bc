//! Laws that hold for every byte stream.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use streamflow_rtmp::amf::{self, Value};
use streamflow_rtmp::chunk::{ChunkReader, ChunkWriter, MAX_CHUNK_STREAMS};
use streamflow_rtmp::message::{Message, kind};
use streamflow_rtmp::{Action, Close, Connection, Input, Timeouts};

const TIMEOUTS: Timeouts = Timeouts {
    publish_within: Duration::from_secs(10),
    idle: Duration::from_secs(20),
};

/// What a connection does with bytes that come in these pieces: all it sends, and all else.
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
fn outcome<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<u8>, Vec<Action>) {
    let now = Instant::now();
    let mut connection = Connection::new(now, TIMEOUTS);
    let (mut sent, mut actions) = (Vec::new(), Vec::new());
    for piece in pieces {
        connection.handle(now, Input::Received(piece));
        while let Some(action) = connection.poll() {
            match action {
                Action::Send(bytes) => sent.extend(bytes),
                Action::Publish(intent) => {
                    actions.push(Action::Publish(intent));
                    connection.handle(now, Input::Accepted);
                }
                other => actions.push(other),
            }
        }
    }
    (sent, actions)
}

fn opened() -> Vec<u8> {
    let mut bytes = vec![3];
    bytes.extend([0; 2 * 1536]);
    bytes
}

fn command(values: &[Value], out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    amf::encode(values, &mut payload);
    ChunkWriter::default().write(3, kind::COMMAND_AMF0, 1, 0, &payload, out);
}

/// Everything a publisher sends, with frames of these times and sizes.
fn publication(frames: &[(bool, u32, usize)]) -> Vec<u8> {
    let mut bytes = opened();
    let object = Value::object([("app", Value::string("live"))]);
    command(
        &[Value::string("connect"), Value::Number(1.0), object],
        &mut bytes,
    );
    command(
        &[
            Value::string("createStream"),
            Value::Number(2.0),
            Value::Null,
        ],
        &mut bytes,
    );
    let name = Value::string("mani");
    command(
        &[
            Value::string("publish"),
            Value::Number(3.0),
            Value::Null,
            name,
        ],
        &mut bytes,
    );
    for (index, &(is_video, time, size)) in frames.iter().enumerate() {
        let payload = vec![index as u8; size];
        let (id, kind) = if is_video {
            (6, kind::VIDEO)
        } else {
            (4, kind::AUDIO)
        };
        ChunkWriter::default().write(id, kind, 1, time, &payload, &mut bytes);
    }
    command(
        &[
            Value::string("deleteStream"),
            Value::Number(0.0),
            Value::Null,
        ],
        &mut bytes,
    );
    bytes
}

/// Splits at pseudo-random places.
fn pieces<'a>(bytes: &'a [u8], sizes: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let (mut rest, mut sizes) = (bytes, sizes.iter().cycle());
    std::iter::from_fn(move || {
        let size = (*sizes.next()?).min(rest.len());
        let (piece, left) = rest.split_at(size);
        rest = left;
        (!piece.is_empty()).then_some(piece)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn how_bytes_are_split_changes_nothing(
        frames in prop::collection::vec((any::<bool>(), any::<u32>(), 1usize..600), 0..20),
        sizes in prop::collection::vec(1usize..700, 1..8),
    ) {
        let bytes = publication(&frames);
        let (sent, actions) = outcome(std::iter::once(&bytes[..]));
        prop_assert_eq!(actions.len(), frames.len() + 2);
        prop_assert!(outcome(pieces(&bytes, &sizes)) == (sent, actions));
    }

    #[test]
    fn noise_after_the_handshake_ends_well_however_it_is_split(
        noise in prop::collection::vec(any::<u8>(), 0..3000),
        sizes in prop::collection::vec(1usize..50, 1..8),
    ) {
        let mut bytes = opened();
        bytes.extend(noise);
        prop_assert!(outcome(pieces(&bytes, &sizes)) == outcome(std::iter::once(&bytes[..])));
    }

    #[test]
    fn one_changed_byte_never_panics(
        frames in prop::collection::vec((any::<bool>(), any::<u32>(), 1usize..400), 1..6),
        place in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let mut bytes = publication(&frames);
        let place = 3073 + place.index(bytes.len() - 3073);
        bytes[place] = value;
        let (_, actions) = outcome(std::iter::once(&bytes[..]));
        prop_assert!(actions.len() <= bytes.len());
    }

    #[test]
    fn amf_survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        if let Ok(values) = amf::decode(&bytes) {
            prop_assert!(values.len() <= bytes.len());
        }
    }

    /// The reader against a plain description of what was interleaved.
    #[test]
    fn interleaved_chunks_of_any_size_come_together(
        payloads in prop::collection::vec(1usize..2000, 1..6),
        chunk_size in 1u32..500,
        order in prop::collection::vec(any::<prop::sample::Index>(), 40_000 / 128),
    ) {
        let mut bytes = Vec::new();
        let mut writer = ChunkWriter::default();
        writer.write(2, kind::SET_CHUNK_SIZE, 0, 0, &chunk_size.to_be_bytes(), &mut bytes);
        writer.set_chunk_size(chunk_size);
        let mut queues: Vec<(u8, Vec<Vec<u8>>)> = Vec::new();
        for (index, &size) in payloads.iter().enumerate() {
            let id = 3 + index as u8;
            let mut one = Vec::new();
            writer.write(id, kind::VIDEO, 1, 7, &vec![id; size], &mut one);
            // Header and first chunk, then a one-byte header before each further chunk.
            let (first, rest) = one.split_at(12 + size.min(chunk_size as usize));
            let mut parts = vec![first.to_vec()];
            parts.extend(rest.chunks(chunk_size as usize + 1).map(<[u8]>::to_vec));
            parts.reverse();
            queues.push((id, parts));
        }
        let mut order = order.iter().cycle();
        while !queues.is_empty() {
            let at = order.next().unwrap().index(queues.len());
            bytes.extend(queues[at].1.pop().unwrap());
            if queues[at].1.is_empty() {
                queues.remove(at);
            }
        }
        let (mut reader, mut input, mut sizes) = (ChunkReader::default(), &bytes[..], Vec::new());
        while let Some(Message { payload, timestamp, .. }) = reader.read(&mut input).unwrap() {
            prop_assert_eq!(timestamp, 7);
            prop_assert!(payload.iter().all(|byte| Some(byte) == payload.first()));
            sizes.push((payload[0], payload.len()));
        }
        sizes.sort_unstable();
        let expected: Vec<_> = (3u8..).zip(payloads).collect();
        prop_assert_eq!(sizes, expected);
    }
}

#[test]
fn a_flood_of_chunk_streams_is_cut_off() {
    let mut bytes = opened();
    for id in 0..=MAX_CHUNK_STREAMS as u8 {
        bytes.extend([0, id, 0, 0, 0, 0, 0, 1, kind::VIDEO, 1, 0, 0, 0]);
        bytes.push(1);
    }
    let (_, actions) = outcome(std::iter::once(&bytes[..]));
    assert!(
        matches!(actions[..], [Action::Close(Close::Chunk(_))]),
        "{actions:?}"
    );
}
