//! The messages of an OBS stream in their order, in the chunks its library makes of them: full
//! headers for commands and the first frames, headers without message stream after, none between
//! the chunks of a frame. Between the chunks of large pictures stands sound, as it may.

use streamflow_rtmp::amf::{self, Value};
use streamflow_rtmp::message::kind;

/// Chunk streams.
const CONTROL: u8 = 2;
const COMMANDS: u8 = 3;
const SOUND: u8 = 4;
const PICTURES: u8 = 6;

const CHUNK_BYTES: usize = 4096;
const EXTENDED: u32 = 0xff_ffff;

pub(crate) fn picture_times(start: u32) -> Vec<u32> {
    (0..60).map(|index| start + index * 33).collect()
}

pub(crate) fn sound_times(start: u32) -> Vec<u32> {
    (0..86).map(|index| start + index * 23).collect()
}

/// Two seconds whose times begin at `start`.
pub(crate) fn recording(start: u32) -> Vec<u8> {
    let mut wire = Wire {
        bytes: handshake(),
        chunk_bytes: 128,
        last: [None; 8],
    };
    opening(&mut wire);
    let mut sound = sound_times(start).into_iter().peekable();
    for (index, time) in picture_times(start).into_iter().enumerate() {
        let is_key = index % 30 == 0;
        let mut body = vec![if is_key { 0x17 } else { 0x27 }, 1, 0, 0, 33];
        body.extend((0..if is_key { 9_000 } else { 700 }).map(|byte| (byte % 253) as u8));
        let mut chunks = wire
            .chunks(PICTURES, kind::VIDEO, 1, time, &body)
            .into_iter();
        wire.bytes.extend(chunks.next().unwrap());
        while let Some(time) = sound.next_if(|sound| *sound <= time) {
            wire.message(SOUND, kind::AUDIO, 1, time, &frame_of_sound(time));
        }
        chunks.for_each(|chunk| wire.bytes.extend(chunk));
    }
    for time in sound {
        wire.message(SOUND, kind::AUDIO, 1, time, &frame_of_sound(time));
    }
    let name = || Value::string("mani?key=1");
    wire.command(0, "FCUnpublish", 6.0, vec![Value::Null, name()]);
    wire.command(
        0,
        "deleteStream",
        7.0,
        vec![Value::Null, Value::Number(1.0)],
    );
    wire.bytes
}

/// Plain form: time, zero, noise; the second block echoes the server's first.
fn handshake() -> Vec<u8> {
    let noise = (0..1528u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8);
    let mut bytes = vec![3, 0, 1, 2, 3, 0, 0, 0, 0];
    bytes.extend(noise);
    bytes.extend([0; 1536]);
    bytes
}

