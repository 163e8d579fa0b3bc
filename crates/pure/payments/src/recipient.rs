//! An orchestrator's side of tickets: which are good, which win.

use std::collections::{HashMap, VecDeque};

use alloy_primitives::{B256, U256};
use streamflow_types::{Address, PricePerPixel};
use streamflow_wire::signature::{SIGNATURE_BYTES, SignerKey};

use crate::amount::Amount;
use crate::float::{SenderFunds, signed};
use crate::message::{Batch, Payment, SignedNonce};
use crate::nonces::{KEPT_BLOCKS, NonceError, Nonces};
use crate::seal::{RecipientSecret, Terms, rand_hash};
use crate::ticket::Ticket;

/// Senders whose keys are kept.
const MAX_KEYS: usize = 10_000;

/// Blocks after their expiry for which tickets are still looked at, for a winner among them is owed.
/// Used numbers and settled winners are remembered for longer, by more than any reorganisation.
const LATE_BLOCKS: u64 = KEPT_BLOCKS / 2;

/// A ticket that won. It is stored before its payment is answered in any way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Winner {
    /// The ticket.
    pub ticket: Ticket,
    /// Its sender's.
    pub signature: [u8; SIGNATURE_BYTES],
    /// What makes it win: known to nobody else until it is redeemed.
    pub recipient_rand: U256,
    /// The L1 block from which on nothing is taken for this number any more.
    pub expiration_block: u64,
}

/// Why a ticket is not credited. The last of them is the answer to the payment, with status 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TicketError {
    /// The sender withdraws: it has to cancel that.
    #[error("deposit and reserve for sender {0} is set to unlock soon")]
    Unlocking(Address),
    /// The chain view has no answer: the sender tries again later.
    #[error("could not get sender info for {0}: {1}")]
    NoFunds(Address, String),
    /// For somebody else.
    #[error("invalid ticket recipient")]
    Recipient,
    /// From nobody.
    #[error("invalid ticket sender")]
    Sender,
    /// Altered parameters, or another node's: the sender asks for new ones.
    #[error("invalid recipientRand for ticket recipientRandHash")]
    Rand,
    /// Not signed by its sender.
    #[error("invalid ticket signature")]
    Signature,
    /// Paid with before.
    #[error("invalid ticket senderNonce: already seen sender={0} nonce={1}")]
    NonceSeen(Address, u32),
    /// The parameters are used up: the sender asks for new ones.
    #[error("invalid ticket senderNonce: too many values sender={0} nonce={1}")]
    TooManyNonces(Address, u32),
    /// Too late: the sender asks for new parameters.
    #[error("TicketParams expired")]
    Expired,
    /// The number is public: the sender asks for new parameters.
    #[error("invalid already revealed recipientRand")]
    Revealed,
    /// A winner would not be paid: the sender funds its reserve, or waits for redemptions.
    #[error("insufficient sender reserve")]
    InsufficientReserve,
}

impl TicketError {
    /// Whether the rest of the payment is not looked at.
    pub const fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::Unlocking(_) | Self::NoFunds(..) | Self::Recipient | Self::Sender | Self::Rand
        )
    }
}

/// What a payment came to. `taken`, `credit` and `winners` are stored in one transaction before the
/// sender hears anything; where that fails, the recipient is made anew from the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Worth of all good tickets.
    pub credit: Amount,
    /// How many they are.
    pub good: u32,
    /// Winners.
    pub winners: Vec<Winner>,
    /// Numbers that are used up.
    pub taken: Vec<u32>,
    /// The last refusal.
    pub error: Option<TicketError>,
}

/// What is known when a payment comes in.
#[derive(Clone, Copy)]
pub struct ReceiveView<'a> {
    /// The last processed L1 block, or its estimate where the view is old.
    pub last_block: u64,
    /// The last initialized round.
    pub last_round: u64,
    /// The sender's money, or why it is not known.
    pub funds: Result<&'a SenderFunds, &'a str>,
    /// Face values of its winners that are not redeemed.
    pub pending: U256,
    /// No winner below this pays for its redemption.
    pub min_face_value: U256,
    /// Whether a number has left this node in a transaction, by its hash.
    pub is_revealed: &'a dyn Fn(B256) -> bool,
}

