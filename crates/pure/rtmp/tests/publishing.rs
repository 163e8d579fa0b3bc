//! A publisher and a connection talk to each other in memory.

use std::time::{Duration, Instant};

use bytes::Bytes;
use streamflow_rtmp::amf::{self, Value};
use streamflow_rtmp::chunk::ChunkWriter;
use streamflow_rtmp::message::kind;
use streamflow_rtmp::publisher::Progress;
use streamflow_rtmp::{
    Action, Close, Connection, Input, Media, PublishIntent, Publisher, RefusalCode, Timeouts,
};

const TIMEOUTS: Timeouts = Timeouts {
    publish_within: Duration::from_secs(10),
    idle: Duration::from_secs(20),
};

struct Talk {
    now: Instant,
    server: Connection,
    publisher: Publisher,
    seen: Vec<Action>,
}

impl Talk {
    #[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
    fn new() -> Self {
        let now = Instant::now();
        Self {
            now,
            server: Connection::new(now, TIMEOUTS),
            publisher: Publisher::new("rtmp://host:1935/live", "live", "mani/key"),
            seen: Vec::new(),
        }
    }

    /// Carries bytes both ways until both are silent. Everything but bytes is kept in `seen`.
    fn exchange(&mut self) {
        loop {
            let to_server = self.publisher.take_output();
            let mut is_silent = to_server.is_empty();
            self.server.handle(self.now, Input::Received(&to_server));
            while let Some(action) = self.server.poll() {
                is_silent = false;
                match action {
                    Action::Send(bytes) => {
                        self.publisher.receive(&bytes).expect("ours is readable")
                    }
                    other => self.seen.push(other),
                }
            }
            if is_silent {
                return;
            }
        }
    }

    fn accepted() -> Self {
        let mut talk = Self::new();
        talk.exchange();
        talk.server.handle(talk.now, Input::Accepted);
        talk.exchange();
        assert_eq!(talk.publisher.progress(), &Progress::Publishing);
        talk.seen.clear();
        talk
    }
}

fn video(timestamp: u32, payload: &'static [u8]) -> Action {
    Action::Media(Media::Video {
        timestamp,
        payload: Bytes::from_static(payload),
    })
}

#[test]
fn a_publisher_is_announced_accepted_and_heard() {
    let mut talk = Talk::new();
    talk.exchange();
    let intent = PublishIntent {
        app: "live".to_owned(),
        name: "mani/key".to_owned(),
        tc_url: "rtmp://host:1935/live".to_owned(),
        encoder: "FMLE/3.0 (compatible; streamflow)".to_owned(),
    };
    assert_eq!(talk.seen, [Action::Publish(intent)]);
    assert_eq!(talk.publisher.progress(), &Progress::Opening);

    talk.seen.clear();
    talk.server.handle(talk.now, Input::Accepted);
    talk.exchange();
    assert_eq!(talk.publisher.progress(), &Progress::Publishing);
    let members = Value::EcmaArray(vec![("width".to_owned(), Value::Number(64.0))]);
    talk.publisher.metadata(members.clone());
    talk.publisher.video(0, b"\x17\x00");
    talk.publisher.audio(3, b"\xaf\x01z");
    talk.publisher.video(40, b"\x27\x01");
    talk.publisher.finish();
    talk.exchange();
    let audio = Media::Audio {
        timestamp: 3,
        payload: Bytes::from_static(b"\xaf\x01z"),
    };
    let expected = [
        Action::Media(Media::Metadata(members)),
        video(0, b"\x17\x00"),
        Action::Media(audio),
        video(40, b"\x27\x01"),
        Action::Unpublished,
    ];
    assert_eq!(talk.seen, expected);
}

#[test]
fn a_refused_publisher_reads_why_before_the_connection_closes() {
    let mut talk = Talk::new();
    talk.exchange();
    talk.server.handle(
        talk.now,
        Input::Refused(RefusalCode::BadName, "the name is in use"),
    );
    talk.exchange();
    let refused = Progress::Refused {
        code: "NetStream.Publish.BadName".to_owned(),
        description: "the name is in use".to_owned(),
    };
    assert_eq!(talk.publisher.progress(), &refused);
    assert_eq!(talk.seen.last(), Some(&Action::Close(Close::Refused)));
    assert!(talk.server.is_done());
}

