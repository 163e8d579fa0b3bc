//! The messages that chunks carry, and the kinds this crate knows.

use bytes::Bytes;

use crate::amf::{self, AmfError, Value};
use crate::cursor::Cursor;

/// Message type numbers.
#[allow(missing_docs, reason = "the names are those of the protocol")]
pub mod kind {
    pub const SET_CHUNK_SIZE: u8 = 1;
    pub const ABORT: u8 = 2;
    pub const ACKNOWLEDGEMENT: u8 = 3;
    pub const USER_CONTROL: u8 = 4;
    pub const WINDOW_ACK_SIZE: u8 = 5;
    pub const SET_PEER_BANDWIDTH: u8 = 6;
    pub const AUDIO: u8 = 8;
    pub const VIDEO: u8 = 9;
    pub const DATA_AMF3: u8 = 15;
    pub const COMMAND_AMF3: u8 = 17;
    pub const DATA_AMF0: u8 = 18;
    pub const COMMAND_AMF0: u8 = 20;
    pub const AGGREGATE: u8 = 22;
}

/// User control event numbers.
#[allow(missing_docs, reason = "the names are those of the protocol")]
pub mod event {
    pub const STREAM_BEGIN: u16 = 0;
    pub const PING_REQUEST: u16 = 6;
    pub const PING_RESPONSE: u16 = 7;
}

/// One whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its type number.
    pub kind: u8,
    /// The message stream.
    pub stream: u32,
    /// Milliseconds, modulo 2³².
    pub timestamp: u32,
    /// The content.
    pub payload: Bytes,
}

/// A remote call.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// What to do.
    pub name: String,
    /// Copied into the answer; 0 wants none.
    pub transaction: f64,
    /// Object and arguments.
    pub arguments: Vec<Value>,
}

impl Command {
    /// From a command message of either notation. AMF3 ones wrap AMF0 values behind a zero byte.
    pub fn decode(message: &Message) -> Result<Option<Self>, AmfError> {
        let mut values = amf::decode(without_wrapper(message, kind::COMMAND_AMF3))?.into_iter();
        let Some(Value::String(name)) = values.next() else {
            return Ok(None);
        };
        let transaction = values
            .next()
            .and_then(|value| value.as_number())
            .unwrap_or_default();
        Ok(Some(Self {
            name,
            transaction,
            arguments: values.collect(),
        }))
    }

    /// The object that follows the transaction.
    pub fn object(&self) -> Option<&Value> {
        self.arguments.first()
    }

    /// The first text argument behind the object.
    pub fn text(&self) -> Option<&str> {
        self.arguments.get(1).and_then(Value::as_str)
    }
}

/// The values of a data message of either notation.
pub fn data_values(message: &Message) -> Result<Vec<Value>, AmfError> {
    amf::decode(without_wrapper(message, kind::DATA_AMF3))
}

fn without_wrapper(message: &Message, wrapped: u8) -> &[u8] {
    match message.payload.split_first() {
        Some((0, rest)) if message.kind == wrapped => rest,
        _ => &message.payload,
    }
}

/// Messages taken of one aggregate: those of some seconds. The rest is left out, since each takes
/// several times the memory of its bytes.
pub(crate) const MAX_PARTS: usize = 1024;

/// The messages inside an aggregate, each with its own time. Stops at the first that is cut off.
pub(crate) fn split_aggregate(aggregate: &Message) -> Vec<Message> {
    let mut cursor = Cursor(&aggregate.payload);
    let mut first_time = None;
    let mut messages = Vec::new();
    while messages.len() < MAX_PARTS
        && let Some((kind, time, body)) = sub_message(&mut cursor)
    {
        let shift = time.wrapping_sub(*first_time.get_or_insert(time));
        messages.push(Message {
            kind,
            stream: aggregate.stream,
            timestamp: aggregate.timestamp.wrapping_add(shift),
            payload: aggregate.payload.slice_ref(body),
        });
    }
    messages
}

fn sub_message<'a>(cursor: &mut Cursor<'a>) -> Option<(u8, u32, &'a [u8])> {
    let kind = cursor.u8()?;
    let length = cursor.u24()?;
    let low = cursor.u24()?;
    let high = cursor.u8()?;
    cursor.u24()?; // Message stream: that of the aggregate counts.
    let body = cursor.bytes(usize::try_from(length).ok()?)?;
    cursor.u32()?; // Back pointer.
    Some((kind, u32::from(high) << 24 | low, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, payload: Vec<u8>) -> Message {
        Message {
            kind,
            stream: 1,
            timestamp: 1000,
            payload: payload.into(),
        }
    }

    #[test]
    fn amf3_commands_are_read_behind_their_wrapper_byte() {
        let mut plain = Vec::new();
        amf::encode(
            &[
                Value::string("createStream"),
                Value::Number(4.0),
                Value::Null,
            ],
            &mut plain,
        );
        let mut wrapped = vec![0];
        wrapped.extend(&plain);
        let expected = Command {
            name: "createStream".to_owned(),
            transaction: 4.0,
            arguments: vec![Value::Null],
        };
        for message in [
            message(kind::COMMAND_AMF0, plain),
            message(kind::COMMAND_AMF3, wrapped),
        ] {
            assert_eq!(Command::decode(&message).unwrap().as_ref(), Some(&expected));
        }
    }

    #[test]
    fn an_aggregate_keeps_the_distances_between_its_messages() {
        let mut payload = Vec::new();
        for (kind, time, body) in [(8, 500_u32, b"ab"), (9, 540, b"cd")] {
            payload.push(kind);
            payload.extend([0, 0, 2]);
            payload.extend(&time.to_be_bytes()[1..]);
            payload.extend([0, 0, 0, 0]);
            payload.extend(body);
            payload.extend([0, 0, 0, 13]);
        }
        payload.extend([9, 0, 0, 200]); // Cut off.
        let parts = split_aggregate(&message(kind::AGGREGATE, payload));
        let seen: Vec<_> = parts
            .iter()
            .map(|m| (m.kind, m.timestamp, &m.payload[..]))
            .collect();
        assert_eq!(seen, [(8, 1000, &b"ab"[..]), (9, 1040, &b"cd"[..])]);
    }
}
