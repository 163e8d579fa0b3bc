//! Chunks in, messages out.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use super::{
    ChunkError, FIRST_CHUNK_SIZE, MAX_AUDIO_BYTES, MAX_CHUNK_STREAMS, MAX_COMMAND_BYTES,
    MAX_CONTROL_BYTES, MAX_UNFINISHED_BYTES, MAX_UNFINISHED_COMMAND_BYTES, MAX_VIDEO_BYTES,
};
use crate::cursor::Cursor;
use crate::message::{Message, kind};

/// A 24-bit time field with this value is followed by a 32-bit one.
const EXTENDED: u32 = 0xff_ffff;

/// Memory set aside for a message on its header's word; beyond it the buffer grows with data.
/// Strangers have not earned much.
const FIRST_RESERVE: usize = 64 * 1024;
const FIRST_COMMAND_RESERVE: usize = 4 * 1024;

/// Reassembles messages. Changes of chunk size and aborts by the peer are followed here, since
/// they concern the very next byte.
#[derive(Debug)]
pub struct ChunkReader {
    chunk_size: usize,
    streams: BTreeMap<u32, ChunkStream>,
    unfinished: usize,
    expects_frames: bool,
    header: Vec<u8>,
    /// Chunk stream and bytes of the chunk being read; `None` between chunks.
    body: Option<(u32, usize)>,
    repeats: RepeatedTime,
    /// Up to four bytes taken for a repeated time that turned out to be content.
    carry: Vec<u8>,
}

#[derive(Debug, Default)]
struct ChunkStream {
    timestamp: u32,
    delta: u32,
    length: usize,
    kind: u8,
    message_stream: u32,
    /// The 32-bit time field of the last header, where it had one.
    extended: Option<u32>,
    payload: BytesMut,
    receiving: bool,
}

/// Whether the peer repeats the 32-bit time in headers without time. The protocol says so, some
/// encoders do not; the first such header tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RepeatedTime {
    Unknown,
    Present,
    Absent,
}

/// The part of a header that precedes the message header.
struct Basic {
    format: u8,
    id: u32,
    bytes: usize,
}

impl Default for ChunkReader {
    fn default() -> Self {
        Self {
            chunk_size: FIRST_CHUNK_SIZE,
            streams: BTreeMap::new(),
            unfinished: 0,
            expects_frames: false,
            header: Vec::new(),
            body: None,
            repeats: RepeatedTime::Unknown,
            carry: Vec::new(),
        }
    }
}

impl ChunkReader {
    /// Whether frames are expected, which are larger than commands. They are not at first.
    pub const fn expect_frames(&mut self, expects_frames: bool) {
        self.expects_frames = expects_frames;
    }

