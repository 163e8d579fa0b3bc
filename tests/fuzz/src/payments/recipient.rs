//! An orchestrator that is paid, dies at any point, comes back from its disk, and redeems.

use std::collections::BTreeMap;
use std::time::Duration;

use alloy_primitives::{B256, U256};
use streamflow_payments::outbox::{
    FINAL_BLOCKS, Facts, GasPolicy, Outbox, Row, SenderStanding, State, preflight,
};
use streamflow_payments::{
    Amount, Books, JobId, Nonces, Payment, QuoteSettings, QuoteView, ReceiveView, Recipient,
    RecipientSecret, TicketParams,
};
use streamflow_types::{Address, Pixels, PricePerPixel};
use streamflow_wire::signature::address_of;

use super::chain::Chain;
use super::oracle::Oracle;
use super::sender;

/// The price of all work.
pub(super) const PRICE: PricePerPixel =
    PricePerPixel::new(7, std::num::NonZeroU64::new(3).expect("three"));

/// Wei for a unit of gas.
const GAS_PRICE: U256 = U256::ONE;

const NOW: Duration = Duration::ZERO;

/// Where the node dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crash {
    Never,
    BeforeStore,
    AfterStore,
}

impl Crash {
    pub(super) const fn of(argument: u8) -> Self {
        match argument % 8 {
            6 => Self::BeforeStore,
            7 => Self::AfterStore,
            _ => Self::Never,
        }
    }
}

/// What outlives the process.
#[derive(Default, Clone)]
pub(super) struct Disk {
    nonces: Nonces,
    account: Option<(Amount, PricePerPixel)>,
    pub(super) rows: BTreeMap<B256, Row>,
}

pub(super) struct RecipientNode {
    pub(super) disk: Disk,
    recipient: Recipient,
    pub(super) books: Books,
    pub(super) outbox: Outbox,
    jobs: u64,
}

fn address() -> Address {
    Address::new([2; 20])
}

pub(super) fn account_key() -> (Address, String) {
    (address_of(&sender::key()), "f1405ced".to_owned())
}

fn settings() -> QuoteSettings {
    QuoteSettings {
        required_ev: U256::from(250),
        redeem_gas: 10,
        face_value_cap: None,
    }
}

fn secret() -> RecipientSecret {
    RecipientSecret::new([0x22; 32])
}

impl RecipientNode {
    pub(super) fn new() -> Self {
        Self::from_disk(Disk::default())
    }

    fn from_disk(disk: Disk) -> Self {
        let mut books = Books::default();
        if let Some((balance, price)) = disk.account.clone() {
            books
                .restore(NOW, account_key(), balance, Some(price))
                .expect("one account");
        }
        let mut outbox = Outbox::default();
        disk.rows
            .values()
            .for_each(|row| outbox.restore(row.clone()));
        let recipient = Recipient::new(address(), secret(), disk.nonces.clone());
        Self {
            disk,
            recipient,
            books,
            outbox,
            jobs: 0,
        }
    }

    pub(super) fn crash(&mut self) {
        *self = Self::from_disk(std::mem::take(&mut self.disk));
    }

    pub(super) fn offer(&self, chain: &Chain, seed: u8) -> TicketParams {
        self.try_offer(chain, seed).expect("a rich sender")
    }

    pub(super) fn try_offer(&self, chain: &Chain, seed: u8) -> Option<TicketParams> {
        let sender = account_key().0;
        let view = QuoteView {
            gas_price: GAS_PRICE,
            max_float: chain.funds().max_float(self.outbox.pending(sender)),
            last_block: chain.head(),
            rounds: chain.rounds(),
        };
        let seed = U256::from(seed) + U256::ONE;
        settings()
            .offer(&secret(), address(), sender, PRICE, seed, &view)
            .ok()
    }