fn opening(wire: &mut Wire) {
    let object = Value::object([
        ("app", Value::string("live")),
        ("type", Value::string("nonprivate")),
        ("flashVer", Value::string("FMLE/3.0 (compatible; FMSc/1.0)")),
        ("swfUrl", Value::string("rtmp://host:1935/live")),
        ("tcUrl", Value::string("rtmp://host:1935/live")),
        ("fpad", Value::Boolean(false)),
        ("capabilities", Value::Number(239.0)),
        ("audioCodecs", Value::Number(3575.0)),
        ("videoCodecs", Value::Number(252.0)),
        ("videoFunction", Value::Number(1.0)),
        (
            "fourCcList",
            Value::StrictArray(["av01", "hvc1"].map(Value::string).into()),
        ),
    ]);
    wire.command(0, "connect", 1.0, vec![object]);
    let size = u32::try_from(CHUNK_BYTES).unwrap().to_be_bytes();
    wire.message(CONTROL, kind::SET_CHUNK_SIZE, 0, 0, &size);
    wire.chunk_bytes = CHUNK_BYTES;
    let window = 2_500_000u32.to_be_bytes();
    wire.message(CONTROL, kind::WINDOW_ACK_SIZE, 0, 0, &window);
    let name = || Value::string("mani?key=1");
    wire.command(0, "releaseStream", 2.0, vec![Value::Null, name()]);
    wire.command(0, "FCPublish", 3.0, vec![Value::Null, name()]);
    wire.command(0, "createStream", 4.0, vec![Value::Null]);
    wire.command(0, "_checkbw", 5.0, vec![Value::Null]);
    let live = vec![Value::Null, name(), Value::string("live")];
    wire.command(1, "publish", 6.0, live);
    let members = [
        ("duration", Value::Number(0.0)),
        ("fileSize", Value::Number(0.0)),
        ("width", Value::Number(1280.0)),
        ("height", Value::Number(720.0)),
        ("videocodecid", Value::Number(7.0)),
        ("framerate", Value::Number(30.0)),
        ("audiocodecid", Value::Number(10.0)),
        ("stereo", Value::Boolean(true)),
        ("encoder", Value::string("obs-output module")),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), value)).into();
    let mut payload = Vec::new();
    let values = [
        Value::string("@setDataFrame"),
        Value::string("onMetaData"),
        Value::EcmaArray(members),
    ];
    amf::encode(&values, &mut payload);
    wire.message(SOUND, kind::DATA_AMF0, 1, 0, &payload);
    wire.message(SOUND, kind::AUDIO, 1, 0, b"\xaf\x00\x12\x10");
    let record = b"\x17\0\0\0\0\x01\x64\0\x1f\xff\xe1\0\x02\x67\x64\x01\0\x01\x68";
    wire.message(PICTURES, kind::VIDEO, 1, 0, record);
}

fn frame_of_sound(time: u32) -> Vec<u8> {
    let mut frame = vec![0xaf, 1];
    frame.extend((0..300).map(|byte| (byte + time) as u8));
    frame
}

struct Wire {
    bytes: Vec<u8>,
    chunk_bytes: usize,
    /// Time of the last message of each chunk stream that carried frames.
    last: [Option<u32>; 8],
}

impl Wire {
    fn command(&mut self, stream: u32, name: &str, transaction: f64, arguments: Vec<Value>) {
        let mut values = vec![Value::string(name), Value::Number(transaction)];
        values.extend(arguments);
        let mut payload = Vec::new();
        amf::encode(&values, &mut payload);
        self.message(COMMANDS, kind::COMMAND_AMF0, stream, 0, &payload);
    }

    fn message(&mut self, id: u8, kind: u8, stream: u32, time: u32, payload: &[u8]) {
        let chunks = self.chunks(id, kind, stream, time, payload);
        chunks
            .into_iter()
            .for_each(|chunk| self.bytes.extend(chunk));
    }

    /// The chunks of a message. A time at zero has a full header, and so has the first that is
    /// not; from then on only distances are written.
    fn chunks(&mut self, id: u8, kind: u8, stream: u32, time: u32, payload: &[u8]) -> Vec<Vec<u8>> {
        let last = self.last[usize::from(id)].filter(|_| time > 0);
        let field = last.map_or(time, |last| time - last);
        if matches!(kind, kind::AUDIO | kind::VIDEO) {
            self.last[usize::from(id)] = (time > 0).then_some(time);
        }
        let mut head = vec![if last.is_some() { 0x40 | id } else { id }];
        head.extend(&field.min(EXTENDED).to_be_bytes()[1..]);
        head.extend(&u32::try_from(payload.len()).unwrap().to_be_bytes()[1..]);
        head.push(kind);
        if last.is_none() {
            head.extend(stream.to_le_bytes());
        }
        let extended = (field >= EXTENDED).then_some(field.to_be_bytes());
        let mut chunks = Vec::new();
        for part in payload.chunks(self.chunk_bytes) {
            let mut chunk = std::mem::replace(&mut head, vec![0xc0 | id]);
            chunk.extend(extended.iter().flatten());
            chunk.extend(part);
            chunks.push(chunk);
        }
        chunks
    }
}