/// The state a recipient needs. Numbers are durable; keys are found again.
#[derive(Debug, Clone)]
pub struct Recipient {
    address: Address,
    secret: RecipientSecret,
    nonces: Nonces,
    keys: HashMap<Address, SignerKey>,
    key_order: VecDeque<Address>,
}

impl Recipient {
    /// With the numbers that were stored.
    pub fn new(address: Address, secret: RecipientSecret, nonces: Nonces) -> Self {
        Self {
            address,
            secret,
            nonces,
            keys: HashMap::new(),
            key_order: VecDeque::new(),
        }
    }

    /// The used numbers.
    pub const fn nonces(&self) -> &Nonces {
        &self.nonces
    }

    /// Drops numbers that cannot come again; says of which random numbers.
    pub fn forget(&mut self, last_block: u64) -> Vec<B256> {
        self.nonces.forget(last_block)
    }

    /// Checks the tickets of a payment. Each good one counts, whatever the others are.
    pub fn receive(&mut self, payment: &Payment, view: &ReceiveView<'_>) -> Receipt {
        let mut receipt = Receipt::default();
        let Some(batch) = &payment.batch else {
            return receipt;
        };
        if batch.tickets.is_empty() {
            return receipt;
        }
        let (funds, rand) = match self.check_batch(payment, batch, view) {
            Ok(checked) => checked,
            Err(error) => {
                receipt.error = Some(error);
                return receipt;
            }
        };
        let mut common = Common {
            batch,
            view,
            funds,
            rand,
            pending: view.pending,
        };
        for one in &batch.tickets {
            let ticket = batch.ticket(payment.sender, one.nonce);
            let checked = self.check(&ticket, one, &common, &mut receipt.taken);
            if let Some(signature) = checked.winning {
                common.pending = common.pending.saturating_add(ticket.face_value);
                receipt.winners.push(Winner {
                    ticket,
                    signature,
                    recipient_rand: rand,
                    expiration_block: batch.params.expiration_block,
                });
            }
            match checked.error {
                Some(error) => receipt.error = Some(error),
                None => receipt.good += 1,
            }
        }
        let value = Amount::of_ticket(batch.params.face_value, batch.params.win_prob);
        receipt.credit = value.times(u64::from(receipt.good));
        receipt
    }

