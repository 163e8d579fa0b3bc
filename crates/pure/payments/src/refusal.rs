//! Every way a payment is refused, as its sender reads it.

use streamflow_types::Address;

use crate::books::BooksError;
use crate::message::MessageError;
use crate::recipient::TicketError;

/// Why a payment is refused. The text is the answer, with status 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No payment at all: the sender starts anew.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// Whom the tickets pay cannot redeem them: the sender goes elsewhere.
    #[error("orchestrator {recipient} is inactive in round {round}, cannot process payments")]
    Inactive {
        /// Whom.
        recipient: Address,
        /// The last initialized round.
        round: u64,
    },
    /// The account does not allow it.
    #[error(transparent)]
    Books(#[from] BooksError),
    /// The last ticket that is no good. Good ones are credited all the same.
    #[error(transparent)]
    Ticket(#[from] TicketError),
}

impl Refusal {
    /// The name metrics of the network count it under.
    pub const fn metrics_code(&self) -> &'static str {
        match self {
            Self::Books(BooksError::OtherPrice { .. }) => "InvalidPrice",
            Self::Ticket(TicketError::Revealed) => "InvalidRecipientRand",
            _ => "PaymentError",
        }
    }
}
