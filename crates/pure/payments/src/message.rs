//! Payments as messages: foreign bytes to validated types, and back.

use alloy_primitives::{B256, U256};
use streamflow_types::{Address, AddressError, PricePerPixel};
use streamflow_wire::price::{self, PriceError};
use streamflow_wire::proto;
use streamflow_wire::signature::SIGNATURE_BYTES;

use crate::seal::minimal_bytes;
use crate::ticket::{CreationRound, Ticket, WinProb};

/// Tickets taken in one payment: as many as one set of parameters is good for.
pub const MAX_TICKETS: usize = 600;

/// Parameters a recipient offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketParams {
    /// Who is paid.
    pub recipient: Address,
    /// What a winner pays.
    pub face_value: U256,
    /// The chance of each ticket.
    pub win_prob: WinProb,
    /// The hash of the number that decides.
    pub recipient_rand_hash: B256,
    /// Echoed, for the recipient to find its number again.
    pub seed: U256,
    /// The L1 block from which on they are void.
    pub expiration_block: u64,
    /// The round that tickets carry; without it the sender takes its own view's.
    pub creation: Option<CreationRound>,
}

/// A ticket's own part: all else is common to the payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedNonce {
    /// Counts the sender's tickets for one set of parameters.
    pub nonce: u32,
    /// Over the ticket's hash; `None` where it has not 65 bytes, which no signature is.
    pub signature: Option<[u8; SIGNATURE_BYTES]>,
}

/// The tickets of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The parameters they were made with.
    pub params: TicketParams,
    /// The round they carry.
    pub creation: CreationRound,
    /// In the order they are checked.
    pub tickets: Vec<SignedNonce>,
}

impl Batch {
    /// One of the tickets, as its sender signed it.
    pub fn ticket(&self, sender: Address, nonce: u32) -> Ticket {
        Ticket {
            recipient: self.params.recipient,
            sender,
            face_value: self.params.face_value,
            win_prob: self.params.win_prob,
            sender_nonce: nonce,
            recipient_rand_hash: self.params.recipient_rand_hash,
            creation: self.creation,
        }
    }
}

/// What comes with a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Who pays.
    pub sender: Address,
    /// Tickets; none where credit is left.
    pub batch: Option<Batch>,
    /// The price the sender pays at.
    pub expected_price: PricePerPixel,
}

