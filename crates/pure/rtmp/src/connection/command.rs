//! Commands of a publisher, and what each leads to.

use std::time::Instant;

use super::{Action, Close, Connection, Phase, PublishIntent};
use crate::amf::Value;
use crate::message::{Command, Message};

/// Message streams of one connection. Publishers make one.
const MAX_MESSAGE_STREAMS: u32 = 16;

/// Longest text kept of a peer: names, addresses, its own description.
const MAX_TEXT_BYTES: usize = 2048;

impl Connection {
    pub(super) fn command(&mut self, now: Instant, message: &Message) -> Result<(), Close> {
        let Some(command) = Command::decode(message)? else {
            return Ok(());
        };
        match command.name.as_str() {
            "connect" => return self.connect(&command),
            "createStream" => return self.create_stream(&command),
            "publish" => return self.publish(message.stream, &command),
            "play" | "play2" => {
                self.answer_play_refused(message.stream);
                return Err(Close::PlayRefused);
            }
            "FCPublish" => {
                self.answer_fc_publish(command.text().unwrap_or_default());
                self.answer_plain(&command);
            }
            "deleteStream" | "closeStream" | "FCUnpublish" => self.unpublish(now),
            // Bandwidth checks, releaseStream and the like want some answer, whatever it is.
            // Answers and events of the peer itself want none.
            "_result" | "_error" | "onStatus" => {}
            _ => self.answer_plain(&command),
        }
        Ok(())
    }

    fn connect(&mut self, command: &Command) -> Result<(), Close> {
        if self.app.is_some() {
            return Err(Close::OutOfOrder("connect came twice"));
        }
        let object = command.object();
        let text = |name| {
            let text = object
                .and_then(|object| object.member(name))
                .and_then(Value::as_str);
            bounded(text.unwrap_or_default())
        };
        self.app = Some(PublishIntent {
            app: text("app"),
            name: String::new(),
            tc_url: text("tcUrl"),
            encoder: text("flashVer"),
        });
        let names_codecs = object
            .and_then(|object| object.member("fourCcList"))
            .is_some();
        self.answer_connect(command.transaction, names_codecs);
        Ok(())
    }

    fn create_stream(&mut self, command: &Command) -> Result<(), Close> {
        if self.app.is_none() {
            return Err(Close::OutOfOrder("createStream came before connect"));
        }
        if self.message_streams >= MAX_MESSAGE_STREAMS {
            return Err(Close::OutOfOrder("too many message streams"));
        }
        self.message_streams += 1;
        self.answer_create_stream(command.transaction, self.message_streams);
        Ok(())
    }

    fn publish(&mut self, stream: u32, command: &Command) -> Result<(), Close> {
        let Some(app) = &self.app else {
            return Err(Close::OutOfOrder("publish came before connect"));
        };
        if self.phase != Phase::Open {
            return Err(Close::OutOfOrder("publish came while publishing"));
        }
        let name = bounded(command.text().unwrap_or_default());
        let intent = PublishIntent {
            name,
            ..app.clone()
        };
        self.phase = Phase::Pending(stream);
        // The decision has its own limit outside.
        self.deadline = None;
        self.flush();
        self.actions.push_back(Action::Publish(intent));
        Ok(())
    }

    /// `FCUnpublish`, `closeStream` and `deleteStream` come one after the other; the first counts.
    fn unpublish(&mut self, now: Instant) {
        let Phase::Publishing(stream) = self.phase else {
            return;
        };
        self.phase = Phase::Open;
        self.reader.expect_frames(false);
        self.deadline = now.checked_add(self.timeouts.publish_within);
        self.answer_unpublished(stream);
        self.flush();
        self.actions.push_back(Action::Unpublished);
    }
}

fn bounded(text: &str) -> String {
    text.get(..text.floor_char_boundary(MAX_TEXT_BYTES))
        .unwrap_or_default()
        .to_owned()
}
