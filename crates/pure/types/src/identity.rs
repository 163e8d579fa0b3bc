//! Who and what: addresses of the chain, streams, paid relations, places in a stream.

use std::fmt;

use alloy_primitives::Address as RawAddress;

/// An Ethereum address. Prints as EIP-55 text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Address([u8; 20]);

/// Why a text or byte string is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Not 20 bytes.
    #[error("an address has 20 bytes, this has {0}")]
    Length(usize),
    /// Not hexadecimal.
    #[error("an address is 0x and 40 hexadecimal digits")]
    NotHex,
}

impl Address {
    /// The address of nobody, used off chain.
    pub const ZERO: Self = Self([0; 20]);

    /// From its 20 bytes.
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// From a byte string of a message; anything but 20 bytes is an error.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, AddressError> {
        <[u8; 20]>::try_from(bytes)
            .map(Self)
            .map_err(|_| AddressError::Length(bytes.len()))
    }

    /// From `0x…` text of any case.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let bytes = hex::decode(digits).map_err(|_| AddressError::NotHex)?;
        Self::from_slice(&bytes)
    }

    /// The 20 bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Whether this is the address of nobody.
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", RawAddress::from(self.0).to_checksum(None))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// Nothing given.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// Longer than any peer sends.
    #[error("{0} is longer than {1} bytes")]
    TooLong(&'static str, usize),
    /// Control characters or bytes outside ASCII.
    #[error("{0} must be printable ASCII")]
    NotPrintable(&'static str),
}

/// Longest identifier taken from a peer.
const MAX_ID_BYTES: usize = 256;

fn checked(what: &'static str, text: &str) -> Result<String, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty(what));
    }
    if text.len() > MAX_ID_BYTES {
        return Err(IdError::TooLong(what, MAX_ID_BYTES));
    }
    if !text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Err(IdError::NotPrintable(what));
    }
    Ok(text.to_owned())
}

/// A stream, as its publisher named it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ManifestId(String);

impl ManifestId {
    /// From text of a path, a header or a webhook.
    pub fn new(text: &str) -> Result<Self, IdError> {
        checked("manifest id", text).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ManifestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A paid relation between one gateway stream and one orchestrator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// From the text of an auth token.
    pub fn new(text: &str) -> Result<Self, IdError> {
        checked("session id", text).map(Self)
    }

    /// The form nodes issue: 4 random bytes as 8 lower-case hexadecimal characters.
    pub fn from_random(bytes: [u8; 4]) -> Self {
        Self(hex::encode(bytes))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A place in a stream, as the ingest counted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SegmentNumber(pub u64);

impl fmt::Display for SegmentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_prints_its_checksum() {
        let address = Address::parse("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266").unwrap();
        assert_eq!(
            address.to_string(),
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
        );
        assert_eq!(Address::parse("0x12"), Err(AddressError::Length(1)));
        assert_eq!(Address::parse("0xzz"), Err(AddressError::NotHex));
    }

    #[test]
    fn identifiers_are_bounded_printable_text() {
        assert!(ManifestId::new("olive-1").is_ok());
        assert_eq!(ManifestId::new(""), Err(IdError::Empty("manifest id")));
        assert!(SessionId::new("a\nb").is_err());
        assert!(ManifestId::new(&"x".repeat(257)).is_err());
        assert_eq!(
            SessionId::from_random([0x0a, 0, 1, 0xff]).as_str(),
            "0a0001ff"
        );
    }
}
