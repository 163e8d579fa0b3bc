//! Bytes of a publisher: the connection, AMF0 and the tag bodies inside.

use std::time::{Duration, Instant};

use streamflow_media::flv::{AudioTag, AudioTrack, VideoTag, VideoTrack};
use streamflow_media::segmenter::{Segmenter, Settings};
use streamflow_rtmp::{Action, Connection, Input, Media, Timeouts};
use streamflow_types::{ManifestId, SegmentNumber};

const TIMEOUTS: Timeouts = Timeouts {
    publish_within: Duration::from_secs(10),
    idle: Duration::from_secs(20),
};

/// Most bytes a segment holds here.
const MAX_SEGMENT_BYTES: usize = 1024 * 1024;

/// Everything a publisher can send, up to the segments that come of it. The first byte says how
/// the rest is cut into reads.
pub fn connection(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else {
        return;
    };
    let now = Instant::now();
    let mut connection = Connection::new(now, TIMEOUTS);
    let mut stream = Stream::new();
    for piece in bytes.chunks(usize::from(*first) * 16 + 1) {
        connection.handle(now, Input::Received(piece));
        while let Some(action) = connection.poll() {
            match action {
                Action::Publish(_) => connection.handle(now, Input::Accepted),
                Action::Media(media) => stream.take(media),
                _ => {}
            }
        }
    }
    stream.segmenter.finish();
}

/// AMF0 alone.
pub fn amf(bytes: &[u8]) {
    if let Ok(values) = streamflow_rtmp::amf::decode(bytes) {
        let mut encoded = Vec::new();
        streamflow_rtmp::amf::encode(&values, &mut encoded);
    }
}

struct Stream {
    video: VideoTrack,
    audio: AudioTrack,
    segmenter: Segmenter,
}

impl Stream {
    fn new() -> Self {
        let settings = Settings {
            max_bytes: MAX_SEGMENT_BYTES,
            ..Settings::default()
        };
        let manifest = ManifestId::new("fuzz").expect("a name");
        Self {
            video: VideoTrack::default(),
            audio: AudioTrack::default(),
            segmenter: Segmenter::new(settings, manifest, SegmentNumber(0)),
        }
    }

    /// Errors are answers as good as any; only panics and growth are not.
    fn take(&mut self, media: Media) {
        match media {
            Media::Video { timestamp, payload } => match self.video.read(&payload) {
                Ok(VideoTag::Format(format)) => self.segmenter.video_format(format),
                Ok(VideoTag::Picture {
                    key,
                    composition_ms,
                    data,
                }) => {
                    let _ = self.segmenter.video(timestamp, composition_ms, key, data);
                }
                _ => {}
            },
            Media::Audio { timestamp, payload } => match self.audio.read(&payload) {
                Ok(AudioTag::Format(format)) => self.segmenter.audio_format(format),
                Ok(AudioTag::FormatAndFrame(format, frame)) => {
                    self.segmenter.audio_format(format);
                    let _ = self.segmenter.audio(timestamp, frame);
                }
                Ok(AudioTag::Frame(frame)) => {
                    let _ = self.segmenter.audio(timestamp, frame);
                }
                _ => {}
            },
            Media::Metadata(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use streamflow_rtmp::Publisher;
    use streamflow_rtmp::publisher::Progress;

    use super::*;

    /// What a publisher sends in a short stream, as seed for everything below.
    fn publication() -> Vec<u8> {
        let now = Instant::now();
        let mut connection = Connection::new(now, TIMEOUTS);
        let mut publisher = Publisher::new("rtmp://h/live", "live", "mani");
        let mut sent = vec![255];
        loop {
            let bytes = publisher.take_output();
            sent.extend_from_slice(&bytes);
            connection.handle(now, Input::Received(&bytes));
            while let Some(action) = connection.poll() {
                match action {
                    Action::Send(bytes) => publisher.receive(&bytes).expect("ours is readable"),
                    Action::Publish(_) => connection.handle(now, Input::Accepted),
                    _ => {}
                }
            }
            if publisher.progress() == &Progress::Publishing {
                break;
            }
        }
        publisher.video(
            0,
            b"\x17\x00\0\0\0\x01\x64\x00\x1f\xff\xe1\x00\x02\x67\x64\x01\x00\x01\x68",
        );
        publisher.audio(0, b"\xaf\x00\x12\x10");
        for time in (0..6_000).step_by(200) {
            publisher.video(time, b"\x17\x01\0\0\x43\0\0\0\x02\x65\x88");
            publisher.audio(time, b"\xaf\x01\x21\x10\x04");
        }
        sent.extend_from_slice(&publisher.take_output());
        sent
    }

    #[test]
    fn every_byte_of_a_publication_may_be_wrong() {
        let sent = publication();
        // The blocks of the handshake are not looked into.
        for place in (1 + 2 * 1536)..sent.len() {
            for value in [0x00, 0x7f, 0xff] {
                let mut bytes = sent.clone();
                bytes[place] = value;
                connection(&bytes);
            }
        }
    }

    /// The same with pictures that need another container.
    #[test]
    fn every_byte_of_an_av1_publication_may_be_wrong() {
        let tags: [&[u8]; 3] = [
            b"\x90av01\x81\0\x0c\0\x0a\x0b\0\0\0\x04\x3c\xff\xbc\xfd\x98\x04\x01",
            b"\x91av01\x0a\x0b\0\0\0\x04\x3c\xff\xbc\xfd\x98\x04\x01\x32\x01\x10",
            b"\x90vp09\0\x1f\x82\x02\x02\x02\0\0",
        ];
        let whole = tags.concat();
        for place in 0..whole.len() {
            for value in [0x00, 0x0a, 0x7f, 0xff] {
                let mut stream = Stream::new();
                let mut at = 0;
                for (time, tag) in (0u32..).step_by(3_000).zip(tags.iter().cycle().take(7)) {
                    let mut tag = tag.to_vec();
                    if let Some(byte) = place.checked_sub(at).and_then(|at| tag.get_mut(at)) {
                        *byte = value;
                    }
                    at = (at + tag.len()) % whole.len();
                    let payload = tag.into();
                    stream.take(Media::Video {
                        timestamp: time,
                        payload,
                    });
                }
                stream.segmenter.finish();
            }
        }
    }

    #[test]
    fn a_publication_may_end_anywhere() {
        let sent = publication();
        for end in (0..sent.len()).step_by(7) {
            connection(&sent[..end]);
            amf(&sent[end..]);
        }
    }
}
