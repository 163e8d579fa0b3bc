//! The nine bytes before each body, and how long a body of each kind may be.

/// Bytes of a header.
pub const HEADER_BYTES: usize = 9;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Worker: who it is and what it can do. Sent once, first.
    Hello = 1,
    /// Node: a segment to transcode, its bytes beside the frame.
    Job = 2,
    /// Worker: decoding is over; pictures and pixels.
    Decoded = 3,
    /// Worker: one output, its bytes beside the frame.
    Rendition = 4,
    /// Worker: the video signature of one output, beside the frame.
    Signature = 5,
    /// Worker: the job is finished; what it cost.
    Done = 6,
    /// Worker: the job failed, in the words of the network.
    Failed = 7,
    /// Node: how many threads the running job may use from now on.
    Tokens = 8,
    /// Node: stop the running job.
    Cancel = 9,
    /// Node: nothing more will come for this session.
    SessionEnd = 10,
    /// Either: are you there; answered with the same body.
    Ping = 11,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Hello,
        Self::Job,
        Self::Decoded,
        Self::Rendition,
        Self::Signature,
        Self::Done,
        Self::Failed,
        Self::Tokens,
        Self::Cancel,
        Self::SessionEnd,
        Self::Ping,
    ];

    /// The longest body of this kind. A job carries up to ten profiles with their names and the
    /// container's text; everything else is a few numbers or one line.
    pub const fn max_body_bytes(self) -> usize {
        match self {
            Self::Job => 64 << 10,
            Self::Hello => 8 << 10,
            Self::Failed => 4 << 10,
            Self::Done | Self::SessionEnd => 1 << 10,
            Self::Decoded | Self::Rendition | Self::Signature => 256,
            Self::Tokens | Self::Ping => 64,
            Self::Cancel => 0,
        }
    }

    /// Whether a memory file belongs to it.
    pub const fn carries_memory(self) -> bool {
        matches!(self, Self::Job | Self::Rendition | Self::Signature)
    }

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// What stands before a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the frame carries.
    pub kind: Kind,
    /// The job it belongs to; 0 where it belongs to none.
    pub job: u32,
    /// Bytes of the body.
    pub length: usize,
}

/// Why a header was refused. The other side is broken; it is replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// No kind has this number.
    #[error("no frame has the kind {0}")]
    UnknownKind(u8),
    /// Longer than its kind allows.
    #[error("a {kind:?} frame of {length} bytes, more than {}", kind.max_body_bytes())]
    TooLong {
        /// The kind.
        kind: Kind,
        /// What the header says.
        length: u32,
    },
}

impl Header {
    /// Reads a header; its length is within the bound of its kind afterwards.
    pub fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, FrameError> {
        let [a, b, c, d, kind, e, f, g, h] = *bytes;
        let length = u32::from_le_bytes([a, b, c, d]);
        let kind = Kind::from_byte(kind).ok_or(FrameError::UnknownKind(kind))?;
        match usize::try_from(length) {
            Ok(fits) if fits <= kind.max_body_bytes() => Ok(Self {
                kind,
                job: u32::from_le_bytes([e, f, g, h]),
                length: fits,
            }),
            _ => Err(FrameError::TooLong { kind, length }),
        }
    }

    /// The whole frame. A body beyond its bound is an error here, not at the other side.
    pub fn frame(kind: Kind, job: u32, body: &[u8]) -> Result<Vec<u8>, FrameError> {
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        if body.len() > kind.max_body_bytes() {
            return Err(FrameError::TooLong { kind, length });
        }
        let mut frame = Vec::with_capacity(HEADER_BYTES.saturating_add(body.len()));
        frame.extend_from_slice(&length.to_le_bytes());
        frame.push(kind as u8);
        frame.extend_from_slice(&job.to_le_bytes());
        frame.extend_from_slice(body);
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_leads_back_to_itself() {
        for kind in Kind::ALL {
            let body = vec![b' '; kind.max_body_bytes()];
            let frame = Header::frame(kind, 7, &body).unwrap();
            let head: [u8; HEADER_BYTES] = frame[..HEADER_BYTES].try_into().unwrap();
            let header = Header::parse(&head).unwrap();
            assert_eq!(
                (header.kind, header.job, header.length),
                (kind, 7, body.len())
            );
        }
    }

    #[test]
    fn lengths_beyond_the_bound_and_unknown_kinds_are_refused() {
        let mut bytes = [0; HEADER_BYTES];
        assert_eq!(Header::parse(&bytes), Err(FrameError::UnknownKind(0)));
        bytes[4] = Kind::Cancel as u8;
        bytes[0] = 1;
        assert!(matches!(
            Header::parse(&bytes),
            Err(FrameError::TooLong { .. })
        ));
        bytes = [0xff; HEADER_BYTES];
        bytes[4] = Kind::Job as u8;
        assert!(matches!(
            Header::parse(&bytes),
            Err(FrameError::TooLong { .. })
        ));
        assert!(Header::frame(Kind::Cancel, 0, b"x").is_err());
    }
}
