//! Between an orchestrator and its transcoders: registration, jobs, results.

use streamflow_types::SessionId;

use crate::capability::{Capabilities, CapabilityError, default_set};
use crate::proto::{self, NotifySegment, RegisterRequest, SegData};
use crate::segment::{INVALID_PROFILES, SegmentError, SegmentRequest};

/// Path on the orchestrator that takes results.
pub const RESULTS_PATH: &str = "/transcodeResults";

/// What stands in `Authorization` of a result.
pub const RESULTS_AUTHORIZATION: &str = "Livepeer-Transcoder-1.0";

/// Header with the shared secret.
pub const CREDENTIALS_HEADER: &str = "Credentials";

/// Header with the task a result belongs to.
pub const TASK_HEADER: &str = "TaskId";

/// Header with pixels: decoded ones of a result, encoded ones of a part.
pub const PIXELS_HEADER: &str = "Pixels";

/// Content type of a result that is an error text.
pub const ERROR_CONTENT_TYPE: &str = "livepeer/transcoding-error";

/// Content type of a part that is a video signature.
pub const SIGNATURE_CONTENT_TYPE: &str = "application/octet-stream";

/// Content type of a result with renditions, without its boundary.
pub const RENDITIONS_CONTENT_TYPE: &str = "multipart/mixed";

/// What stands for the orchestrator's address off chain.
pub const OFF_CHAIN: &str = "offchain";

/// Longest secret taken.
const MAX_SECRET_BYTES: usize = 1024;

/// Longest address of a source.
const MAX_URL_BYTES: usize = 2048;

/// Texts a transcoder is refused or fails with.
pub mod text {
    /// Registration: another secret. The transcoder stops for good.
    pub const INVALID_SECRET: &str = "invalid secret";
    /// Registration: room for nothing. The transcoder stops for good.
    pub const ZERO_CAPACITY: &str = "zero capacity";
    /// Job: the transcoder lacks a capability.
    pub const INCOMPATIBLE: &str = "incompatible segment capabilities";
    /// Job: another number of renditions than profiles.
    pub const MISMATCH: &str = "segment / profile mismatch";
    /// Result: a signature part before any rendition.
    pub const UNKNOWN_SIGNATURE: &str = "Unknown perceptual hash";
    /// Result: no task number.
    pub const INVALID_TASK: &str = "Invalid Task ID";
    /// Result: no pixel count.
    pub const INVALID_PIXELS: &str = "Invalid Pixels";
}

/// A transcoder that wants to work.
#[derive(Clone, PartialEq)]
pub struct Registration {
    /// The shared secret.
    pub secret: String,
    /// Sessions it carries at once.
    pub capacity: u32,
    /// What it can do.
    pub capabilities: Capabilities,
}

impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registration")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// Why a registration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// Another secret, or one longer than any.
    #[error("{}", text::INVALID_SECRET)]
    Secret,
    /// Room for nothing.
    #[error("{}", text::ZERO_CAPACITY)]
    ZeroCapacity,
    /// Capabilities that are no set.
    #[error(transparent)]
    Capabilities(#[from] CapabilityError),
}

impl Registration {
    /// From a message; `is_secret` judges the secret first, as peers do.
    pub fn from_proto(
        message: &RegisterRequest,
        is_secret: impl FnOnce(&str) -> bool,
    ) -> Result<Self, RegistrationError> {
        if message.secret.len() > MAX_SECRET_BYTES || !is_secret(&message.secret) {
            return Err(RegistrationError::Secret);
        }
        let capacity = match u32::try_from(message.capacity) {
            Ok(0) => return Err(RegistrationError::ZeroCapacity),
            Ok(capacity) => capacity,
            Err(_) if message.capacity < 0 => return Err(RegistrationError::ZeroCapacity),
            Err(_) => u32::MAX,
        };
        let capabilities = match &message.capabilities {
            Some(capabilities) => Capabilities::from_proto(capabilities)?.with_capacities(),
            None => Capabilities::of_node(default_set(), ""),
        };
        Ok(Self {
            secret: message.secret.clone(),
            capacity,
            capabilities,
        })
    }

    /// As a message.
    pub fn to_proto(&self) -> RegisterRequest {
        RegisterRequest {
            secret: self.secret.clone(),
            capacity: i64::from(self.capacity),
            capabilities: Some(self.capabilities.to_proto()),
        }
    }
}

/// What an orchestrator tells an attached transcoder.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// A segment to transcode.
    Job(Box<Job>),
    /// A session that is over.
    EndSession(SessionId),
}

/// A segment to transcode.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Goes back with the result.
    pub task: i64,
    /// Where the source can be fetched.
    pub url: String,
    /// Address of the orchestrator, or [`OFF_CHAIN`].
    pub orchestrator: String,
    /// What is asked for.
    pub request: SegmentRequest,
}

/// Why a notice cannot be used. A transcoder answers with the text where there is a task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoticeError {
    /// Neither a job nor an end.
    #[error("a notice without URL names no session")]
    Nothing,
    /// An address beyond any real one.
    #[error("source URL is longer than {MAX_URL_BYTES} bytes")]
    Url,
    /// The job's data is wrong.
    #[error(transparent)]
    Segment(#[from] SegmentError),
}

impl Notice {
    /// From a message.
    pub fn from_proto(message: &NotifySegment) -> Result<Self, NoticeError> {
        let empty = SegData::default();
        let data = message.seg_data.as_ref().unwrap_or(&empty);
        if message.url.is_empty() {
            let session = data
                .auth_token
                .as_ref()
                .map(|token| token.session_id.as_str());
            let session = session.and_then(|text| SessionId::new(text).ok());
            return session.map(Self::EndSession).ok_or(NoticeError::Nothing);
        }
        if message.url.len() > MAX_URL_BYTES {
            return Err(NoticeError::Url);
        }
        Ok(Self::Job(Box::new(Job {
            task: message.task_id,
            url: message.url.clone(),
            orchestrator: message.orch_id.clone(),
            request: SegmentRequest::from_proto(data)?,
        })))
    }

    /// As a message.
    pub fn to_proto(&self) -> NotifySegment {
        match self {
            Self::Job(job) => NotifySegment {
                url: job.url.clone(),
                seg_data: Some(job.request.to_proto()),
                task_id: job.task,
                profiles: INVALID_PROFILES.into(),
                orch_id: job.orchestrator.clone(),
            },
            Self::EndSession(session) => NotifySegment {
                seg_data: Some(SegData {
                    auth_token: Some(proto::AuthToken {
                        session_id: session.as_str().to_owned(),
                        ..proto::AuthToken::default()
                    }),
                    ..SegData::default()
                }),
                ..NotifySegment::default()
            },
        }
    }
}

impl SegmentRequest {
    /// The same request as a transcoder gets it: no hash, no signature, no storage, and the
    /// capacity of each capability spelt out.
    pub fn for_transcoder(&self) -> Self {
        Self {
            hash: [0; 32],
            signature: Vec::new(),
            storage: None,
            capabilities: self.capabilities.clone().with_capacities(),
            ..self.clone()
        }
    }
}
