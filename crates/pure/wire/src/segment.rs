//! The credentials of a segment: what stands in the `Livepeer-Segment` header, and its signature.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use streamflow_types::{Clip, IdError, MAX_SEGMENT_DURATION, ManifestId, Profile};

use crate::capability::{Capabilities, CapabilityError};
use crate::profile::{self, Field, ProfileError};
use crate::proto::{self, DecodeError, OsInfo, SegData, SegParameters, decode_message};

/// Header with the credentials of a segment.
pub const SEGMENT_HEADER: &str = "Livepeer-Segment";

/// Header with the payment for a segment; present and empty off chain.
pub const PAYMENT_HEADER: &str = "Livepeer-Payment";

/// Content type of a request whose body is the URL of the segment.
pub const URI_CONTENT_TYPE: &str = "application/vnd+livepeer.uri";

/// Content type of a request whose body is the segment, whatever its container.
pub const BYTES_CONTENT_TYPE: &str = "video/MP2T";

/// What stands in fields that are no longer used.
pub const INVALID_PROFILES: &[u8] = b"invalid";

/// What a duration of zero counts as.
pub const DEFAULT_DURATION: Duration = Duration::from_millis(2000);

/// Longest segment header taken, in base64 characters: ten profiles need 2 kB.
pub const MAX_SEGMENT_HEADER_BYTES: usize = 64 * 1024;

/// Longest manifest id taken from a peer.
const MAX_MANIFEST_BYTES: usize = 256;

/// What a gateway asks for with a segment, and an orchestrator of a transcoder.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentRequest {
    /// The stream, as bytes: a message without one is refused for its token first.
    pub manifest: Vec<u8>,
    /// Place in the stream.
    pub seq: i64,
    /// keccak-256 of the segment's bytes; zeros towards a transcoder.
    pub hash: [u8; 32],
    /// How long the segment plays.
    pub duration: Duration,
    /// What is asked for.
    pub profiles: Vec<Profile>,
    /// What a node needs to take the job.
    pub capabilities: Capabilities,
    /// The token as it came; its owner judges it.
    pub auth_token: Option<proto::AuthToken>,
    /// The gateway's signature; empty off chain and towards a transcoder.
    pub signature: Vec<u8>,
    /// Whether renditions come with MPEG-7 signatures.
    pub perceptual_hash: bool,
    /// The slice to encode, where the request carries segment parameters.
    pub slice: Option<Slice>,
    /// Where to put the renditions; the orchestrator's own place when absent.
    pub storage: Option<OsInfo>,
    /// Whether a hardware session starts anew.
    pub force_session_reinit: bool,
}

/// Segment parameters as sent: milliseconds, 0 for unset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Slice {
    /// Encode from here.
    pub from_ms: u64,
    /// Drop everything after this.
    pub to_ms: u64,
}

impl Slice {
    /// The clip meant; `None` when all of the segment is.
    pub fn clip(self) -> Option<Clip> {
        (self != Self::default()).then(|| Clip {
            from: Duration::from_millis(self.from_ms),
            to: (self.to_ms > 0).then(|| Duration::from_millis(self.to_ms)),
        })
    }
}

