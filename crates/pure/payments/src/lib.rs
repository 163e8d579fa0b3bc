//! Probabilistic micropayments: lottery tickets, what they are worth, and how winners are settled.
//!
//! Pure: time, randomness, keys of others and the chain come in as values, and what has to be durable
//! goes out as values before anybody hears of it. A gateway uses [`sender`] and [`purchase`], an
//! orchestrator [`QuoteSettings`], [`Recipient`], [`Books`] and [`outbox`]. Money is exact: see
//! [`Amount`]. The formulas of tickets stand in the contracts as well; vectors hold the two together.

mod amount;
mod books;
pub mod earnings;
mod float;
pub mod inflation;
mod message;
mod nonces;
pub mod outbox;
pub mod purchase;
mod quote;
mod recipient;
mod refusal;
mod seal;
pub mod sender;
mod ticket;

pub use amount::{Amount, AmountError, MAX_DENOMINATOR_BITS};
pub use books::{Account, AccountKey, Books, BooksError, JobId};
pub use float::SenderFunds;
pub use message::{Batch, MAX_TICKETS, MessageError, Payment, SignedNonce, TicketParams};
pub use nonces::{KEPT_BLOCKS, MAX_NONCES, NonceError, Nonces};
pub use quote::{
    LIFETIME_BLOCKS, QuoteError, QuoteSettings, QuoteView, REDEEM_GAS_ARBITRUM, REDEEM_GAS_L1,
    ROUND_CONFIRMATIONS, Rounds, TX_COST_MULTIPLIER,
};
pub use recipient::{Receipt, ReceiveView, Recipient, TicketError, Winner};
pub use refusal::Refusal;
pub use seal::{Encoding, RecipientSecret, Terms, is_same_price, rand_hash};
pub use ticket::{CreationRound, Ticket, WinProb};