    /// Takes bytes from the front of `input` up to the end of the next message. `None` once the
    /// input is used up.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Message>, ChunkError> {
        loop {
            let message = if self.carry.is_empty() {
                if input.is_empty() {
                    return Ok(None);
                }
                let mut cursor = Cursor(input);
                let message = self.step(&mut cursor)?;
                *input = cursor.0;
                message
            } else {
                let carried = std::mem::take(&mut self.carry);
                let mut cursor = Cursor(&carried);
                let message = self.step(&mut cursor)?;
                self.carry.extend(cursor.0);
                message
            };
            if let Some(message) = message
                && !self.follow(&message)?
            {
                return Ok(Some(message));
            }
        }
    }

    /// Bytes of memory in use.
    pub fn memory(&self) -> usize {
        let payloads: usize = self.streams.values().map(|s| s.payload.capacity()).sum();
        let streams = self.streams.len() * size_of::<(u32, ChunkStream)>();
        payloads + streams + self.header.capacity() + self.carry.capacity()
    }

    /// One header or one run of content. Always takes at least a byte when there is one.
    fn step(&mut self, input: &mut Cursor<'_>) -> Result<Option<Message>, ChunkError> {
        match self.body {
            Some((id, remaining)) => Ok(self.read_body(id, remaining, input)),
            None => self.read_header(input),
        }
    }

    fn read_header(&mut self, input: &mut Cursor<'_>) -> Result<Option<Message>, ChunkError> {
        loop {
            let needed = self.header_length();
            if self.header.len() >= needed {
                return self.begin_chunk();
            }
            let missing = needed - self.header.len();
            let taken = input.bytes(missing.min(input.0.len())).unwrap_or_default();
            if taken.is_empty() {
                return Ok(None);
            }
            self.header.extend(taken);
        }
    }

    /// Length of the header as far as its first bytes tell; grows as more are known.
    fn header_length(&self) -> usize {
        let Some(basic) = basic_header(&self.header) else {
            let long = self.header.first().map(|byte| byte & 0x3f);
            return match long {
                Some(0) => 2,
                Some(1) => 3,
                _ => 1,
            };
        };
        let plain = basic.bytes + message_header_bytes(basic.format);
        let extended = match basic.format {
            3 => self.repeats_time(basic.id),
            _ => {
                let mut time = Cursor(self.header.get(basic.bytes..).unwrap_or_default());
                time.u24() == Some(EXTENDED)
            }
        };
        if extended { plain + 4 } else { plain }
    }

    fn repeats_time(&self, id: u32) -> bool {
        self.repeats != RepeatedTime::Absent
            && self
                .streams
                .get(&id)
                .is_some_and(|stream| stream.extended.is_some())
    }

    /// The header is whole: begins its chunk, and keeps the buffer for the next one.
    fn begin_chunk(&mut self) -> Result<Option<Message>, ChunkError> {
        let mut header = std::mem::take(&mut self.header);
        let begun = self.apply_header(&header);
        header.clear();
        self.header = header;
        begun
    }

    fn apply_header(&mut self, header: &[u8]) -> Result<Option<Message>, ChunkError> {
        let Some(basic) = basic_header(header) else {
            return Ok(None);
        };
        let is_new = !self.streams.contains_key(&basic.id);
        // A length is only known from formats 0 and 1.
        if is_new && basic.format >= 2 {
            return Err(ChunkError::NoHeader(basic.id));
        }
        if is_new && self.streams.len() >= MAX_CHUNK_STREAMS {
            return Err(ChunkError::TooManyStreams);
        }
        let repeats = self.repeats_time(basic.id);
        let stream = self.streams.entry(basic.id).or_default();
        let fields = Cursor(header.get(basic.bytes..).unwrap_or_default());
        if basic.format == 3 {
            let repeated = fields.clone().u32().filter(|_| repeats);
            if repeated.is_some() && repeated != stream.extended {
                // Four bytes of content, unless the peer was seen to repeat the time.
                if self.repeats == RepeatedTime::Unknown {
                    self.repeats = RepeatedTime::Absent;
                    self.carry.extend(fields.0);
                }
            } else if repeated.is_some() {
                self.repeats = RepeatedTime::Present;
            }
            if !stream.receiving {
                stream.timestamp = stream.timestamp.wrapping_add(stream.delta);
            }
        } else {
            // A full header inside a message gives up what was begun.
            self.unfinished = self.unfinished.saturating_sub(stream.payload.len());
            stream.payload = BytesMut::new();
            stream.receiving = false;
            stream.apply(basic.format, fields);
        }
        let limit = match self.expects_frames {
            true => longest(stream.kind),
            false => longest(stream.kind).min(MAX_COMMAND_BYTES),
        };
        if stream.length > limit {
            let (kind, length) = (stream.kind, stream.length);
            return Err(ChunkError::TooLong {
                kind,
                length,
                limit,
            });
        }
        stream.receiving = true;
        let remaining = stream
            .length
            .saturating_sub(stream.payload.len())
            .min(self.chunk_size);
        if remaining == 0 {
            return Ok(self.finish(basic.id));
        }
        let most = match self.expects_frames {
            true => MAX_UNFINISHED_BYTES,
            false => MAX_UNFINISHED_COMMAND_BYTES,
        };
        if self.unfinished.saturating_add(remaining) > most {
            return Err(ChunkError::Unfinished(most));
        }
        self.body = Some((basic.id, remaining));
        Ok(None)
    }

    fn read_body(&mut self, id: u32, remaining: usize, input: &mut Cursor<'_>) -> Option<Message> {
        let taken = input
            .bytes(remaining.min(input.0.len()))
            .unwrap_or_default();
        let stream = self.streams.get_mut(&id)?;
        if stream.payload.is_empty() {
            let most = match self.expects_frames {
                true => FIRST_RESERVE,
                false => FIRST_COMMAND_RESERVE,
            };
            stream.payload.reserve(stream.length.min(most));
        }
        stream.payload.extend_from_slice(taken);
        self.unfinished = self.unfinished.saturating_add(taken.len());
        let left = remaining.saturating_sub(taken.len());
        self.body = (left > 0).then_some((id, left));
        let whole = left == 0 && stream.payload.len() >= stream.length;
        if whole { self.finish(id) } else { None }
    }

    fn finish(&mut self, id: u32) -> Option<Message> {
        let stream = self.streams.get_mut(&id)?;
        stream.receiving = false;
        let payload = std::mem::take(&mut stream.payload).freeze();
        self.unfinished = self.unfinished.saturating_sub(payload.len());
        Some(Message {
            kind: stream.kind,
            stream: stream.message_stream,
            timestamp: stream.timestamp,
            payload,
        })
    }

    /// Obeys the two messages that concern chunks. True when it was one.
    fn follow(&mut self, message: &Message) -> Result<bool, ChunkError> {
        match message.kind {
            kind::SET_CHUNK_SIZE => {
                let size = number(&message.payload);
                if size == 0 || size > 0x7fff_ffff {
                    return Err(ChunkError::Size(size));
                }
                self.chunk_size = usize::try_from(size).unwrap_or(MAX_VIDEO_BYTES);
                Ok(true)
            }
            kind::ABORT => {
                if let Some(stream) = self.streams.get_mut(&number(&message.payload)) {
                    self.unfinished = self.unfinished.saturating_sub(stream.payload.len());
                    stream.payload = BytesMut::new();
                    stream.receiving = false;
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

impl ChunkStream {
    /// Takes over the fields that a header of this format carries.
    fn apply(&mut self, format: u8, mut fields: Cursor<'_>) {
        let Some(time) = fields.u24() else { return };
        if format <= 1
            && let (Some(length), Some(kind)) = (fields.u24(), fields.u8())
        {
            self.length = usize::try_from(length).unwrap_or(usize::MAX);
            self.kind = kind;
        }
        if format == 0
            && let Some(stream) = fields.array()
        {
            self.message_stream = u32::from_le_bytes(stream);
        }
        self.extended = if time == EXTENDED { fields.u32() } else { None };
        self.delta = self.extended.unwrap_or(time);
        self.timestamp = match format {
            0 => self.delta,
            _ => self.timestamp.wrapping_add(self.delta),
        };
    }
}

fn basic_header(bytes: &[u8]) -> Option<Basic> {
    let mut cursor = Cursor(bytes);
    let first = cursor.u8()?;
    let (id, bytes) = match first & 0x3f {
        0 => (64 + u32::from(cursor.u8()?), 2),
        1 => (
            64 + u32::from(cursor.u8()?) + (u32::from(cursor.u8()?) << 8),
            3,
        ),
        id => (u32::from(id), 1),
    };
    Some(Basic {
        format: first >> 6,
        id,
        bytes,
    })
}

const fn message_header_bytes(format: u8) -> usize {
    match format {
        0 => 11,
        1 => 7,
        2 => 3,
        _ => 0,
    }
}

const fn longest(kind: u8) -> usize {
    match kind {
        0..=7 => MAX_CONTROL_BYTES,
        kind::AUDIO => MAX_AUDIO_BYTES,
        kind::VIDEO | kind::AGGREGATE => MAX_VIDEO_BYTES,
        _ => MAX_COMMAND_BYTES,
    }
}

/// The first 32 bits of a control message; 0 when it is shorter.
pub(crate) fn number(payload: &Bytes) -> u32 {
    Cursor(payload).u32().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(bytes: &[u8]) -> Result<Vec<Message>, ChunkError> {
        let (mut reader, mut input, mut messages) = (ChunkReader::default(), bytes, Vec::new());
        reader.expect_frames(true);
        while let Some(message) = reader.read(&mut input)? {
            messages.push(message);
        }
        Ok(messages)
    }

    /// A format 0 header on a small chunk stream.
    fn full_header(id: u8, time: u32, length: u32, kind: u8) -> Vec<u8> {
        let mut bytes = vec![id];
        bytes.extend(&time.min(EXTENDED).to_be_bytes()[1..]);
        bytes.extend(&length.to_be_bytes()[1..]);
        bytes.push(kind);
        bytes.extend(1u32.to_le_bytes());
        if time >= EXTENDED {
            bytes.extend(time.to_be_bytes());
        }
        bytes
    }

    #[test]
    fn messages_of_different_chunk_streams_interleave() {
        let mut bytes = full_header(6, 10, 200, kind::VIDEO);
        bytes.extend([1; 128]);
        bytes.extend(full_header(4, 11, 3, kind::AUDIO));
        bytes.extend([2; 3]);
        bytes.push(0xc6);
        bytes.extend([3; 72]);
        let messages = read_all(&bytes).unwrap();
        let seen: Vec<_> = messages
            .iter()
            .map(|m| (m.kind, m.timestamp, m.payload.len()))
            .collect();
        assert_eq!(seen, [(kind::AUDIO, 11, 3), (kind::VIDEO, 10, 200)]);
    }

    #[test]
    fn short_headers_add_to_the_time_before() {
        let mut bytes = full_header(6, 1000, 1, kind::VIDEO);
        bytes.push(0);
        bytes.extend([0x46, 0, 0, 40, 0, 0, 1, kind::VIDEO, 0]);
        bytes.extend([0x86, 0, 0, 33, 0]);
        bytes.extend([0xc6, 0]);
        let times: Vec<_> = read_all(&bytes)
            .unwrap()
            .iter()
            .map(|m| m.timestamp)
            .collect();
        assert_eq!(times, [1000, 1040, 1073, 1106]);
    }

    #[test]
    fn a_long_time_is_read_whether_or_not_the_peer_repeats_it() {
        let time = 0x0123_4567;
        for repeats in [true, false] {
            let mut bytes = full_header(6, time, 258, kind::VIDEO);
            for (index, part) in [128usize, 128, 2].into_iter().enumerate() {
                if index > 0 {
                    bytes.push(0xc6);
                    if repeats {
                        bytes.extend(time.to_be_bytes());
                    }
                }
                bytes.extend(vec![9; part]);
            }
            bytes.extend(full_header(6, 5, 1, kind::VIDEO));
            bytes.push(7);
            let messages = read_all(&bytes).unwrap();
            assert_eq!(messages.len(), 2, "repeats: {repeats}");
            assert_eq!(
                (messages[0].timestamp, &messages[0].payload[..]),
                (time, &[9; 258][..])
            );
            assert_eq!(
                (messages[1].timestamp, &messages[1].payload[..]),
                (5, &[7][..])
            );
        }
    }

    #[test]
    fn a_new_chunk_size_holds_from_the_next_byte() {
        let mut bytes = full_header(2, 0, 4, kind::SET_CHUNK_SIZE);
        bytes.extend(1000u32.to_be_bytes());
        bytes.extend(full_header(6, 0, 900, kind::VIDEO));
        bytes.extend([1; 900]);
        assert_eq!(read_all(&bytes).unwrap()[0].payload.len(), 900);
        for size in [0, 0x8000_0000] {
            let mut bytes = full_header(2, 0, 4, kind::SET_CHUNK_SIZE);
            bytes.extend(u32::to_be_bytes(size));
            assert_eq!(read_all(&bytes), Err(ChunkError::Size(size)));
        }
    }

    #[test]
    fn an_aborted_message_is_forgotten() {
        let mut bytes = full_header(6, 0, 200, kind::VIDEO);
        bytes.extend([1; 128]);
        bytes.extend(full_header(2, 0, 4, kind::ABORT));
        bytes.extend(6u32.to_be_bytes());
        bytes.extend(full_header(6, 40, 2, kind::VIDEO));
        bytes.extend([5, 6]);
        let messages = read_all(&bytes).unwrap();
        assert_eq!(messages.len(), 1);
        assert_eq!(
            (messages[0].timestamp, &messages[0].payload[..]),
            (40, &[5, 6][..])
        );
    }

    #[test]
    fn chunk_stream_ids_of_two_and_three_bytes_are_read() {
        for id in [vec![0u8, 10], vec![1, 0, 4]] {
            let mut bytes = id;
            bytes.extend(&full_header(6, 7, 1, kind::AUDIO)[1..]);
            bytes.push(1);
            assert_eq!(read_all(&bytes).unwrap()[0].timestamp, 7);
        }
    }

    #[test]
    fn sizes_and_counts_are_bounded() {
        let long = full_header(3, 0, 300_000, kind::COMMAND_AMF0);
        assert!(matches!(
            read_all(&long),
            Err(ChunkError::TooLong {
                length: 300_000,
                ..
            })
        ));
        assert_eq!(read_all(&[0xc5]), Err(ChunkError::NoHeader(5)));

        let streams: Vec<u8> = (0..=64u8)
            .flat_map(|i| [vec![0, i], full_header(6, 0, 0, 8)[1..].into()].concat())
            .collect();
        assert_eq!(read_all(&streams), Err(ChunkError::TooManyStreams));

        let mut bytes = full_header(2, 0, 4, kind::SET_CHUNK_SIZE);
        bytes.extend(16_000_000u32.to_be_bytes());
        for id in [6, 7] {
            bytes.extend(full_header(id, 0, 0xff_ffff, kind::VIDEO));
            bytes.extend(vec![0; 16_000_000]);
        }
        assert_eq!(
            read_all(&bytes),
            Err(ChunkError::Unfinished(MAX_UNFINISHED_BYTES))
        );
    }

    #[test]
    fn who_has_not_published_may_not_send_frames() {
        let bytes = full_header(6, 0, 300_000, kind::VIDEO);
        let refused = ChunkReader::default().read(&mut &bytes[..]);
        assert!(matches!(
            refused,
            Err(ChunkError::TooLong {
                limit: MAX_COMMAND_BYTES,
                ..
            })
        ));
        let mut bytes = full_header(2, 0, 4, kind::SET_CHUNK_SIZE);
        bytes.extend(200_000u32.to_be_bytes());
        for id in 3..6 {
            bytes.extend(full_header(id, 0, 250_000, kind::COMMAND_AMF0));
            bytes.extend(vec![0; 200_000]);
        }
        let refused = ChunkReader::default().read(&mut &bytes[..]);
        assert_eq!(
            refused,
            Err(ChunkError::Unfinished(MAX_UNFINISHED_COMMAND_BYTES))
        );
    }
}