    /// What all tickets of a payment have in common; everything here is fatal.
    fn check_batch<'v>(
        &self,
        payment: &Payment,
        batch: &Batch,
        view: &ReceiveView<'v>,
    ) -> Result<(&'v SenderFunds, U256), TicketError> {
        let sender = payment.sender;
        let funds = view
            .funds
            .map_err(|why| TicketError::NoFunds(sender, why.to_owned()))?;
        if funds.unlocks_soon(view.last_round) {
            return Err(TicketError::Unlocking(sender));
        }
        if batch.params.recipient != self.address {
            return Err(TicketError::Recipient);
        }
        if sender.is_zero() {
            return Err(TicketError::Sender);
        }
        let rand = self
            .secret
            .rand(&terms(payment.expected_price, sender, batch));
        if rand_hash(rand) != batch.params.recipient_rand_hash {
            return Err(TicketError::Rand);
        }
        Ok((funds, rand))
    }

    /// Checks one ticket. A winner whose number was used before, or that is late, is kept all the
    /// same: its sender owes it.
    fn check(
        &mut self,
        ticket: &Ticket,
        one: &SignedNonce,
        common: &Common<'_>,
        taken: &mut Vec<u32>,
    ) -> Checked {
        let key = match self.check_signature(ticket, one) {
            Ok(key) => key,
            Err(error) => {
                return Checked {
                    winning: None,
                    error: Some(error),
                };
            }
        };
        let expiration_block = common.batch.params.expiration_block;
        if expiration_block.saturating_add(LATE_BLOCKS) < common.view.last_block {
            return Checked {
                winning: None,
                error: Some(TicketError::Expired),
            };
        }
        let error = self.use_up(ticket, common, taken).err();
        if let Err(risk) = check_risk(ticket, common) {
            return Checked {
                winning: None,
                error: error.or(Some(risk)),
            };
        }
        Checked {
            winning: draw(ticket, one, common.rand, key),
            error,
        }
    }

    /// Checks whose signature it is. A known key is tried, an unknown one found; says which.
    fn check_signature(
        &mut self,
        ticket: &Ticket,
        one: &SignedNonce,
    ) -> Result<Option<SignerKey>, TicketError> {
        let signature = one.signature.as_ref().ok_or(TicketError::Signature)?;
        let hash = ticket.hash().0;
        if let Some(key) = self.keys.get(&ticket.sender) {
            key.verify(&hash, signature)
                .map_err(|_| TicketError::Signature)?;
            return Ok(Some(*key));
        }
        let key = SignerKey::recover(&hash, signature).map_err(|_| TicketError::Signature)?;
        if key.address() != ticket.sender {
            return Err(TicketError::Signature);
        }
        if self.key_order.len() >= MAX_KEYS
            && let Some(oldest) = self.key_order.pop_front()
        {
            self.keys.remove(&oldest);
        }
        self.keys.insert(ticket.sender, key);
        self.key_order.push_back(ticket.sender);
        Ok(None)
    }

    /// Uses the ticket's number up, also that of an expired one.
    fn use_up(
        &mut self,
        ticket: &Ticket,
        common: &Common<'_>,
        taken: &mut Vec<u32>,
    ) -> Result<(), TicketError> {
        let (sender, nonce) = (ticket.sender, ticket.sender_nonce);
        let expiration_block = common.batch.params.expiration_block;
        self.nonces
            .take(ticket.recipient_rand_hash, nonce, expiration_block)
            .map_err(|error| match error {
                NonceError::Seen => TicketError::NonceSeen(sender, nonce),
                NonceError::TooMany => TicketError::TooManyNonces(sender, nonce),
            })?;
        taken.push(nonce);
        if expiration_block <= common.view.last_block {
            return Err(TicketError::Expired);
        }
        Ok(())
    }
}

/// What the tickets of a payment have in common.
struct Common<'a> {
    batch: &'a Batch,
    view: &'a ReceiveView<'a>,
    funds: &'a SenderFunds,
    rand: U256,
    /// Grows with each winner.
    pending: U256,
}

/// What one ticket came to.
struct Checked {
    winning: Option<[u8; SIGNATURE_BYTES]>,
    error: Option<TicketError>,
}

/// Whether the ticket wins, and with which signature. A key that is known vouches for `r` and `s`
/// alone, and these two have exactly one `v` that the contracts take; so where either value would
/// win, the right one is found and decides.
fn draw(
    ticket: &Ticket,
    one: &SignedNonce,
    rand: U256,
    known: Option<SignerKey>,
) -> Option<[u8; SIGNATURE_BYTES]> {
    let given = one.signature?;
    let Some(key) = known else {
        return ticket.wins(&given, rand).then_some(given);
    };
    let mut other = given;
    other[SIGNATURE_BYTES - 1] = 27 + 28 - other[SIGNATURE_BYTES - 1];
    if !ticket.wins(&given, rand) && !ticket.wins(&other, rand) {
        return None;
    }
    let is_given = SignerKey::recover(&ticket.hash().0, &given) == Ok(key);
    let right = if is_given { given } else { other };
    ticket.wins(&right, rand).then_some(right)
}

/// What is lost if it wins: neither a number that is public nor money that is not there.
fn check_risk(ticket: &Ticket, common: &Common<'_>) -> Result<(), TicketError> {
    if (common.view.is_revealed)(ticket.recipient_rand_hash) {
        return Err(TicketError::Revealed);
    }
    let face = ticket.face_value;
    let is_uncovered = signed(face) > common.funds.max_float(common.pending);
    if !face.is_zero() && (is_uncovered || face < common.view.min_face_value) {
        return Err(TicketError::InsufficientReserve);
    }
    Ok(())
}

fn terms(price: PricePerPixel, sender: Address, batch: &Batch) -> Terms {
    Terms {
        seed: batch.params.seed,
        sender,
        face_value: batch.params.face_value,
        win_prob: batch.params.win_prob,
        expiration_block: batch.params.expiration_block,
        price,
        creation: batch.creation,
    }
}