/// Why a message is no payment. The sender gets the text with status 400 and should start anew with
/// fresh parameters; nothing of the payment was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// No address that could have paid.
    #[error("Could not find Sender for payment: {0}")]
    Sender(AddressError),
    /// No address that could be paid.
    #[error("invalid ticket recipient")]
    Recipient,
    /// A number of more than 256 bits, or a block beyond 64.
    #[error("{0} in the ticket parameters is too large")]
    Number(&'static str),
    /// A hash of another length than 32.
    #[error("{0} in the ticket parameters has not 32 bytes")]
    Hash(&'static str),
    /// No round with the tickets.
    #[error("expiration params are missing")]
    NoExpiration,
    /// More tickets than one set of parameters is good for.
    #[error("{0} tickets in one payment")]
    TooMany(usize),
    /// No price.
    #[error("invalid expected price sent with payment err=\"expected price is nil\"")]
    NoPrice,
    /// A price for nothing.
    #[error("invalid expected price sent with payment err=\"pixels per unit is 0\"")]
    ZeroPixels,
    /// A price below nothing.
    #[error("invalid expected price sent with payment err=\"{0}\"")]
    Price(PriceError),
}

impl TicketParams {
    /// From a message.
    pub fn from_proto(message: &proto::TicketParams) -> Result<Self, MessageError> {
        let block = number(&message.expiration_block, "expiration block")?;
        Ok(Self {
            recipient: Address::from_slice(&message.recipient)
                .map_err(|_| MessageError::Recipient)?,
            face_value: number(&message.face_value, "face value")?,
            win_prob: WinProb(number(&message.win_prob, "win probability")?),
            recipient_rand_hash: hash(&message.recipient_rand_hash, "recipientRandHash")?,
            seed: number(&message.seed, "seed")?,
            expiration_block: u64::try_from(block)
                .map_err(|_| MessageError::Number("expiration block"))?,
            creation: message
                .expiration_params
                .as_ref()
                .map(creation_from_proto)
                .transpose()?,
        })
    }

    /// As a message, as offered.
    pub fn to_proto(&self) -> proto::TicketParams {
        proto::TicketParams {
            recipient: self.recipient.as_bytes().to_vec().into(),
            face_value: minimal_bytes(self.face_value).into(),
            win_prob: minimal_bytes(self.win_prob.0).into(),
            recipient_rand_hash: self.recipient_rand_hash.to_vec().into(),
            seed: minimal_bytes(self.seed).into(),
            expiration_block: minimal_bytes(U256::from(self.expiration_block)).into(),
            expiration_params: self.creation.map(creation_to_proto),
        }
    }
}

impl Payment {
    /// From a message. The recipient is judged before the price, as peers expect, so `is_active`
    /// gets it first; what it says is the refusal.
    pub fn from_proto<E: From<MessageError>>(
        message: &proto::Payment,
        is_active: impl FnOnce(Address) -> Result<(), E>,
    ) -> Result<Self, E> {
        let sender = Address::from_slice(&message.sender).map_err(MessageError::Sender)?;
        let batch = match &message.ticket_params {
            Some(params) => Some(batch_from_proto(message, params)?),
            None => None,
        };
        if let Some(batch) = &batch {
            is_active(batch.params.recipient)?;
        }
        let price = message
            .expected_price
            .as_ref()
            .ok_or(MessageError::NoPrice)?;
        let expected_price = price::from_proto(price).map_err(|error| match error {
            PriceError::Denominator(0) => MessageError::ZeroPixels,
            other => MessageError::Price(other),
        })?;
        Ok(Self {
            sender,
            batch,
            expected_price,
        })
    }

    /// As a message, as it is sent: the round stands beside the parameters, not in them.
    pub fn to_proto(&self) -> Result<proto::Payment, PriceError> {
        let batch = self.batch.as_ref();
        Ok(proto::Payment {
            ticket_params: batch.map(|batch| proto::TicketParams {
                expiration_params: None,
                ..batch.params.to_proto()
            }),
            sender: self.sender.as_bytes().to_vec().into(),
            expiration_params: batch.map(|batch| creation_to_proto(batch.creation)),
            ticket_sender_params: batch.map(tickets_to_proto).unwrap_or_default(),
            expected_price: Some(price::to_proto(self.expected_price)?),
        })
    }
}

fn batch_from_proto(
    message: &proto::Payment,
    params: &proto::TicketParams,
) -> Result<Batch, MessageError> {
    let count = message.ticket_sender_params.len();
    if count > MAX_TICKETS {
        return Err(MessageError::TooMany(count));
    }
    let creation = message
        .expiration_params
        .as_ref()
        .ok_or(MessageError::NoExpiration)?;
    Ok(Batch {
        params: TicketParams::from_proto(params)?,
        creation: creation_from_proto(creation)?,
        tickets: message
            .ticket_sender_params
            .iter()
            .map(|ticket| SignedNonce {
                nonce: ticket.sender_nonce,
                signature: ticket.sig.as_ref().try_into().ok(),
            })
            .collect(),
    })
}

fn tickets_to_proto(batch: &Batch) -> Vec<proto::TicketSenderParams> {
    let one = |ticket: &SignedNonce| proto::TicketSenderParams {
        sender_nonce: ticket.nonce,
        sig: ticket.signature.map_or_else(Vec::new, Vec::from).into(),
    };
    batch.tickets.iter().map(one).collect()
}

fn creation_from_proto(
    message: &proto::TicketExpirationParams,
) -> Result<CreationRound, MessageError> {
    let block_hash = match message.creation_round_block_hash.as_ref() {
        [] => B256::ZERO,
        bytes => hash(bytes, "creation round block hash")?,
    };
    Ok(CreationRound {
        round: u64::try_from(message.creation_round)
            .map_err(|_| MessageError::Number("creation round"))?,
        block_hash,
    })
}

fn creation_to_proto(creation: CreationRound) -> proto::TicketExpirationParams {
    proto::TicketExpirationParams {
        creation_round: i64::try_from(creation.round).unwrap_or(i64::MAX),
        creation_round_block_hash: creation.block_hash.to_vec().into(),
    }
}

/// Leading zeros are nothing.
fn number(bytes: &[u8], what: &'static str) -> Result<U256, MessageError> {
    U256::try_from_be_slice(bytes).ok_or(MessageError::Number(what))
}

fn hash(bytes: &[u8], what: &'static str) -> Result<B256, MessageError> {
    B256::try_from(bytes).map_err(|_| MessageError::Hash(what))
}
