//! The end that publishes: for load generators, tests and pushing streams on.

use bytes::Bytes;

use crate::amf::{self, AmfError, Value};
use crate::chunk::{ChunkError, ChunkReader, ChunkWriter};
use crate::cursor::Cursor;
use crate::handshake::{Handshake, VersionError};
use crate::message::{Command, Message, event, kind};

/// Chunk streams of our own messages.
const CONTROL: u8 = 2;
const COMMANDS: u8 = 3;
const AUDIO: u8 = 4;
const VIDEO: u8 = 6;

/// Chunk size of our frames.
const CHUNK_SIZE: u32 = 4096;

/// Transactions of the two calls whose answers matter.
const CONNECT: f64 = 1.0;
const CREATE_STREAM: f64 = 4.0;

/// What the server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not there yet.
    Opening,
    /// Frames may be sent.
    Publishing,
    /// The server said no, or ended the stream.
    Refused {
        /// Its code, such as `NetStream.Publish.BadName`.
        code: String,
        /// Its text.
        description: String,
    },
}

/// The server cannot be understood. Close the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublisherError {
    /// No RTMP.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// No chunk stream.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// No AMF0.
    #[error(transparent)]
    Amf(#[from] AmfError),
}

/// A publisher as a state machine. What is to be sent collects until [`Publisher::take_output`].
#[derive(Debug)]
pub struct Publisher {
    app: String,
    name: String,
    tc_url: String,
    handshake: Option<Handshake>,
    reader: ChunkReader,
    writer: ChunkWriter,
    stream: u32,
    progress: Progress,
    out: Vec<u8>,
}

impl Publisher {
    /// Publishes `name` in `app` at the server whose application address is `tc_url`.
    pub fn new(tc_url: &str, app: &str, name: &str) -> Self {
        let (handshake, out) = Handshake::client();
        Self {
            app: app.to_owned(),
            name: name.to_owned(),
            tc_url: tc_url.to_owned(),
            handshake: Some(handshake),
            reader: ChunkReader::default(),
            writer: ChunkWriter::default(),
            stream: 0,
            progress: Progress::Opening,
            out,
        }
    }

    /// Takes in bytes from the server.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), PublisherError> {
        let mut input = Cursor(bytes);
        if let Some(handshake) = &mut self.handshake {
            if !handshake.read(&mut input, &mut self.out)? {
                return Ok(());
            }
            self.handshake = None;
            self.send_connect();
        }
        let mut rest = input.0;
        while let Some(message) = self.reader.read(&mut rest)? {
            self.dispatch(&message)?;
        }
        Ok(())
    }

    /// How far it is.
    pub const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What is to be sent now.
    pub fn take_output(&mut self) -> Bytes {
        std::mem::take(&mut self.out).into()
    }

    /// Queues a video frame: an FLV tag body.
    pub fn video(&mut self, timestamp: u32, payload: &[u8]) {
        self.writer.write(
            VIDEO,
            kind::VIDEO,
            self.stream,
            timestamp,
            payload,
            &mut self.out,
        );
    }

    /// Queues an audio frame: an FLV tag body.
    pub fn audio(&mut self, timestamp: u32, payload: &[u8]) {
        self.writer.write(
            AUDIO,
            kind::AUDIO,
            self.stream,
            timestamp,
            payload,
            &mut self.out,
        );
    }

    /// Queues the description of the stream.
    pub fn metadata(&mut self, members: Value) {
        let values = [
            Value::string("@setDataFrame"),
            Value::string("onMetaData"),
            members,
        ];
        let mut payload = Vec::new();
        amf::encode(&values, &mut payload);
        self.writer.write(
            AUDIO,
            kind::DATA_AMF0,
            self.stream,
            0,
            &payload,
            &mut self.out,
        );
    }

    /// Queues the end of the stream.
    pub fn finish(&mut self) {
        let name = Value::string(self.name.clone());
        self.call("FCUnpublish", 6.0, [Value::Null, name]);
        self.call(
            "deleteStream",
            7.0,
            [Value::Null, Value::Number(f64::from(self.stream))],
        );
    }

    fn dispatch(&mut self, message: &Message) -> Result<(), PublisherError> {
        match message.kind {
            kind::USER_CONTROL => {
                let mut cursor = Cursor(&message.payload);
                if cursor.u16() == Some(event::PING_REQUEST)
                    && let Some(time) = cursor.array::<4>()
                {
                    let mut answer = event::PING_RESPONSE.to_be_bytes().to_vec();
                    answer.extend(time);
                    self.writer
                        .write(CONTROL, kind::USER_CONTROL, 0, 0, &answer, &mut self.out);
                }
            }
            kind::COMMAND_AMF0 | kind::COMMAND_AMF3 => {
                if let Some(command) = Command::decode(message)? {
                    self.command(&command);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn command(&mut self, command: &Command) {
        let information = command.arguments.get(1);
        let text = |name| {
            let text = information
                .and_then(|value| value.member(name))
                .and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        match command.name.as_str() {
            "_result" if command.transaction == CONNECT => self.send_create_stream(),
            "_result" if command.transaction == CREATE_STREAM => {
                let number = information.and_then(Value::as_number).unwrap_or_default();
                self.stream = number as u32;
                self.send_publish();
            }
            "onStatus" | "_error" if text("level") == "error" => {
                let (code, description) = (text("code"), text("description"));
                self.progress = Progress::Refused { code, description };
            }
            "onStatus" if text("code") == "NetStream.Publish.Start" => {
                self.progress = Progress::Publishing;
            }
            _ => {}
        }
    }

    fn send_connect(&mut self) {
        let size = CHUNK_SIZE.to_be_bytes();
        self.writer
            .write(CONTROL, kind::SET_CHUNK_SIZE, 0, 0, &size, &mut self.out);
        self.writer.set_chunk_size(CHUNK_SIZE);
        let object = Value::object([
            ("app", Value::string(self.app.clone())),
            ("type", Value::string("nonprivate")),
            (
                "flashVer",
                Value::string("FMLE/3.0 (compatible; streamflow)"),
            ),
            ("tcUrl", Value::string(self.tc_url.clone())),
        ]);
        self.call("connect", CONNECT, [object]);
    }

    fn send_create_stream(&mut self) {
        let name = Value::string(self.name.clone());
        self.call("releaseStream", 2.0, [Value::Null, name.clone()]);
        self.call("FCPublish", 3.0, [Value::Null, name]);
        self.call("createStream", CREATE_STREAM, [Value::Null]);
    }

    fn send_publish(&mut self) {
        let name = Value::string(self.name.clone());
        let values = [
            Value::string("publish"),
            Value::Number(5.0),
            Value::Null,
            name,
            Value::string("live"),
        ];
        self.send_command(self.stream, &values);
    }

    fn call<const N: usize>(&mut self, name: &str, transaction: f64, arguments: [Value; N]) {
        let mut values = vec![Value::string(name), Value::Number(transaction)];
        values.extend(arguments);
        self.send_command(0, &values);
    }

    fn send_command(&mut self, stream: u32, values: &[Value]) {
        let mut payload = Vec::new();
        amf::encode(values, &mut payload);
        self.writer.write(
            COMMANDS,
            kind::COMMAND_AMF0,
            stream,
            0,
            &payload,
            &mut self.out,
        );
    }
}
