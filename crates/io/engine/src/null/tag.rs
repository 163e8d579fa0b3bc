//! The mark of a null rendition: which segment of which stream it stands for.

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use streamflow_media::mpegts::{NULL_PID, PACKET_BYTES, SYNC_BYTE};
use streamflow_types::Profile;

use crate::transcoder::Job;

/// What a marking packet begins with, after its header of four bytes.
const MAGIC: &[u8; 8] = b"SFNULL1\0";

/// Header and magic, and a byte for the length.
const OVERHEAD: usize = 4 + 8 + 1;

/// Text in one packet.
const CHUNK: usize = PACKET_BYTES - OVERHEAD;

/// Packets of a mark: names are at most 256 characters each, escaped at most six times as long.
const MAX_PACKETS: usize = 32;

/// What a null rendition stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The stream.
    pub manifest: String,
    /// The segment.
    pub number: u64,
    /// The profile.
    pub rendition: String,
    /// SHA-256 of the source, in hexadecimal.
    pub source_sha256: String,
    /// SHA-256 of the rendition before the mark, in hexadecimal.
    pub body_sha256: String,
}

/// Why bytes are no null rendition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TagError {
    /// There is no mark.
    #[error("no mark of a null rendition")]
    Missing,
    /// The mark does not parse.
    #[error("a broken mark")]
    Broken,
    /// The bytes before the mark are not those it was made for.
    #[error("the bytes of the rendition were changed")]
    Changed,
}

impl Tag {
    /// For this rendition of this job.
    pub(super) fn new(job: &Job, profile: &Profile, body: &[u8]) -> Self {
        Self {
            manifest: job.manifest.as_str().to_owned(),
            number: job.number.0,
            rendition: profile.name.clone(),
            source_sha256: hex(&job.source),
            body_sha256: hex(body),
        }
    }

    /// The mark at the end of a rendition, once it fits the bytes before it.
    pub fn read(rendition: &[u8]) -> Result<Self, TagError> {
        let mut text = Vec::new();
        let mut marked = 0;
        for packet in rendition.rchunks_exact(PACKET_BYTES).take(MAX_PACKETS) {
            let Some(chunk) = chunk_of(packet) else { break };
            // Packets are met last to first.
            text.splice(0..0, chunk.iter().copied());
            marked += PACKET_BYTES;
        }
        if marked == 0 {
            return Err(TagError::Missing);
        }
        let tag: Self = serde_json::from_slice(&text).map_err(|_| TagError::Broken)?;
        let (body, _) = rendition.split_at(rendition.len().saturating_sub(marked));
        if hex(body) != tag.body_sha256 {
            return Err(TagError::Changed);
        }
        Ok(tag)
    }

    /// The rendition with this mark behind it.
    pub(super) fn append_to(&self, body: Bytes) -> Bytes {
        let text = serde_json::to_vec(self).expect("texts and numbers always serialise");
        let mut out = BytesMut::from(body);
        for chunk in text.chunks(CHUNK) {
            let [high, low] = NULL_PID.to_be_bytes();
            out.put_slice(&[SYNC_BYTE, high, low, 0x10]);
            out.put_slice(MAGIC);
            out.put_u8(chunk.len() as u8);
            out.put_slice(chunk);
            out.put_bytes(0xff, CHUNK - chunk.len());
        }
        out.freeze()
    }
}

/// The text in a marking packet.
fn chunk_of(packet: &[u8]) -> Option<&[u8]> {
    let (header, rest) = packet.split_at_checked(4)?;
    let [SYNC_BYTE, high, low, _] = header else {
        return None;
    };
    if u16::from_be_bytes([*high, *low]) & 0x1fff != NULL_PID {
        return None;
    }
    let (length, text) = rest.strip_prefix(MAGIC)?.split_first()?;
    text.get(..usize::from(*length))
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
