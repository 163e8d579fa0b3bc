//! The opening exchange of fixed-size blocks. Both ends use the plain form; a peer that opens
//! with the digest form reads version 0 in our block and falls back to the plain one.

use crate::cursor::Cursor;

const VERSION: u8 = 3;

/// Each of the blocks 1 and 2 on either side.
const BLOCK: usize = 1536;

/// The peer does not speak plain RTMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer opens with version {0}, not with plain RTMP (3)")]
pub struct VersionError(pub u8);

/// Either end of the exchange. The same bytes are read on both: version, block 1, block 2.
#[derive(Debug)]
pub(crate) struct Handshake {
    role: Role,
    /// Version and block 1 of the peer, then nothing.
    opening: Vec<u8>,
    /// Bytes of the peer's block 2 still to come.
    closing: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Server,
    Client,
}

impl Handshake {
    pub(crate) fn server() -> Self {
        Self {
            role: Role::Server,
            opening: Vec::new(),
            closing: BLOCK,
        }
    }

    /// With what to send first.
    pub(crate) fn client() -> (Self, Vec<u8>) {
        (
            Self {
                role: Role::Client,
                opening: Vec::new(),
                closing: BLOCK,
            },
            own_opening(),
        )
    }

    /// Takes bytes from the front of `input` and appends answers to `out`. True once done.
    pub(crate) fn read(
        &mut self,
        input: &mut Cursor<'_>,
        out: &mut Vec<u8>,
    ) -> Result<bool, VersionError> {
        let missing = (1 + BLOCK).saturating_sub(self.opening.len());
        if missing > 0 {
            let taken = input.bytes(missing.min(input.0.len())).unwrap_or_default();
            self.opening.extend(taken);
            if let Some(&version) = self.opening.first()
                && version != VERSION
            {
                return Err(VersionError(version));
            }
            if self.opening.len() < 1 + BLOCK {
                return Ok(false);
            }
            if self.role == Role::Server {
                out.extend(own_opening());
            }
            // Block 2 repeats the peer's block 1.
            out.extend(self.opening.iter().skip(1));
        }
        // The peer's echo carries nothing to check: many encoders fill it with noise.
        let skipped = input
            .bytes(self.closing.min(input.0.len()))
            .unwrap_or_default()
            .len();
        self.closing = self.closing.saturating_sub(skipped);
        Ok(self.closing == 0)
    }
}

/// Version and block 1: time and version zero, then filler. The filler only tells connections
/// from their own echo, so a fixed pattern does.
fn own_opening() -> Vec<u8> {
    let filler = (0..BLOCK - 8).map(|index| (index % 251) as u8);
    std::iter::once(VERSION)
        .chain([0; 8])
        .chain(filler)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_meet_whatever_the_splits() {
        for step in [1, 7, 1536, 1537, 5000] {
            let (mut client, to_server) = Handshake::client();
            let mut server = Handshake::server();
            let (mut to_client, mut rest) = (Vec::new(), Vec::new());
            for part in to_server.chunks(step) {
                assert!(!server.read(&mut Cursor(part), &mut to_client).unwrap());
            }
            let mut client_done = false;
            for part in to_client.chunks(step) {
                client_done = client.read(&mut Cursor(part), &mut rest).unwrap();
            }
            assert!(client_done);
            rest.extend(b"next");
            let mut input = Cursor(&rest);
            assert!(server.read(&mut input, &mut Vec::new()).unwrap());
            assert_eq!(input.0, b"next");
        }
    }

    #[test]
    fn other_versions_are_refused_at_the_first_byte() {
        let mut out = Vec::new();
        let refused = Handshake::server().read(&mut Cursor(b"\x06"), &mut out);
        assert_eq!(refused, Err(VersionError(6)));
        let http = Handshake::server().read(&mut Cursor(b"GET / HTTP/1.1"), &mut out);
        assert_eq!(http, Err(VersionError(b'G')));
        assert!(out.is_empty());
    }
}
