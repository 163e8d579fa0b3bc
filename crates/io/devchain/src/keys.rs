//! Signing for the chain's own development accounts.

use alloy_consensus::{SignableTransaction, TxEnvelope};
use alloy_primitives::{Address, B256, Signature, U256, keccak256};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};

/// A secret key, where the bytes are one.
pub(crate) fn parse(bytes: B256) -> Option<SecretKey> {
    SecretKey::from_slice(bytes.as_slice()).ok()
}

/// The address of a key.
pub(crate) fn address(key: &SecretKey) -> Address {
    let public = PublicKey::from_secret_key(SECP256K1, key).serialize_uncompressed();
    Address::from_raw_public_key(&public[1..])
}

/// Signs a digest.
pub(crate) fn sign(key: &SecretKey, digest: B256) -> Signature {
    let message = Message::from_digest(digest.0);
    let (recovery, bytes) = SECP256K1
        .sign_ecdsa_recoverable(&message, key)
        .serialize_compact();
    let r = U256::from_be_slice(&bytes[..32]);
    let s = U256::from_be_slice(&bytes[32..]);
    Signature::new(r, s, i32::from(recovery) == 1)
}

/// Signs a text the way wallets do: with the prefix that no transaction can have.
pub(crate) fn sign_personal(key: &SecretKey, text: &[u8]) -> Signature {
    let mut prefixed = format!("\x19Ethereum Signed Message:\n{}", text.len()).into_bytes();
    prefixed.extend_from_slice(text);
    sign(key, keccak256(prefixed))
}

/// Signs a transaction.
pub(crate) fn sign_transaction<T>(key: &SecretKey, transaction: T) -> TxEnvelope
where
    T: SignableTransaction<Signature>,
    TxEnvelope: From<alloy_consensus::Signed<T>>,
{
    let signature = sign(key, transaction.signature_hash());
    TxEnvelope::from(transaction.into_signed(signature))
}
