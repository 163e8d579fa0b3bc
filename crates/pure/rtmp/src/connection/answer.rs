//! What the publisher is told.

use super::{Connection, RefusalCode};
use crate::amf::{self, Value};
use crate::message::{Command, event, kind};

/// Chunk streams of our own messages.
const CONTROL: u8 = 2;
const COMMANDS: u8 = 3;
const STATUS: u8 = 5;

/// Chunk size of our answers, so that each fits one chunk.
const CHUNK_SIZE: u32 = 4096;

/// Window and bandwidth announced to the peer: what we send is next to nothing, and what it
/// sends is held back by the socket, so both only have to be plausible.
const WINDOW: u32 = 2_500_000;

/// Bandwidth limit type "dynamic".
const DYNAMIC: u8 = 2;

/// Codecs with a FourCC that are carried.
const FOUR_CCS: [&str; 4] = ["avc1", "hvc1", "vp09", "av01"];

impl Connection {
    pub(super) fn answer_connect(&mut self, transaction: f64, names_codecs: bool) {
        self.send_control(kind::WINDOW_ACK_SIZE, &WINDOW.to_be_bytes());
        let mut bandwidth = WINDOW.to_be_bytes().to_vec();
        bandwidth.push(DYNAMIC);
        self.send_control(kind::SET_PEER_BANDWIDTH, &bandwidth);
        self.send_control(kind::SET_CHUNK_SIZE, &CHUNK_SIZE.to_be_bytes());
        self.writer.set_chunk_size(CHUNK_SIZE);

        let server = Value::object([
            ("fmsVer", Value::string("FMS/3,0,1,123")),
            ("capabilities", Value::Number(31.0)),
        ]);
        let mut information = vec![
            ("level".to_owned(), Value::string("status")),
            (
                "code".to_owned(),
                Value::string("NetConnection.Connect.Success"),
            ),
            (
                "description".to_owned(),
                Value::string("Connection succeeded."),
            ),
            ("objectEncoding".to_owned(), Value::Number(0.0)),
        ];
        if names_codecs {
            let codecs = FOUR_CCS.into_iter().map(Value::string).collect();
            information.push(("fourCcList".to_owned(), Value::StrictArray(codecs)));
        }
        let values = [
            Value::string("_result"),
            Value::Number(transaction),
            server,
            Value::Object(information),
        ];
        self.send_command(COMMANDS, 0, &values);
    }

    pub(super) fn answer_create_stream(&mut self, transaction: f64, stream: u32) {
        let values = [
            Value::string("_result"),
            Value::Number(transaction),
            Value::Null,
            Value::Number(f64::from(stream)),
        ];
        self.send_command(COMMANDS, 0, &values);
    }

    /// An empty result, for calls whose answer carries nothing.
    pub(super) fn answer_plain(&mut self, command: &Command) {
        if command.transaction > 0.0 {
            let values = [
                Value::string("_result"),
                Value::Number(command.transaction),
                Value::Null,
                Value::Undefined,
            ];
            self.send_command(COMMANDS, 0, &values);
        }
    }

    pub(super) fn answer_fc_publish(&mut self, name: &str) {
        let information = Value::object([
            ("code", Value::string("NetStream.Publish.Start")),
            ("description", Value::string(name)),
        ]);
        let values = [
            Value::string("onFCPublish"),
            Value::Number(0.0),
            Value::Null,
            information,
        ];
        self.send_command(COMMANDS, 0, &values);
    }

    pub(super) fn answer_publish_started(&mut self, stream: u32) {
        let mut begin = event::STREAM_BEGIN.to_be_bytes().to_vec();
        begin.extend(stream.to_be_bytes());
        self.send_control(kind::USER_CONTROL, &begin);
        self.send_status(stream, "status", "NetStream.Publish.Start", "Publishing.");
    }

    pub(super) fn answer_publish_refused(&mut self, stream: u32, code: RefusalCode, text: &str) {
        let code = match code {
            RefusalCode::BadName => "NetStream.Publish.BadName",
            RefusalCode::Denied => "NetStream.Publish.Denied",
            RefusalCode::Failed => "NetStream.Publish.Failed",
        };
        self.send_status(stream, "error", code, text);
    }

    pub(super) fn answer_play_refused(&mut self, stream: u32) {
        let text = "This port takes publishers; watch over HTTP at /stream/<name>.m3u8.";
        self.send_status(stream, "error", "NetStream.Play.Failed", text);
    }

    pub(super) fn answer_unpublished(&mut self, stream: u32) {
        self.send_status(
            stream,
            "status",
            "NetStream.Unpublish.Success",
            "Stream ended.",
        );
    }

    pub(super) fn send_control(&mut self, kind: u8, payload: &[u8]) {
        self.writer
            .write(CONTROL, kind, 0, 0, payload, &mut self.out);
    }

    fn send_status(&mut self, stream: u32, level: &str, code: &str, description: &str) {
        let information = Value::object([
            ("level", Value::string(level)),
            ("code", Value::string(code)),
            ("description", Value::string(description)),
        ]);
        let values = [
            Value::string("onStatus"),
            Value::Number(0.0),
            Value::Null,
            information,
        ];
        self.send_command(STATUS, stream, &values);
    }

    fn send_command(&mut self, id: u8, stream: u32, values: &[Value]) {
        let mut payload = Vec::new();
        amf::encode(values, &mut payload);
        self.writer
            .write(id, kind::COMMAND_AMF0, stream, 0, &payload, &mut self.out);
    }
}
