//! A gateway that pays, dies and comes back.

use streamflow_payments::sender::{SenderLimits, SenderView, TicketSession, check_params};
use streamflow_payments::{Batch, Payment, TicketParams};
use streamflow_types::{Address, PricePerPixel};
use streamflow_wire::signature::{SecretKey, address_of};

use super::chain::Chain;
use super::recipient::PRICE;

pub(super) fn key() -> SecretKey {
    SecretKey::from_slice(&[0x11; 32]).expect("a key")
}

pub(super) struct SenderNode {
    address: Address,
    session: TicketSession,
    /// What is on disk: as in memory, for numbers are stored before they are used.
    stored: TicketSession,
}

impl SenderNode {
    pub(super) fn new(params: TicketParams) -> Self {
        let address = address_of(&key());
        let session = TicketSession::new(address, params, params.creation.unwrap_or_default());
        Self {
            address,
            stored: session.clone(),
            session,
        }
    }

    /// One to four tickets, if the parameters are good. Some senders cheat with the price, the
    /// signature, or its last byte.
    pub(super) fn pay(&mut self, chain: &Chain, argument: u8) -> Option<Payment> {
        let count = u32::from(argument % 4) + 1;
        let view = SenderView {
            last_block: chain.head(),
            last_round: chain.rounds().last,
            funds: Ok(chain.funds()),
        };
        let params = self.session.params();
        check_params(Some(params), count, &SenderLimits::default(), &view).ok()?;
        let taken = self.session.take_nonces(count).ok()?;
        self.stored = self.session.clone();
        let mut batch = self.session.sign(&taken, &key());
        let mut expected_price = PRICE;
        match argument >> 5 {
            5 => expected_price = PricePerPixel::new(1, PRICE.pixels()),
            6 => spoil(&mut batch, 3, 1),
            // 27 and 28 are each other's exclusive or with 7.
            7 => spoil(&mut batch, 64, 7),
            _ => {}
        }
        Some(Payment {
            sender: self.address,
            batch: Some(batch),
            expected_price,
        })
    }

    pub(super) fn crash(&mut self) {
        self.session = self.stored.clone();
    }

    pub(super) fn renew(&mut self, offer: Option<TicketParams>) {
        if let Some(params) = offer {
            *self = Self::new(params);
        }
    }
}

fn spoil(batch: &mut Batch, at: usize, with: u8) {
    for signature in batch
        .tickets
        .iter_mut()
        .filter_map(|ticket| ticket.signature.as_mut())
    {
        signature[at] ^= with;
    }
}
