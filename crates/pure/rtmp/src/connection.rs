//! The end that takes a publisher, from the first byte to the last frame.
//!
//! The machine decides when a peer is too slow; whether somebody may publish is decided outside,
//! between [`Action::Publish`] and [`Input::Accepted`] or [`Input::Refused`]. One connection
//! carries one publisher at a time.

mod answer;
mod command;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::amf::{AmfError, Value};
use crate::chunk::{ChunkError, ChunkReader, ChunkWriter, MAX_COMMAND_BYTES};
use crate::cursor::Cursor;
use crate::handshake::{Handshake, VersionError};
use crate::message::{self, Message, event, kind};

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Bytes came from the peer. What they lead to is queued, so hand in at most some 64 KiB
    /// between two rounds of [`Connection::poll`].
    Received(&'a [u8]),
    /// The pending publisher may publish.
    Accepted,
    /// The pending or running publisher may not, or no longer; the text is shown to it.
    Refused(RefusalCode, &'a str),
    /// The deadline has come.
    Tick,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send these bytes.
    Send(Bytes),
    /// Somebody wants to publish: decide.
    Publish(PublishIntent),
    /// A frame or its description, in the order of arrival.
    Media(Media),
    /// The publisher has finished its stream; it may start another.
    Unpublished,
    /// Send what is queued before this, then close. Nothing follows.
    Close(Close),
}

/// What somebody wants to publish.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PublishIntent {
    /// The application: first part of the path.
    pub app: String,
    /// The stream name: rest of the path.
    pub name: String,
    /// The address of the application as the peer knows it; may be empty.
    pub tc_url: String,
    /// What the peer calls itself.
    pub encoder: String,
}

/// Frames and metadata. Payloads are FLV tag bodies; times are milliseconds modulo 2³².
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are described at the type")]
pub enum Media {
    /// Video, classic or with a FourCC.
    Video { timestamp: u32, payload: Bytes },
    /// Audio, classic or with a FourCC.
    Audio { timestamp: u32, payload: Bytes },
    /// Members of `onMetaData`.
    Metadata(Value),
}

/// How a refusal is called on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalCode {
    /// The name is taken.
    BadName,
    /// Not allowed.
    Denied,
    /// Anything else on our side.
    Failed,
}

/// Why the connection ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Close {
    /// No RTMP, or its encrypted variant.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The bytes are no chunk stream within bounds.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// A command is no AMF0 within bounds.
    #[error("unreadable command: {0}")]
    Command(#[from] AmfError),
    /// A command out of order.
    #[error("{0}")]
    OutOfOrder(&'static str),
    /// Told to play: this end only takes publishers.
    #[error("the peer wants to play; this port takes publishers")]
    PlayRefused,
    /// Refused from outside.
    #[error("refused")]
    Refused,
    /// No request to publish in time.
    #[error("no request to publish in time")]
    Slow,
    /// A publisher fell silent.
    #[error("nothing received for too long")]
    Idle,
}

/// How long is waited for a peer.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From the start, or from the end of a stream, to the next request to publish.
    pub publish_within: Duration,
    /// Longest silence of an accepted publisher.
    pub idle: Duration,
}

/// The state machine of one connection.
#[derive(Debug)]
pub struct Connection {
    timeouts: Timeouts,
    phase: Phase,
    handshake: Option<Handshake>,
    reader: ChunkReader,
    writer: ChunkWriter,
    actions: VecDeque<Action>,
    out: Vec<u8>,
    /// What came after a request to publish that is not decided yet.
    held: Vec<u8>,
    app: Option<PublishIntent>,
    message_streams: u32,
    window: u32,
    received: u32,
    acknowledged: u32,
    deadline: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nobody publishes.
    Open,
    /// Waits for the decision; the message stream that asked.
    Pending(u32),
    /// Accepted, on this message stream.
    Publishing(u32),
    Closed,
}

/// Bytes after which the peer hears how much arrived, until it names its own window.
const FIRST_WINDOW: u32 = 2_500_000;

/// Smallest window followed: a peer cannot ask for an answer to each byte.
const SMALLEST_WINDOW: u32 = 64 * 1024;

