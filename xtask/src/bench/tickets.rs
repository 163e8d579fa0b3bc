//! What a ticket costs: all of its validation against one recovery of a public key, and all of its
//! making against one signature, in turns in one thread. The recovery and the signature are those of
//! libsecp256k1, the fastest there is; they are the limit because no ticket can be judged without
//! looking at its signature once.
//!
//! A sender's key is known from its second ticket on and then only verified, which costs less than a
//! recovery: that pays for the hashes.

use std::time::{Duration, Instant};

use alloy_primitives::U256;
use anyhow::{Context, ensure};
use clap::Args;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, SECP256K1};

use streamflow_payments::sender::TicketSession;
use streamflow_payments::{
    Batch, CreationRound, Nonces, Payment, QuoteSettings, QuoteView, ReceiveView, Recipient,
    RecipientSecret, Rounds, SenderFunds,
};
use streamflow_types::{Address, PricePerPixel};
use streamflow_wire::signature::{SecretKey, address_of, personal_digest};

use super::Figure;

/// Our share of the limit's speed: the goal.
const GOAL: f64 = 0.95;

/// Tickets of a payment, as one segment takes them.
const BATCH: u32 = 20;

/// Payments with one set of parameters.
const PAYMENTS: u32 = 20;

/// How much is measured.
#[derive(Args)]
pub(super) struct Arguments {
    /// Turns; the median of their ratios counts.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Tickets in a turn, in steps of 400.
    #[arg(long, default_value_t = 2_000)]
    tickets: u32,
}

/// Nanoseconds a ticket.
#[derive(Clone, Copy)]
struct Turn {
    validate: f64,
    recover: f64,
    make: f64,
    sign: f64,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Figure> {
    ensure!(arguments.rounds > 0, "--rounds must be at least 1");
    let sets = arguments.tickets.div_ceil(BATCH * PAYMENTS).max(1);
    let work = Work::new(sets)?;
    println!(
        "{} tickets a turn, {BATCH} in a payment; ns a ticket",
        sets * BATCH * PAYMENTS
    );
    println!("turn  validate   recover  of limit      make      sign  of limit");
    let mut turns = Vec::new();
    for index in 1..=arguments.rounds {
        let turn = work.turn()?;
        println!(
            "{index:>4}{:>10.0}{:>10.0}{:>10.3}{:>10.0}{:>10.0}{:>10.3}",
            turn.validate,
            turn.recover,
            turn.recover / turn.validate,
            turn.make,
            turn.sign,
            turn.sign / turn.make
        );
        turns.push(turn);
    }
    let (validation, spread) = median(turns.iter().map(|turn| turn.recover / turn.validate));
    let (making, _) = median(turns.iter().map(|turn| turn.sign / turn.make));
    let per_second = 1e9 / median(turns.iter().map(|turn| turn.validate)).0;
    println!(
        "validation at {validation:.3} of the limit, {per_second:.0} tickets a second and core; \
         signing at {making:.3}; goal {GOAL}"
    );
    // The slower of the two, as time over the limit's.
    Ok(Figure {
        name: "time of a ticket over one recovery or signature",
        ours: 1.0 / validation.min(making),
        limit: 1.0 / GOAL,
        n: arguments.rounds,
        spread,
    })
}

/// Payments of one sender, and what is in them.
struct Work {
    key: SecretKey,
    us: Address,
    secret: RecipientSecret,
    view: QuoteView,
    payments: Vec<Payment>,
    sessions: Vec<TicketSession>,
    /// Digest and signature of every ticket.
    raw: Vec<(Message, RecoverableSignature)>,
}

impl Work {
    fn new(sets: u32) -> anyhow::Result<Self> {
        let key = SecretKey::from_slice(&[7; 32]).context("no key")?;
        let (us, sender) = (Address::new([2; 20]), address_of(&key));
        let price = PricePerPixel::new(303, 250.try_into().context("zero")?);
        let secret = RecipientSecret::new([9; 32]);
        let last = CreationRound {
            round: 3_456,
            block_hash: [5; 32].into(),
        };
        let view = QuoteView {
            gas_price: U256::from(100_000_000u64),
            max_float: funds().max_float(U256::ZERO),
            last_block: 21_000_000,
            rounds: Rounds {
                last,
                previous_block_hash: [4; 32].into(),
                confirmations: 10,
            },
        };
        let (mut payments, mut sessions, mut raw) = (Vec::new(), Vec::new(), Vec::new());
        for seed in 1..=sets {
            let settings = QuoteSettings::default();
            let params = settings.offer(&secret, us, sender, price, U256::from(seed), &view)?;
            let mut session = TicketSession::new(sender, params, last);
            sessions.push(session.clone());
            for _ in 0..PAYMENTS {
                let taken = session.take_nonces(BATCH)?;
                let batch = session.sign(&taken, &key);
                raw.extend(raw_tickets(sender, &batch)?);
                payments.push(Payment {
                    sender,
                    batch: Some(batch),
                    expected_price: price,
                });
            }
        }
        Ok(Self {
            key,
            us,
            secret,
            view,
            payments,
            sessions,
            raw,
        })
    }

