//! Signatures of the network: the personal digest, and 65 bytes `r ‖ s ‖ v` with a low `s`.
//!
//! Not here: where keys live. A node that signs holds a [`SecretKey`] or asks someone who does.

use alloy_primitives::keccak256;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId, Signature};
use secp256k1::{Message, PublicKey, SECP256K1};
use streamflow_types::Address;

pub use secp256k1::SecretKey;

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 65;

/// Half of the curve's order, rounded down: the largest `s` the network takes.
const HALF_ORDER: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

/// Why bytes are no signature of anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Not 65 bytes.
    #[error("a signature has 65 bytes, this has {0}")]
    Length(usize),
    /// The same signature in its other form, which nobody here takes.
    #[error("the signature's s is in the upper half")]
    HighS,
    /// `v` is neither 27 nor 28.
    #[error("the signature's v is {0}, not 27 or 28")]
    BadV(u8),
    /// No key could have made it.
    #[error("the signature belongs to no key")]
    NoKey,
    /// Somebody else's.
    #[error("signed by {0}")]
    OtherSigner(Address),
}

/// keccak-256.
pub fn keccak(bytes: &[u8]) -> [u8; 32] {
    keccak256(bytes).0
}

/// The digest that is signed for a 32-byte message.
pub fn personal_digest(message: &[u8; 32]) -> [u8; 32] {
    const PREFIX: &[u8; 28] = b"\x19Ethereum Signed Message:\n32";
    let mut bytes = [0u8; 60];
    let (prefix, rest) = bytes.split_at_mut(PREFIX.len());
    prefix.copy_from_slice(PREFIX);
    rest.copy_from_slice(message);
    keccak(&bytes)
}

/// Signs a 32-byte message as is: ticket hashes, results.
pub fn sign_message(key: &SecretKey, message: &[u8; 32]) -> [u8; SIGNATURE_BYTES] {
    let digest = Message::from_digest(personal_digest(message));
    let (v, compact) = SECP256K1
        .sign_ecdsa_recoverable(&digest, key)
        .serialize_compact();
    let mut signature = [0u8; SIGNATURE_BYTES];
    if let Some((last, body)) = signature.split_last_mut() {
        body.copy_from_slice(&compact);
        // A recovery id is 0 to 3; those above 1 need an r beyond the order, which never happens.
        *last = 27 + u8::try_from(i32::from(v)).unwrap_or_default();
    }
    signature
}

/// Signs application bytes: their keccak is the message.
pub fn sign(key: &SecretKey, bytes: &[u8]) -> [u8; SIGNATURE_BYTES] {
    sign_message(key, &keccak(bytes))
}

/// Who signed a 32-byte message.
pub fn recover_message(message: &[u8; 32], signature: &[u8]) -> Result<Address, SignatureError> {
    SignerKey::recover(message, signature).map(|key| key.address())
}

/// The public key of somebody whose signature was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignerKey(PublicKey);

impl SignerKey {
    /// From the signature of a 32-byte message.
    pub fn recover(message: &[u8; 32], signature: &[u8]) -> Result<Self, SignatureError> {
        let (rs, v) = parts(signature)?;
        let id = RecoveryId::try_from(i32::from(v) - 27).map_err(|_| SignatureError::BadV(v))?;
        let recoverable =
            RecoverableSignature::from_compact(rs, id).map_err(|_| SignatureError::NoKey)?;
        let digest = Message::from_digest(personal_digest(message));
        SECP256K1
            .recover_ecdsa(&digest, &recoverable)
            .map(Self)
            .map_err(|_| SignatureError::NoKey)
    }

    /// Checks that this key made `r` and `s` for a 32-byte message, which is cheaper than to recover
    /// it. Which of its two values `v` has to have is not checked: see [`Self::recover`].
    pub fn verify(&self, message: &[u8; 32], signature: &[u8]) -> Result<(), SignatureError> {
        let (rs, _) = parts(signature)?;
        let found = Signature::from_compact(rs).map_err(|_| SignatureError::NoKey)?;
        let digest = Message::from_digest(personal_digest(message));
        SECP256K1
            .verify_ecdsa(&digest, &found, &self.0)
            .map_err(|_| SignatureError::NoKey)
    }

    /// Whose key it is.
    pub fn address(&self) -> Address {
        address_of_public(&self.0)
    }
}

/// `r` and `s`, and `v`, of a signature in the only form that is taken.
fn parts(signature: &[u8]) -> Result<(&[u8], u8), SignatureError> {
    let signature: &[u8; SIGNATURE_BYTES] = signature
        .try_into()
        .map_err(|_| SignatureError::Length(signature.len()))?;
    let (rs, v) = (&signature[..64], signature[64]);
    if rs[32..] > HALF_ORDER[..] {
        return Err(SignatureError::HighS);
    }
    match v {
        27 | 28 => Ok((rs, v)),
        other => Err(SignatureError::BadV(other)),
    }
}

/// Checks that `signer` signed these application bytes.
pub fn verify(signer: Address, bytes: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
    verify_message(signer, &keccak(bytes), signature)
}

/// Checks that `signer` signed this 32-byte message.
pub fn verify_message(
    signer: Address,
    message: &[u8; 32],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let found = recover_message(message, signature)?;
    if found == signer {
        Ok(())
    } else {
        Err(SignatureError::OtherSigner(found))
    }
}

/// The address of a key.
pub fn address_of(key: &SecretKey) -> Address {
    address_of_public(&PublicKey::from_secret_key(SECP256K1, key))
}

fn address_of_public(key: &PublicKey) -> Address {
    let hash = keccak(&key.serialize_uncompressed()[1..]);
    let mut address = [0u8; 20];
    address.copy_from_slice(&hash[12..]);
    Address::new(address)
}