/// Bytes kept while a request to publish is decided: a few reads of the driver, which had better
/// not read at all then.
const MAX_HELD_BYTES: usize = 256 * 1024;

/// Most memory of a connection whose actions are polled after each 64 KiB: twice the unfinished
/// messages, since buffers grow by doubling, the first reserve of each chunk stream, and what 64
/// KiB of the smallest frames come to.
pub const MAX_CONNECTION_BYTES: usize = 64 * 1024 * 1024;

/// The same while nobody publishes: commands only.
pub const MAX_STRANGER_BYTES: usize = 4 * 1024 * 1024;

impl Connection {
    /// A connection accepted now.
    pub fn new(now: Instant, timeouts: Timeouts) -> Self {
        Self {
            timeouts,
            phase: Phase::Open,
            handshake: Some(Handshake::server()),
            reader: ChunkReader::default(),
            writer: ChunkWriter::default(),
            actions: VecDeque::new(),
            out: Vec::new(),
            held: Vec::new(),
            app: None,
            message_streams: 0,
            window: FIRST_WINDOW,
            received: 0,
            acknowledged: 0,
            deadline: now.checked_add(timeouts.publish_within),
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        if self.phase == Phase::Closed {
            return;
        }
        match input {
            Input::Received(bytes) => {
                if let Err(reason) = self.receive(now, bytes) {
                    self.close(reason);
                }
            }
            Input::Accepted => {
                if let Phase::Pending(stream) = self.phase {
                    self.phase = Phase::Publishing(stream);
                    self.reader.expect_frames(true);
                    self.deadline = now.checked_add(self.timeouts.idle);
                    self.answer_publish_started(stream);
                    let held = std::mem::take(&mut self.held);
                    if let Err(reason) = self.receive(now, &held) {
                        self.close(reason);
                    }
                }
            }
            Input::Refused(code, text) => {
                if let Phase::Pending(stream) | Phase::Publishing(stream) = self.phase {
                    self.answer_publish_refused(stream, code, text);
                }
                self.close(Close::Refused);
            }
            Input::Tick => {
                if self.deadline.is_some_and(|deadline| now >= deadline) {
                    let is_publishing = matches!(self.phase, Phase::Publishing(_));
                    self.close(if is_publishing {
                        Close::Idle
                    } else {
                        Close::Slow
                    });
                }
            }
        }
        self.flush();
    }

    /// What to do next. Call until `None` after each `handle`.
    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call `handle` with [`Input::Tick`] if nothing else happens.
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Bytes of memory in use; at most [`MAX_CONNECTION_BYTES`], and until somebody publishes
    /// [`MAX_STRANGER_BYTES`].
    pub fn memory(&self) -> usize {
        let content = |action: &Action| match action {
            Action::Send(bytes)
            | Action::Media(
                Media::Video { payload: bytes, .. } | Media::Audio { payload: bytes, .. },
            ) => bytes.len(),
            // Values of a message of bounded length.
            Action::Media(Media::Metadata(_)) => MAX_COMMAND_BYTES,
            Action::Publish(_) | Action::Unpublished | Action::Close(_) => 0,
        };
        self.reader.memory()
            + self.out.capacity()
            + self.held.capacity()
            + self.actions.capacity() * size_of::<Action>()
            + self.actions.iter().map(content).sum::<usize>()
    }

    /// Whether the connection is closed and nothing is left to do.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Closed && self.actions.is_empty()
    }

    fn receive(&mut self, now: Instant, bytes: &[u8]) -> Result<(), Close> {
        if matches!(self.phase, Phase::Publishing(_)) && !bytes.is_empty() {
            self.deadline = now.checked_add(self.timeouts.idle);
        }
        let mut input = Cursor(bytes);
        if let Some(handshake) = &mut self.handshake {
            if !handshake.read(&mut input, &mut self.out)? {
                return Ok(());
            }
            self.handshake = None;
        }
        let mut rest = input.0;
        loop {
            if matches!(self.phase, Phase::Pending(_)) {
                return self.hold(rest);
            }
            let before = rest.len();
            let message = self.reader.read(&mut rest)?;
            self.count(before.saturating_sub(rest.len()));
            let Some(message) = message else {
                return Ok(());
            };
            self.dispatch(now, &message)?;
            if self.phase == Phase::Closed {
                return Ok(());
            }
        }
    }

