//! What an orchestrator answers to a segment.

use prost::Message;
use streamflow_types::{Address, Pixels, TranscodeFailure};

use crate::proto::transcode_result::Result as Outcome;
use crate::proto::{
    DecodeError, OrchestratorInfo, TranscodeData, TranscodeResult, TranscodedSegmentData,
    decode_message,
};
use crate::signature::{SignatureError, keccak, verify_message};

/// Renditions shorter than this are none.
pub const MIN_RENDITION_BYTES: usize = 25;

/// Longest result taken from a peer: ten renditions with long URLs, and a full info.
pub const MAX_RESULT_BYTES: usize = 1 << 20;

/// Longest error text kept of a peer.
const MAX_ERROR_CHARS: usize = 1024;

/// A rendition as an orchestrator reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedRendition {
    /// Where it can be fetched.
    pub url: String,
    /// Encoded pixels claimed.
    pub pixels: Pixels,
    /// Where its video signature can be fetched; empty when there is none.
    pub signature_url: String,
}

/// Why a segment's answer has no renditions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentFailure {
    /// The orchestrator's queue of this session is full: ask another.
    #[error("OrchestratorBusy")]
    Busy,
    /// The orchestrator takes no further session: ask another.
    #[error("OrchestratorCapped")]
    Capped,
    /// Nobody to do the work.
    #[error("ErrTranscoderUnavailable")]
    TranscoderUnavailable,
    /// Fewer renditions than profiles.
    #[error("MismatchedSegments")]
    MismatchedSegments,
    /// A rendition without content.
    #[error("ZeroSegments")]
    ZeroSegments,
    /// No transcoder is attached, or none has room.
    #[error("no transcoders available")]
    NoTranscoders,
    /// None of the attached transcoders can do this job.
    #[error("no transcoders can provide requested capabilities")]
    NoCapableTranscoders,
    /// The transcoder was silent until the deadline.
    #[error("Remote transcoder took too long")]
    TookTooLong,
    /// Nowhere to keep the renditions.
    #[error("Missing local storage")]
    MissingStorage,
    /// The answer says neither failure nor success.
    #[error("UnknownResponse")]
    UnknownResponse,
    /// What a transcoder says.
    #[error("{0}")]
    Transcode(TranscodeFailure),
}

impl SegmentFailure {
    const NAMED: [Self; 9] = [
        Self::Busy,
        Self::Capped,
        Self::TranscoderUnavailable,
        Self::MismatchedSegments,
        Self::ZeroSegments,
        Self::NoTranscoders,
        Self::NoCapableTranscoders,
        Self::TookTooLong,
        Self::MissingStorage,
    ];

    /// The failure with this text.
    pub fn from_text(text: &str) -> Self {
        let text: String = text.trim().chars().take(MAX_ERROR_CHARS).collect();
        Self::NAMED
            .iter()
            .find(|failure| failure.to_string() == text)
            .cloned()
            .unwrap_or_else(|| Self::Transcode(TranscodeFailure::from_text(&text)))
    }

    /// Whether another orchestrator may do better; `false` blames the segment itself. A known
    /// text wrapped in another counts as itself.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Transcode(TranscodeFailure::Other(text)) => !TranscodeFailure::ALL
                .iter()
                .any(|known| !known.is_retryable() && text.ends_with(&known.to_string())),
            Self::Transcode(failure) => failure.is_retryable(),
            _ => true,
        }
    }

    /// Whether the orchestrator is only out of room.
    pub const fn is_capacity(&self) -> bool {
        matches!(self, Self::Busy | Self::Capped | Self::NoTranscoders)
            || matches!(self, Self::Transcode(TranscodeFailure::Busy))
    }
}

/// The renditions of one segment as reported, in profile order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ReportedSegments {
    /// One for each profile.
    pub renditions: Vec<ReportedRendition>,
    /// Over all renditions; empty off chain.
    pub signature: Vec<u8>,
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentAnswer {
    /// The place in the stream, as asked.
    pub seq: i64,
    /// Renditions, or why there are none.
    pub outcome: Result<ReportedSegments, SegmentFailure>,
    /// The orchestrator as it is now; the session goes on with it.
    pub info: Option<OrchestratorInfo>,
}

/// Why an answer is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// Not the message.
    #[error("ParseResponse: {0}")]
    Message(#[from] DecodeError),
    /// A claim below zero.
    #[error("rendition {0} claims {1} pixels")]
    Pixels(usize, i64),
    /// More renditions than any job has.
    #[error("{0} renditions in one answer")]
    TooMany(usize),
}

/// Most renditions of one answer; a job has ten.
const MAX_RENDITIONS: usize = 64;

impl SegmentAnswer {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let outcome = match &self.outcome {
            Err(failure) => Outcome::Error(failure.to_string()),
            Ok(segments) => Outcome::Data(TranscodeData {
                segments: segments.renditions.iter().map(to_proto).collect(),
                sig: segments.signature.clone().into(),
            }),
        };
        // Peers write the outcome last. Messages one after the other are one message.
        let info = self.info.clone();
        let mut bytes = TranscodeResult {
            seq: self.seq,
            result: None,
            info,
        }
        .encode_to_vec();
        let outcome = TranscodeResult {
            result: Some(outcome),
            ..TranscodeResult::default()
        };
        bytes.extend_from_slice(&outcome.encode_to_vec());
        bytes
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, AnswerError> {
        let message: TranscodeResult = decode_message(bytes)?;
        let outcome = match message.result {
            None => Err(SegmentFailure::UnknownResponse),
            Some(Outcome::Error(text)) => Err(SegmentFailure::from_text(&text)),
            Some(Outcome::Data(data)) => Ok(reported(data)?),
        };
        Ok(Self {
            seq: message.seq,
            outcome,
            info: message.info,
        })
    }
}

fn reported(data: TranscodeData) -> Result<ReportedSegments, AnswerError> {
    if data.segments.len() > MAX_RENDITIONS {
        return Err(AnswerError::TooMany(data.segments.len()));
    }
    let renditions = data
        .segments
        .into_iter()
        .enumerate()
        .map(|(index, segment)| {
            let pixels = u64::try_from(segment.pixels)
                .map_err(|_| AnswerError::Pixels(index, segment.pixels))?;
            Ok(ReportedRendition {
                url: segment.url,
                pixels: Pixels(pixels),
                signature_url: segment.perceptual_hash_url,
            })
        })
        .collect::<Result<_, AnswerError>>()?;
    Ok(ReportedSegments {
        renditions,
        signature: data.sig.to_vec(),
    })
}

fn to_proto(rendition: &ReportedRendition) -> TranscodedSegmentData {
    TranscodedSegmentData {
        url: rendition.url.clone(),
        pixels: i64::try_from(rendition.pixels.0).unwrap_or(i64::MAX),
        perceptual_hash_url: rendition.signature_url.clone(),
    }
}

/// What an orchestrator signs for its renditions: the hash of their hashes.
pub fn message_of_hashes(hashes: &[[u8; 32]]) -> [u8; 32] {
    keccak(&hashes.concat())
}

/// Checks an orchestrator's signature over the hashes of its renditions.
pub fn verify_hashes(
    orchestrator: Address,
    hashes: &[[u8; 32]],
    signature: &[u8],
) -> Result<(), SignatureError> {
    verify_message(orchestrator, &message_of_hashes(hashes), signature)
}
