//! Auth tokens: what an orchestrator hands out with a quote and checks with each segment.

use hmac::{Hmac, Mac};
use sha2::Sha256;
use streamflow_types::{IdError, SessionId};

use crate::proto;

/// How long a token is good for, in seconds.
pub const TOKEN_SECONDS: i64 = 30 * 60;

/// A token with less left than this, in seconds, is renewed before use.
pub const TOKEN_RENEWAL_SECONDS: i64 = TOKEN_SECONDS / 10;

/// Longest token taken from a peer; the network's have 32 bytes.
const MAX_TOKEN_BYTES: usize = 1024;

/// A token as it came. Opaque to everybody but who issued it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthToken {
    /// The proof.
    pub token: Vec<u8>,
    /// The session it opens.
    pub session: SessionId,
    /// Unix seconds after which it is refused.
    pub expiration: i64,
}

/// Why a token is refused. The texts are those peers see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// None came.
    #[error("missing auth token")]
    Missing,
    /// Not one of ours, or changed.
    #[error("invalid auth token")]
    Invalid,
    /// It was good once.
    #[error("expired auth token")]
    Expired,
}

impl AuthToken {
    /// From a message, without judging it.
    pub fn from_proto(token: Option<&proto::AuthToken>) -> Result<Self, TokenError> {
        let token = token.ok_or(TokenError::Missing)?;
        if token.token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let session =
            SessionId::new(&token.session_id).map_err(|_: IdError| TokenError::Invalid)?;
        Ok(Self {
            token: token.token.to_vec(),
            session,
            expiration: token.expiration,
        })
    }

    /// As a message.
    pub fn to_proto(&self) -> proto::AuthToken {
        proto::AuthToken {
            token: self.token.clone().into(),
            session_id: self.session.as_str().to_owned(),
            expiration: self.expiration,
        }
    }

    /// Whether it should be renewed before it is used at this time.
    pub const fn wants_renewal(&self, unix_seconds: i64) -> bool {
        self.expiration.saturating_sub(unix_seconds) < TOKEN_RENEWAL_SECONDS
    }
}

/// Issues and checks tokens with a secret.
#[derive(Clone)]
pub struct TokenSecret([u8; 32]);

impl std::fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenSecret(***)")
    }
}

impl TokenSecret {
    /// From 32 random bytes.
    pub const fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The bytes, to be stored where only the node reads them.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A token for a session, good for half an hour from now.
    pub fn issue(&self, session: SessionId, unix_seconds: i64) -> AuthToken {
        let expiration = unix_seconds.saturating_add(TOKEN_SECONDS);
        AuthToken {
            token: mac(&self.0, &session, expiration).finish(),
            session,
            expiration,
        }
    }

    /// Checks that this node issued the token, whatever its age.
    pub fn check_origin(&self, token: &AuthToken) -> Result<(), TokenError> {
        mac(&self.0, &token.session, token.expiration)
            .0
            .verify_slice(&token.token)
            .map_err(|_| TokenError::Invalid)
    }

    /// Checks that this node issued the token and that it is good at this time.
    pub fn check(&self, token: &AuthToken, unix_seconds: i64) -> Result<(), TokenError> {
        self.check_origin(token)?;
        if unix_seconds > token.expiration {
            Err(TokenError::Expired)
        } else {
            Ok(())
        }
    }
}

/// The proof of a token under a secret of any length.
pub fn token_bytes(secret: &[u8], session: &SessionId, expiration: i64) -> Vec<u8> {
    mac(secret, session, expiration).finish()
}

struct Proof(Hmac<Sha256>);

impl Proof {
    fn finish(self) -> Vec<u8> {
        self.0.finalize().into_bytes().to_vec()
    }
}

fn mac(secret: &[u8], session: &SessionId, expiration: i64) -> Proof {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(session.as_str().as_bytes());
    // The magnitude, big-endian, without leading zeros; zero is nothing.
    let magnitude = expiration.unsigned_abs().to_be_bytes();
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
    mac.update(magnitude.get(zeros..).unwrap_or_default());
    Proof(mac)
}