    fn turn(&self) -> anyhow::Result<Turn> {
        let each = |time: Duration| time.as_secs_f64() * 1e9 / self.raw.len() as f64;
        Ok(Turn {
            validate: each(self.validate()?),
            recover: each(self.recover()?),
            make: each(self.make()?),
            sign: each(self.sign()),
        })
    }

    /// All an orchestrator does with tickets: seal, hash, signature, number, expiry, risk, draw.
    fn validate(&self) -> anyhow::Result<Duration> {
        let mut recipient = Recipient::new(self.us, self.secret.clone(), Nonces::default());
        let funds = funds();
        let view = ReceiveView {
            last_block: self.view.last_block,
            last_round: self.view.rounds.last.round,
            funds: Ok(&funds),
            pending: U256::ZERO,
            min_face_value: U256::ONE,
            is_revealed: &|_| false,
        };
        let began = Instant::now();
        for payment in &self.payments {
            let receipt = recipient.receive(payment, &view);
            ensure!(
                receipt.good == BATCH,
                "a good ticket was refused: {:?}",
                receipt.error
            );
        }
        Ok(began.elapsed())
    }

    fn recover(&self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        for (digest, signature) in &self.raw {
            std::hint::black_box(SECP256K1.recover_ecdsa(digest, signature)?);
        }
        Ok(began.elapsed())
    }

    fn make(&self) -> anyhow::Result<Duration> {
        let mut sessions = self.sessions.clone();
        let began = Instant::now();
        for session in &mut sessions {
            for _ in 0..PAYMENTS {
                let taken = session.take_nonces(BATCH)?;
                std::hint::black_box(session.sign(&taken, &self.key));
            }
        }
        Ok(began.elapsed())
    }

    fn sign(&self) -> Duration {
        let began = Instant::now();
        for (digest, _) in &self.raw {
            std::hint::black_box(SECP256K1.sign_ecdsa_recoverable(digest, &self.key));
        }
        began.elapsed()
    }
}

fn raw_tickets(
    sender: Address,
    batch: &Batch,
) -> anyhow::Result<Vec<(Message, RecoverableSignature)>> {
    let one = |nonce, signature: [u8; 65]| {
        let digest = personal_digest(&batch.ticket(sender, nonce).hash().0);
        let id = RecoveryId::try_from(i32::from(signature[64]) - 27)?;
        let signature = RecoverableSignature::from_compact(&signature[..64], id)?;
        anyhow::Ok((Message::from_digest(digest), signature))
    };
    batch
        .tickets
        .iter()
        .map(|ticket| one(ticket.nonce, ticket.signature.context("signed")?))
        .collect()
}

/// A sender with plenty.
fn funds() -> SenderFunds {
    let ether = U256::from(1_000_000_000_000_000_000u64);
    SenderFunds {
        deposit: ether,
        reserve_remaining: ether,
        pool_size: 1,
        ..SenderFunds::default()
    }
}

/// The median, and how far the farthest is from it, as a part of it.
fn median(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    let middle = at(sorted.len() / 2);
    let farthest = (middle - at(0)).max(at(sorted.len().saturating_sub(1)) - middle);
    (middle, farthest / middle)
}