#[test]
fn a_publisher_may_leave_and_publish_again_on_the_same_connection() {
    let mut talk = Talk::accepted();
    talk.publisher.finish();
    talk.exchange();
    assert_eq!(talk.seen, [Action::Unpublished]);
    let mut bytes = Vec::new();
    let mut payload = Vec::new();
    let values = [
        Value::string("publish"),
        Value::Number(9.0),
        Value::Null,
        Value::string("other"),
    ];
    amf::encode(&values, &mut payload);
    ChunkWriter::default().write(3, kind::COMMAND_AMF0, 1, 0, &payload, &mut bytes);
    talk.server.handle(talk.now, Input::Received(&bytes));
    talk.exchange();
    let Some(Action::Publish(intent)) = talk.seen.last() else {
        panic!("{:?}", talk.seen)
    };
    assert_eq!(intent.name, "other");
}

#[test]
fn who_does_not_publish_in_time_is_sent_away() {
    let mut talk = Talk::new();
    let deadline = talk.server.deadline().unwrap();
    assert_eq!(deadline, talk.now + TIMEOUTS.publish_within);
    talk.server
        .handle(deadline - Duration::from_millis(1), Input::Received(&[3]));
    talk.server.handle(deadline, Input::Tick);
    assert_eq!(talk.server.poll(), Some(Action::Close(Close::Slow)));
    assert!(talk.server.is_done() && talk.server.deadline().is_none());
}

#[test]
fn a_silent_publisher_is_sent_away_and_a_heard_one_is_not() {
    let mut talk = Talk::accepted();
    talk.now += TIMEOUTS.idle - Duration::from_millis(1);
    talk.publisher.video(0, b"\x17\x00");
    talk.exchange();
    talk.now += Duration::from_millis(2);
    talk.server.handle(talk.now, Input::Tick);
    assert_eq!(talk.seen, [video(0, b"\x17\x00")]);
    talk.now += TIMEOUTS.idle;
    talk.server.handle(talk.now, Input::Tick);
    talk.exchange();
    assert_eq!(talk.seen.last(), Some(&Action::Close(Close::Idle)));
}

#[test]
fn play_is_refused_with_a_reason() {
    let mut talk = Talk::accepted();
    let (mut bytes, mut payload) = (Vec::new(), Vec::new());
    let values = [
        Value::string("play"),
        Value::Number(0.0),
        Value::Null,
        Value::string("x"),
    ];
    amf::encode(&values, &mut payload);
    ChunkWriter::default().write(3, kind::COMMAND_AMF0, 1, 0, &payload, &mut bytes);
    talk.server.handle(talk.now, Input::Received(&bytes));
    talk.exchange();
    assert_eq!(talk.seen, [Action::Close(Close::PlayRefused)]);
    let Progress::Refused { code, .. } = talk.publisher.progress() else {
        panic!()
    };
    assert_eq!(code, "NetStream.Play.Failed");
}

#[test]
fn commands_out_of_order_close_the_connection() {
    for name in ["publish", "createStream"] {
        let mut talk = Talk::new();
        // The handshake alone: version, block 1, block 2.
        let mut bytes = vec![3; 1];
        bytes.extend([0; 2 * 1536]);
        let mut payload = Vec::new();
        amf::encode(
            &[Value::string(name), Value::Number(1.0), Value::Null],
            &mut payload,
        );
        ChunkWriter::default().write(3, kind::COMMAND_AMF0, 0, 0, &payload, &mut bytes);
        talk.server.handle(talk.now, Input::Received(&bytes));
        let actions: Vec<_> = std::iter::from_fn(|| talk.server.poll()).collect();
        let last = actions.last();
        assert!(
            matches!(last, Some(Action::Close(Close::OutOfOrder(_)))),
            "{name}: {last:?}"
        );
    }
}

#[test]
fn pings_are_answered_and_bytes_are_acknowledged() {
    let mut talk = Talk::accepted();
    let mut bytes = Vec::new();
    let writer = ChunkWriter::default();
    writer.write(
        2,
        kind::WINDOW_ACK_SIZE,
        0,
        0,
        &1u32.to_be_bytes(),
        &mut bytes,
    );
    writer.write(2, kind::USER_CONTROL, 0, 0, &[0, 6, 1, 2, 3, 4], &mut bytes);
    talk.server.handle(talk.now, Input::Received(&bytes));
    let Some(Action::Send(pong)) = talk.server.poll() else {
        panic!()
    };
    assert!(pong.ends_with(&[0, 7, 1, 2, 3, 4]));
    assert_eq!(
        talk.server.poll(),
        None,
        "a window of one byte is not followed"
    );
    // Frames without content keep the connection busy and lead to nothing else.
    let frame = [6, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0];
    let mut acknowledgements = 0;
    for _ in 0..20_000 {
        talk.server.handle(talk.now, Input::Received(&frame));
        while let Some(action) = talk.server.poll() {
            assert!(matches!(action, Action::Send(_)));
            acknowledgements += 1;
        }
    }
    assert_eq!(acknowledgements, 20_000 * frame.len() / 65_536);
}
