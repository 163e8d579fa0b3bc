//! The bodies of frames as types, and back. Numbers are bounded by their types, texts by their
//! frame; what a number means is judged by whoever asked for it.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use streamflow_types::{TranscodeFailure, Work};

use super::device::{DeviceReport, DeviceUse};
use super::frame::{FrameError, Header, Kind};
use super::layer::Layer;

/// Both ends must say the same number.
pub const PROTOCOL_VERSION: u32 = 3;

/// A layer a worker does not have, and what the system said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingLayer {
    /// The layer.
    pub layer: Layer,
    /// Why it could not be set up.
    pub reason: String,
}

/// Who a worker is and what it can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL_VERSION`] of its build.
    pub protocol: u32,
    /// Version of the program.
    pub version: String,
    /// Version of FFmpeg.
    pub ffmpeg: String,
    /// Layers that hold.
    pub active: Vec<Layer>,
    /// Layers that could not be set up.
    pub missing: Vec<MissingLayer>,
    /// Numbers of what it can do.
    pub capabilities: Vec<u32>,
    /// The graphics card it was started for, if it was started for one.
    pub device: Option<DeviceReport>,
}

/// One segment's work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// Segments of one session may share encoder state.
    pub session: String,
    /// How long the segment plays, as its sender says.
    pub duration: Duration,
    /// What is asked for.
    pub work: Work,
    /// Threads it may use to begin with.
    pub threads: u32,
    /// Encoder preset where a profile gives none.
    pub preset: String,
    /// Earlier segments of the session had pictures, so this one may be sound alone.
    pub had_pictures: bool,
}

/// What a worker spent on a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTimes {
    /// Processor time of all its threads.
    pub cpu: Duration,
    /// From the job's arrival to the last rendition.
    pub wall: Duration,
    /// What it had of a graphics card, on a worker that has one.
    pub device: Option<DeviceUse>,
}

/// What the node says to a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToWorker {
    /// Transcode the segment beside this frame.
    Job(Box<JobSpec>),
    /// Use this many threads from now on.
    Tokens(u32),
    /// Stop the running job.
    Cancel,
    /// Free what is kept for a session.
    SessionEnd(String),
    /// Answer with the same number.
    Ping(u64),
}

/// What a worker says to the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromWorker {
    /// Its first word.
    Hello(Box<Hello>),
    /// What the decoder gave.
    Decoded {
        /// Pictures.
        frames: u64,
        /// Width × height summed over them.
        pixels: u64,
    },
    /// An output; its bytes are beside the frame.
    Rendition {
        /// Place of its profile.
        index: u32,
        /// Width × height summed over the pictures encoded.
        pixels: u64,
    },
    /// The signature of an output; its bytes are beside the frame.
    Signature {
        /// Place of its profile.
        index: u32,
    },
    /// The job is finished.
    Done(StageTimes),
    /// The job failed.
    Failed(TranscodeFailure),
    /// Answer to a ping.
    Pong(u64),
}