/// Why credentials are refused. The texts are those peers see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// Not base64, or longer than any real header.
    #[error("ErrorSegEncoding")]
    Base64,
    /// Not the message.
    #[error(transparent)]
    Message(#[from] DecodeError),
    /// A profile nobody knows.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Below zero or above five minutes.
    #[error("invalid duration")]
    Duration,
    /// Capabilities that are no set.
    #[error(transparent)]
    Capabilities(#[from] CapabilityError),
    /// The hash has another length than 32 bytes.
    #[error("segment hash has {0} bytes, not 32")]
    Hash(usize),
    /// Longer than any real id.
    #[error("manifest id is longer than {MAX_MANIFEST_BYTES} bytes")]
    Manifest,
}

impl SegmentRequest {
    /// From a header's text; an absent header is an empty text.
    pub fn from_header(text: &str) -> Result<Self, SegmentError> {
        if text.len() > MAX_SEGMENT_HEADER_BYTES {
            return Err(SegmentError::Base64);
        }
        let bytes = STANDARD.decode(text).map_err(|_| SegmentError::Base64)?;
        Self::from_proto(&decode_message(&bytes)?)
    }

    /// As a header's text.
    pub fn to_header(&self) -> String {
        STANDARD.encode(self.to_proto().encode_to_vec())
    }

    /// From a message, in the order peers check: profiles one by one, then the duration.
    pub fn from_proto(message: &SegData) -> Result<Self, SegmentError> {
        let profiles = [
            &message.full_profiles3,
            &message.full_profiles2,
            &message.full_profiles,
        ];
        let profiles = profiles.into_iter().find(|profiles| !profiles.is_empty());
        let profiles = profiles
            .into_iter()
            .flatten()
            .map(profile::from_proto)
            .collect::<Result<Vec<_>, _>>()?;
        let duration = match u64::try_from(message.duration).map_err(|_| SegmentError::Duration)? {
            0 => DEFAULT_DURATION,
            ms => Duration::from_millis(ms),
        };
        if duration > MAX_SEGMENT_DURATION {
            return Err(SegmentError::Duration);
        }
        if message.manifest_id.len() > MAX_MANIFEST_BYTES {
            return Err(SegmentError::Manifest);
        }
        // Towards a transcoder, and in an empty message, the hash may be absent.
        let hash = match message.hash.len() {
            0 => [0; 32],
            length => message
                .hash
                .as_ref()
                .try_into()
                .map_err(|_| SegmentError::Hash(length))?,
        };
        let capabilities = message.capabilities.clone().unwrap_or_default();
        Ok(Self {
            manifest: message.manifest_id.to_vec(),
            seq: message.seq,
            hash,
            duration,
            profiles,
            capabilities: Capabilities::from_proto(&capabilities)?,
            auth_token: message.auth_token.clone(),
            signature: message.sig.to_vec(),
            perceptual_hash: message.calc_perceptual_hash,
            slice: message.segment_parameters.map(|slice| Slice {
                from_ms: slice.from,
                to_ms: slice.to,
            }),
            storage: message.storage.first().cloned(),
            force_session_reinit: message.force_session_reinit,
        })
    }

    /// As a message.
    pub fn to_proto(&self) -> SegData {
        let profiles: Vec<_> = self.profiles.iter().map(profile::to_proto).collect();
        let mut message = SegData {
            manifest_id: self.manifest.clone().into(),
            seq: self.seq,
            hash: self.hash.to_vec().into(),
            profiles: INVALID_PROFILES.into(),
            sig: self.signature.clone().into(),
            duration: i32::try_from(self.duration.as_millis()).unwrap_or(i32::MAX),
            capabilities: Some(self.capabilities.to_proto()),
            auth_token: self.auth_token.clone(),
            calc_perceptual_hash: self.perceptual_hash,
            storage: self.storage.clone().into_iter().collect(),
            segment_parameters: self.slice.map(|slice| SegParameters {
                from: slice.from_ms,
                to: slice.to_ms,
            }),
            force_session_reinit: self.force_session_reinit,
            ..SegData::default()
        };
        match profile::field_for(&self.profiles) {
            Some(Field::Full) => message.full_profiles = profiles,
            Some(Field::Full2) => message.full_profiles2 = profiles,
            Some(Field::Full3) => message.full_profiles3 = profiles,
            None => {}
        }
        message
    }

    /// The stream's name.
    pub fn manifest_id(&self) -> Result<ManifestId, IdError> {
        // Not UTF-8 is not printable ASCII either.
        ManifestId::new(std::str::from_utf8(&self.manifest).unwrap_or("\0"))
    }

    /// The bytes a gateway signs.
    pub fn flattened(&self) -> Vec<u8> {
        let names: Vec<String> = self.profiles.iter().map(profile::sent_name).collect();
        flatten(&self.manifest, self.seq, &self.hash, &names)
    }
}

/// The bytes a gateway signs: manifest, number, hash and the ids of the profile names.
pub fn flatten(manifest: &[u8], seq: i64, hash: &[u8; 32], names: &[String]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(manifest.len() + 64 + names.len() * 8);
    bytes.extend_from_slice(manifest);
    bytes.extend_from_slice(&[0; 24]);
    bytes.extend_from_slice(&seq.unsigned_abs().to_be_bytes());
    bytes.extend_from_slice(hash);
    for name in names {
        bytes.extend_from_slice(hex::encode(profile::id(name)).as_bytes());
    }
    bytes
}
