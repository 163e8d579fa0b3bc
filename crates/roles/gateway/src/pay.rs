//! The seam to payments: what goes into the payment header of a segment.

use async_trait::async_trait;
use streamflow_types::{Address, Pixels, SessionId};

/// What a payment is for.
#[derive(Clone, Debug)]
pub struct Purchase<'a> {
    /// The relation it is booked under.
    pub session: &'a SessionId,
    /// Upper bound of the work, over all renditions.
    pub work: Pixels,
}

/// Why nothing could be paid. The segment goes to somebody else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayError {
    /// The funds, or the limits set on them, do not allow it.
    #[error("payment refused: {0}")]
    Refused(String),
}

/// Who pays orchestrators.
#[async_trait]
pub trait Payer: Send + Sync + 'static {
    /// The address orchestrators know this gateway by.
    fn address(&self) -> Address;
    /// Its signature over these bytes; empty for a gateway that signs nothing.
    fn sign(&self, bytes: &[u8]) -> Vec<u8>;
    /// The serialized payment for a segment; empty for a gateway that pays nothing.
    async fn pay(&self, purchase: Purchase<'_>) -> Result<Vec<u8>, PayError>;
}

/// Pays nobody, signs nothing, is nobody: how gateways off chain work.
#[derive(Clone, Copy, Debug, Default)]
pub struct OffChain;

#[async_trait]
impl Payer for OffChain {
    fn address(&self) -> Address {
        Address::ZERO
    }

    fn sign(&self, _: &[u8]) -> Vec<u8> {
        Vec::new()
    }

    async fn pay(&self, _: Purchase<'_>) -> Result<Vec<u8>, PayError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn off_chain_is_nobody_and_pays_nothing() {
        let session = SessionId::from_random([1; 4]);
        let purchase = Purchase {
            session: &session,
            work: Pixels(1),
        };
        assert!(OffChain.address().is_zero());
        assert!(OffChain.sign(b"x").is_empty());
        assert_eq!(OffChain.pay(purchase).await, Ok(Vec::new()));
    }
}