    /// A payment comes in. It is acknowledged only after it is stored.
    pub(super) fn receive(
        &mut self,
        chain: &Chain,
        payment: &Payment,
        crash: Crash,
        oracle: &mut Oracle,
    ) {
        let (sender, key) = (payment.sender, account_key());
        if self
            .books
            .check_price(&key, payment.expected_price)
            .is_err()
        {
            return;
        }
        let funds = chain.funds();
        let outbox = &self.outbox;
        let is_revealed = |hash| outbox.is_revealed(hash);
        let view = ReceiveView {
            last_block: chain.head(),
            last_round: chain.round(),
            funds: Ok(&funds),
            pending: outbox.pending(sender),
            min_face_value: U256::ZERO,
            is_revealed: &is_revealed,
        };
        let receipt = self.recipient.receive(payment, &view);
        oracle.judged(payment, &receipt);
        if crash == Crash::BeforeStore {
            return self.crash();
        }
        let mut books = self.books.clone();
        if receipt.good > 0 {
            books
                .credit(NOW, key, &receipt.credit, payment.expected_price)
                .expect("the price was checked");
        }
        for winner in &receipt.winners {
            if self.outbox.add(*winner).expect("few winners") {
                let hash = winner.ticket.hash();
                let row = self.outbox.row(hash).expect("just added").clone();
                self.disk.rows.insert(hash, row);
            }
        }
        self.books = books;
        self.disk.nonces = self.recipient.nonces().clone();
        self.store_account();
        oracle.stored(payment, &receipt);
        if crash == Crash::AfterStore {
            return self.crash();
        }
        oracle.acknowledged(&receipt, &funds, self.outbox.pending(sender));
    }

    fn store_account(&mut self) {
        self.disk.account = self
            .books
            .account(&account_key())
            .and_then(|account| Some((account.balance().clone(), account.price()?)));
    }

    /// A segment is worked on, if it is paid.
    pub(super) fn work(&mut self, argument: u8, oracle: &mut Oracle) {
        let (key, work) = (account_key(), Pixels(u64::from(argument)));
        self.jobs += 1;
        let job = JobId(self.jobs);
        let admitted = self
            .books
            .admit(NOW, &key, job, work, PRICE, settings().required_ev);
        if admitted.is_ok() {
            oracle.worked(work, self.books.account(&key));
            self.books.finish(NOW, &key, job, Some(work));
            self.store_account();
        }
    }

    /// The most urgent winner that is worth it goes out.
    pub(super) fn redeem(&mut self, chain: &mut Chain, oracle: &mut Oracle, crash: Crash) {
        let (head, funds) = (chain.head(), chain.funds());
        let standing = SenderStanding {
            withdraw_round: funds.withdraw_round,
            available: funds.available(U256::ZERO),
        };
        let policy = GasPolicy {
            redeem_gas: 10,
            ..GasPolicy::default()
        };
        let mut under_way = U256::ZERO;
        for hash in self.outbox.due(head, |_| standing) {
            let facts = Facts {
                is_used: chain.used_in(hash).is_some(),
                is_round_initialized: true,
                is_active: true,
                round: chain.round(),
                is_second_half: chain.is_second_half(),
                gas_price: GAS_PRICE,
                funds,
                under_way,
            };
            let row = self.outbox.row(hash).expect("it is due");
            if preflight(row, &policy, &facts).is_err() {
                self.outbox.defer(hash, head + 1);
                continue;
            }
            under_way += row.winner.ticket.face_value;
            assert!(self.outbox.reveal(hash, head), "it is due");
            if crash == Crash::BeforeStore {
                return self.crash();
            }
            let row = self.outbox.row(hash).expect("it is there").clone();
            self.disk.rows.insert(hash, row.clone());
            if crash == Crash::AfterStore {
                return self.crash();
            }
            oracle.revealed(&row.winner);
            chain.submit(row.winner);
        }
    }

    /// Reads the chain from where it last looked.
    pub(super) fn observe(&mut self, chain: &mut Chain, crash: Crash) {
        let (lowest, head) = (chain.look(), chain.head());
        self.outbox.rewind(lowest);
        let rows: Vec<_> = self
            .outbox
            .rows()
            .map(|(hash, row)| (*hash, row.state))
            .collect();
        for (hash, state) in rows {
            match chain.used_in(hash) {
                Some(block) => self.outbox.mined(hash, block),
                None if state == State::Submitted && !chain.is_waiting(hash) => {
                    self.outbox.failed(hash, head);
                }
                None => {}
            }
        }
        let final_round = Chain::round_at(head.saturating_sub(FINAL_BLOCKS));
        self.outbox.settle(head, final_round);
        if crash == Crash::BeforeStore {
            chain.look_again(lowest);
            return self.crash();
        }
        for (hash, row) in self.outbox.rows() {
            self.disk.rows.insert(*hash, row.clone());
        }
        self.recipient.forget(head);
        self.disk.nonces = self.recipient.nonces().clone();
        self.outbox.drop_settled(head);
        if crash == Crash::AfterStore {
            self.crash();
        }
    }
}