/// Why a body was refused. The other side is broken; it is replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The frame around it.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Not what its kind carries.
    #[error("a {kind:?} frame that does not parse: {problem}")]
    Body {
        /// The kind.
        kind: Kind,
        /// What the parser says.
        problem: String,
    },
    /// A kind only the other side sends.
    #[error("{0:?} frames do not come from this side")]
    WrongSide(Kind),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DecodedBody {
    frames: u64,
    pixels: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RenditionBody {
    index: u32,
    pixels: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FailedBody {
    retryable: bool,
    text: String,
}

/// Longest failure text kept; libraries can be wordy, and the text travels in headers.
const MAX_FAILURE_TEXT: usize = 500;

impl ToWorker {
    /// The whole frame.
    pub fn encode(&self, job: u32) -> Result<Vec<u8>, MessageError> {
        match self {
            Self::Job(spec) => frame(Kind::Job, job, spec),
            Self::Tokens(count) => frame(Kind::Tokens, job, count),
            Self::Cancel => Ok(Header::frame(Kind::Cancel, job, &[])?),
            Self::SessionEnd(session) => frame(Kind::SessionEnd, job, session),
            Self::Ping(nonce) => frame(Kind::Ping, job, nonce),
        }
    }

    /// Reads a body.
    pub fn decode(kind: Kind, body: &[u8]) -> Result<Self, MessageError> {
        Ok(match kind {
            Kind::Job => Self::Job(Box::new(parse(kind, body)?)),
            Kind::Tokens => Self::Tokens(parse(kind, body)?),
            Kind::Cancel => Self::Cancel,
            Kind::SessionEnd => Self::SessionEnd(parse(kind, body)?),
            Kind::Ping => Self::Ping(parse(kind, body)?),
            other => return Err(MessageError::WrongSide(other)),
        })
    }
}

impl FromWorker {
    /// The whole frame.
    pub fn encode(&self, job: u32) -> Result<Vec<u8>, MessageError> {
        match self {
            Self::Hello(hello) => frame(Kind::Hello, job, hello),
            &Self::Decoded { frames, pixels } => {
                frame(Kind::Decoded, job, &DecodedBody { frames, pixels })
            }
            &Self::Rendition { index, pixels } => {
                frame(Kind::Rendition, job, &RenditionBody { index, pixels })
            }
            Self::Signature { index } => frame(Kind::Signature, job, index),
            Self::Done(times) => frame(Kind::Done, job, times),
            Self::Failed(failure) => {
                let body = FailedBody {
                    retryable: failure.is_retryable(),
                    text: failure.to_string().chars().take(MAX_FAILURE_TEXT).collect(),
                };
                frame(Kind::Failed, job, &body)
            }
            Self::Pong(nonce) => frame(Kind::Ping, job, nonce),
        }
    }

    /// Reads a body.
    pub fn decode(kind: Kind, body: &[u8]) -> Result<Self, MessageError> {
        Ok(match kind {
            Kind::Hello => Self::Hello(Box::new(parse(kind, body)?)),
            Kind::Decoded => {
                let DecodedBody { frames, pixels } = parse(kind, body)?;
                Self::Decoded { frames, pixels }
            }
            Kind::Rendition => {
                let RenditionBody { index, pixels } = parse(kind, body)?;
                Self::Rendition { index, pixels }
            }
            Kind::Signature => Self::Signature {
                index: parse(kind, body)?,
            },
            Kind::Done => Self::Done(parse(kind, body)?),
            Kind::Failed => {
                let FailedBody { text, .. } = parse(kind, body)?;
                let text: String = text.chars().take(MAX_FAILURE_TEXT).collect();
                Self::Failed(TranscodeFailure::from_text(&text))
            }
            Kind::Ping => Self::Pong(parse(kind, body)?),
            other => return Err(MessageError::WrongSide(other)),
        })
    }
}

fn frame<T: Serialize>(kind: Kind, job: u32, body: &T) -> Result<Vec<u8>, MessageError> {
    let body = serde_json::to_vec(body).map_err(|error| MessageError::Body {
        kind,
        problem: error.to_string(),
    })?;
    Ok(Header::frame(kind, job, &body)?)
}

fn parse<T: DeserializeOwned>(kind: Kind, body: &[u8]) -> Result<T, MessageError> {
    serde_json::from_slice(body).map_err(|error| MessageError::Body {
        kind,
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use streamflow_types::{Clip, Profile, presets};

    use super::super::device::DeviceRefusal;
    use super::super::frame::HEADER_BYTES;
    use super::*;

    fn body(frame: &[u8]) -> (Header, &[u8]) {
        let (head, body) = frame.split_at(HEADER_BYTES);
        (Header::parse(head.try_into().unwrap()).unwrap(), body)
    }

    #[test]
    fn what_the_node_says_arrives_unchanged() {
        let mut work = Work::new(presets().take(10).collect());
        work.clip = Some(Clip {
            from: Duration::from_millis(1500),
            to: None,
        });
        work.metadata = "é\"quoted\"".to_owned();
        let spec = JobSpec {
            session: "0a0001ff".to_owned(),
            duration: Duration::from_millis(2_002),
            work,
            threads: 3,
            preset: "veryfast".to_owned(),
            had_pictures: true,
        };
        for message in [
            ToWorker::Job(Box::new(spec)),
            ToWorker::Tokens(4),
            ToWorker::Cancel,
            ToWorker::SessionEnd("abc".to_owned()),
            ToWorker::Ping(u64::MAX),
        ] {
            let frame = message.encode(9).unwrap();
            let (header, body) = body(&frame);
            assert_eq!(header.job, 9);
            assert_eq!(ToWorker::decode(header.kind, body).unwrap(), message);
        }
    }

    #[test]
    fn what_a_worker_says_arrives_unchanged() {
        let hello = Hello {
            protocol: PROTOCOL_VERSION,
            version: "0.1.0".to_owned(),
            ffmpeg: "5.1.9".to_owned(),
            active: Layer::ALL.to_vec(),
            missing: vec![MissingLayer {
                layer: Layer::Landlock,
                reason: "not in this kernel".to_owned(),
            }],
            capabilities: (0..27).collect(),
            device: Some(DeviceReport::Unusable(DeviceRefusal {
                code: "driver-library".to_owned(),
                reason: "libcuda.so.1 is not there".to_owned(),
            })),
        };
        for message in [
            FromWorker::Hello(Box::new(hello)),
            FromWorker::Decoded {
                frames: u64::MAX,
                pixels: u64::MAX,
            },
            FromWorker::Rendition {
                index: 9,
                pixels: u64::MAX,
            },
            FromWorker::Signature { index: 3 },
            FromWorker::Done(StageTimes::default()),
            FromWorker::Done(StageTimes {
                device: Some(DeviceUse {
                    frames: u64::MAX,
                    free_bytes: Some(1),
                }),
                ..StageTimes::default()
            }),
            FromWorker::Failed(TranscodeFailure::InvalidVideo),
            FromWorker::Failed(TranscodeFailure::Other("x".repeat(MAX_FAILURE_TEXT))),
            FromWorker::Pong(1),
        ] {
            let frame = message.encode(1).unwrap();
            let (header, body) = body(&frame);
            assert_eq!(FromWorker::decode(header.kind, body).unwrap(), message);
        }
    }

    #[test]
    fn bodies_of_the_wrong_shape_or_side_are_errors() {
        assert!(FromWorker::decode(Kind::Decoded, br#"{"frames":-1,"pixels":0}"#).is_err());
        assert!(FromWorker::decode(Kind::Rendition, b"[]").is_err());
        assert!(FromWorker::decode(Kind::Hello, b"\xff\xfe").is_err());
        assert!(matches!(
            FromWorker::decode(Kind::Job, b"{}"),
            Err(MessageError::WrongSide(Kind::Job))
        ));
        assert!(ToWorker::decode(Kind::Hello, b"{}").is_err());
        let names = Profile::new(&"n".repeat(70_000), 2, 2, 1, Default::default());
        let spec = JobSpec {
            session: String::new(),
            duration: Duration::ZERO,
            work: Work::new(vec![names]),
            threads: 1,
            preset: String::new(),
            had_pictures: false,
        };
        assert!(ToWorker::Job(Box::new(spec)).encode(1).is_err());
    }
}