    /// Keeps bytes until the decision. A peer that waits for the answer sends none.
    fn hold(&mut self, rest: &[u8]) -> Result<(), Close> {
        if self.held.len().saturating_add(rest.len()) > MAX_HELD_BYTES {
            return Err(Close::OutOfOrder(
                "too much came before the answer to publish",
            ));
        }
        self.held.extend(rest);
        Ok(())
    }

    /// Counts what arrived and acknowledges it a window at a time. The count wraps, as defined.
    fn count(&mut self, bytes: usize) {
        self.received = self.received.wrapping_add(bytes as u32);
        if self.received.wrapping_sub(self.acknowledged) >= self.window {
            self.acknowledged = self.received;
            self.send_control(kind::ACKNOWLEDGEMENT, &self.received.to_be_bytes());
        }
    }

    fn dispatch(&mut self, now: Instant, message: &Message) -> Result<(), Close> {
        match message.kind {
            kind::USER_CONTROL => self.user_control(&message.payload),
            kind::WINDOW_ACK_SIZE => {
                let window = Cursor(&message.payload).u32().unwrap_or(FIRST_WINDOW);
                self.window = window.max(SMALLEST_WINDOW);
            }
            kind::COMMAND_AMF0 | kind::COMMAND_AMF3 => return self.command(now, message),
            kind::DATA_AMF0 | kind::DATA_AMF3 | kind::AUDIO | kind::VIDEO => self.media(message),
            kind::AGGREGATE => {
                message::split_aggregate(message)
                    .iter()
                    .for_each(|part| self.media(part));
            }
            // Acknowledgements and bandwidth concern what we send, which is next to nothing;
            // shared objects and unknown kinds are none of ours.
            _ => {}
        }
        Ok(())
    }

    fn user_control(&mut self, payload: &[u8]) {
        let mut cursor = Cursor(payload);
        if cursor.u16() == Some(event::PING_REQUEST)
            && let Some(time) = cursor.array::<4>()
        {
            let mut answer = event::PING_RESPONSE.to_be_bytes().to_vec();
            answer.extend(time);
            self.send_control(kind::USER_CONTROL, &answer);
        }
    }

    fn media(&mut self, message: &Message) {
        if !matches!(self.phase, Phase::Publishing(_)) {
            return;
        }
        let (timestamp, payload) = (message.timestamp, message.payload.clone());
        let media = match message.kind {
            kind::VIDEO if !payload.is_empty() => Media::Video { timestamp, payload },
            kind::AUDIO if !payload.is_empty() => Media::Audio { timestamp, payload },
            kind::DATA_AMF0 | kind::DATA_AMF3 => match metadata(message) {
                Some(metadata) => Media::Metadata(metadata),
                None => return,
            },
            _ => return,
        };
        self.flush();
        self.actions.push_back(Action::Media(media));
    }

    fn close(&mut self, reason: Close) {
        self.flush();
        self.phase = Phase::Closed;
        self.deadline = None;
        self.actions.push_back(Action::Close(reason));
    }

    /// Hands over what was written so far, in order with the other actions.
    fn flush(&mut self) {
        if !self.out.is_empty() {
            let bytes = std::mem::take(&mut self.out);
            self.actions.push_back(Action::Send(bytes.into()));
        }
    }
}

/// The members of `onMetaData`, with or without `@setDataFrame` in front. Other data, and what
/// cannot be read, is no reason to end a stream.
fn metadata(message: &Message) -> Option<Value> {
    let mut values = message::data_values(message).ok()?.into_iter();
    let mut name = values.next()?;
    if name.as_str() == Some("@setDataFrame") {
        name = values.next()?;
    }
    let members = values.next()?;
    (name.as_str() == Some("onMetaData")).then_some(members)
}
