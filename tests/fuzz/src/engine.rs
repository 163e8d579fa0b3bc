//! Bytes of a worker process: frames, bodies, and the mark of a null rendition.

use streamflow_engine::Tag;
use streamflow_engine::protocol::{FromWorker, HEADER_BYTES, Header, ToWorker};

/// Frames one after another, as a worker writes them, until one is refused.
pub fn frames(bytes: &[u8]) {
    let mut rest = bytes;
    while let Some((head, tail)) = rest.split_first_chunk::<HEADER_BYTES>() {
        let Ok(header) = Header::parse(head) else {
            return;
        };
        let Some((body, next)) = tail.split_at_checked(header.length) else {
            return;
        };
        if let Ok(message) = FromWorker::decode(header.kind, body) {
            // What was read can be written, and is read the same again, unless it was written
            // tighter than we do and is past the bound now.
            if let Ok(frame) = message.encode(header.job) {
                let body = frame.get(HEADER_BYTES..).expect("a frame has a header");
                let again = FromWorker::decode(header.kind, body).expect("a body of our own");
                assert_eq!(again, message);
            }
        }
        // The worker reads the node's frames with the same code.
        let _ = ToWorker::decode(header.kind, body);
        rest = next;
    }
}

/// The mark of a null rendition.
pub fn tag(bytes: &[u8]) {
    let _ = Tag::read(bytes);
}

#[cfg(test)]
mod tests {
    use streamflow_engine::protocol::{Hello, Layer, PROTOCOL_VERSION, StageTimes};
    use streamflow_types::TranscodeFailure;

    use super::*;

    fn session() -> Vec<u8> {
        let hello = Hello {
            protocol: PROTOCOL_VERSION,
            version: "0.1.0".to_owned(),
            ffmpeg: "5.1.9-0+deb12u1".to_owned(),
            active: Layer::ALL.to_vec(),
            missing: Vec::new(),
            capabilities: vec![0, 1, 12],
            device: None,
        };
        let (frames, pixels) = (60, 55_296_000);
        [
            FromWorker::Hello(Box::new(hello)),
            FromWorker::Decoded { frames, pixels },
            FromWorker::Rendition { index: 0, pixels },
            FromWorker::Signature { index: 0 },
            FromWorker::Done(StageTimes::default()),
            FromWorker::Failed(TranscodeFailure::Other("a \"text\"\n".to_owned())),
            FromWorker::Pong(7),
        ]
        .iter()
        .flat_map(|message| message.encode(1).expect("within its bound"))
        .collect()
    }

    #[test]
    fn every_byte_a_worker_says_may_be_wrong() {
        let session = session();
        frames(&session);
        for place in 0..session.len() {
            for value in [0x00, 0x22, 0x39, 0x7f, 0xff] {
                let mut bytes = session.clone();
                bytes[place] = value;
                frames(&bytes);
            }
        }
    }

    #[test]
    fn a_worker_may_fall_silent_anywhere() {
        let session = session();
        for end in 0..session.len() {
            frames(&session[..end]);
            frames(&session[end..]);
            tag(&session[..end]);
        }
    }
}
