//! What an orchestrator is paid with: the seam, and its off-chain side.

use async_trait::async_trait;
use streamflow_types::{Address, Pixels, PricePerPixel, SessionId};
use streamflow_wire::proto::{Payment, TicketParams};

/// Who pays for a job, and under which session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Payer {
    /// The gateway; zero off chain.
    pub sender: Address,
    /// The session of the auth token.
    pub session: SessionId,
}

/// Why a payment is refused. The text goes to the gateway with status 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PaymentError(pub String);

/// What an orchestrator quotes and takes for its work.
#[async_trait]
pub trait Payments: Send + Sync + 'static {
    /// Parameters for the next tickets of this sender; `None` off chain.
    async fn ticket_params(&self, sender: Address) -> Result<Option<TicketParams>, PaymentError>;

    /// The price for this payer; `None` off chain.
    async fn price(&self, payer: &Payer) -> Result<Option<PricePerPixel>, PaymentError>;

    /// Takes a payment in. Returns once its credit is safe.
    async fn receive(&self, payer: &Payer, payment: &Payment) -> Result<(), PaymentError>;

    /// Charges work that was done and delivered.
    async fn charge(&self, payer: &Payer, work: Pixels);
}

/// No payments: nodes that know each other work for each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct OffChain;

#[async_trait]
impl Payments for OffChain {
    async fn ticket_params(&self, _sender: Address) -> Result<Option<TicketParams>, PaymentError> {
        Ok(None)
    }

    async fn price(&self, _payer: &Payer) -> Result<Option<PricePerPixel>, PaymentError> {
        Ok(None)
    }

    async fn receive(&self, _payer: &Payer, _payment: &Payment) -> Result<(), PaymentError> {
        Ok(())
    }

    async fn charge(&self, _payer: &Payer, _work: Pixels) {}
}
