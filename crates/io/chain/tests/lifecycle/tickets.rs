//! Tickets of `streamflow_payments` against the TicketBroker: their hash, whose signature is taken,
//! and which win. With the network's vectors, and with tickets by chance.

use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use serde_json::Value;
use streamflow_payments::{CreationRound, Ticket, WinProb};
use streamflow_types::Address as Account;
use streamflow_wire::signature;

use crate::Broker;
use crate::dice::Dice;
use crate::network::Network;

/// Tickets by chance.
const HASHED: usize = 500;
const DRAWN: usize = 600;

/// Whose tickets are drawn: the account funded nothing, so a winner is told apart from the rest by
/// what is missing.
const SENDER: [u8; 32] = [0x42; 32];

fn solidity(ticket: &Ticket) -> Broker::Ticket {
    Broker::Ticket {
        recipient: Address::from(*ticket.recipient.as_bytes()),
        sender: Address::from(*ticket.sender.as_bytes()),
        faceValue: ticket.face_value,
        winProb: ticket.win_prob.0,
        senderNonce: U256::from(ticket.sender_nonce),
        recipientRandHash: ticket.recipient_rand_hash,
        auxData: ticket.creation.aux_data().into(),
    }
}

fn by_chance(dice: &mut Dice) -> Ticket {
    let account = |dice: &mut Dice| {
        Account::new(
            keccak256(dice.bits().to_be_bytes())[..20]
                .try_into()
                .expect("20 bytes"),
        )
    };
    Ticket {
        recipient: account(dice),
        sender: account(dice),
        face_value: dice.word() >> dice.below(256),
        win_prob: WinProb(dice.word() >> dice.below(256)),
        sender_nonce: dice.bits() as u32,
        recipient_rand_hash: dice.word().into(),
        creation: CreationRound {
            round: dice.bits() >> dice.below(64),
            block_hash: dice.word().into(),
        },
    }
}

/// The tickets of the network's vectors.
fn vectors() -> Vec<Ticket> {
    let text = include_str!("../../../../../tests/vectors/ticket.json");
    let vectors: Value = serde_json::from_str(text).expect("vectors are JSON");
    let lists = [
        "ticket_hash",
        "signed_tickets",
        "win_decision_half_probability",
    ];
    let cases = lists
        .iter()
        .flat_map(|list| vectors[list].as_array().expect("a list"));
    cases.map(|case| from_vector(&case["ticket"])).collect()
}

fn from_vector(value: &Value) -> Ticket {
    let account =
        |name: &str| Account::parse(value[name].as_str().expect("text")).expect("an address");
    let number = |name: &str| -> U256 {
        let text = value[name]
            .as_str()
            .map_or_else(|| value[name].to_string(), str::to_owned);
        text.parse().expect("a number")
    };
    let hash = |name: &str| {
        let text = value[name].as_str().expect("text");
        B256::from_slice(&hex::decode(text).expect("hex"))
    };
    Ticket {
        recipient: account("recipient"),
        sender: account("sender"),
        face_value: number("face_value"),
        win_prob: WinProb(number("win_prob")),
        sender_nonce: number("sender_nonce").to(),
        recipient_rand_hash: hash("recipient_rand_hash"),
        creation: CreationRound {
            round: number("creation_round").to(),
            block_hash: hash("creation_round_block_hash"),
        },
    }
}

#[tokio::test]
async fn our_hashes_are_the_brokers() {
    let network = Network::start(1, 0).await;
    let mut dice = Dice::new(1);
    let known = vectors();
    assert!(known.len() >= 6, "{} vectors", known.len());
    let random = (0..HASHED).map(|_| by_chance(&mut dice));
    for ticket in known.into_iter().chain(random) {
        let call = Broker::getTicketHashCall {
            ticket: solidity(&ticket),
        };
        assert_eq!(
            network.read("TicketBroker", call),
            ticket.hash(),
            "{ticket:?}"
        );
    }
}

#[tokio::test]
async fn our_verdicts_on_signatures_and_draws_are_the_brokers() {
    let mut network = Network::start(1, 0).await;
    network.next_round();
    let (round, block_hash) = network.creation();
    let creation = CreationRound {
        round: round.to(),
        block_hash,
    };
    let key = signature::SecretKey::from_byte_array(&SENDER).expect("a key");
    let mut dice = Dice::new(2);
    let mut verdicts = [0; 3];
    for _ in 0..DRAWN {
        let rand = dice.word();
        let ticket = Ticket {
            sender: signature::address_of(&key),
            face_value: U256::from(1),
            recipient_rand_hash: keccak256(rand.to_be_bytes::<32>()),
            creation,
            // Even odds, so that neither side of the draw is rare.
            win_prob: WinProb(if dice.percent(90) {
                U256::MAX >> 1
            } else {
                dice.word()
            }),
            ..by_chance(&mut dice)
        };
        let mut signed = signature::sign_message(&key, &ticket.hash().0).to_vec();
        damage(&mut signed, &mut dice);
        let call = Broker::redeemWinningTicketCall {
            ticket: solidity(&ticket),
            sig: Bytes::copy_from_slice(&signed),
            recipientRand: rand,
        };
        let by_contract = network.call("TicketBroker", call);
        let by_contract = by_contract.expect_err("nobody funded it");
        let taken = signature::verify_message(ticket.sender, &ticket.hash().0, &signed).is_ok();
        let drawn = signed.as_slice().try_into();
        let wanted = match (taken, drawn.map(|signed| ticket.wins(signed, rand))) {
            (false, _) | (true, Err(_)) => Verdict::Refused,
            (true, Ok(false)) => Verdict::Lost,
            (true, Ok(true)) => Verdict::Won,
        };
        let found = Verdict::of(&by_contract);
        let shown = hex::encode(&signed);
        assert_eq!(found, wanted, "{by_contract}: {ticket:?} signed {shown}");
        verdicts[wanted as usize] += 1;
    }
    assert!(verdicts.iter().all(|count| *count > 50), "{verdicts:?}");
}

/// What comes of a ticket whose sender funded nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// The signature is not the sender's.
    Refused,
    Lost,
    Won,
}

impl Verdict {
    /// By what the contract says when it reverts.
    fn of(reason: &str) -> Self {
        let says = |text| reason.contains(text);
        if says("ticket did not win") {
            Self::Lost
        } else if says("sender deposit and reserve are zero") {
            Self::Won
        } else {
            let known = ["invalid signature", "INVALID_SIGNATURE_LENGTH"];
            assert!(known.iter().any(|known| says(known)), "{reason}");
            Self::Refused
        }
    }
}

/// Most stay as they are; the rest get what strangers try.
fn damage(signed: &mut Vec<u8>, dice: &mut Dice) {
    match dice.below(10) {
        0 => {
            let place = dice.below(64) as usize;
            signed[place] ^= 1 << dice.below(8);
        }
        // The other number for the same point.
        1 => signed[64] ^= 7,
        2 => signed[64] = dice.bits() as u8,
        // The mirrored signature, which names the same signer.
        3 => {
            let order = hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
            let s = U256::from_be_slice(&signed[32..64]);
            let mirrored = U256::from_be_bytes(order) - s;
            signed[32..64].copy_from_slice(&mirrored.to_be_bytes::<32>());
            signed[64] = 55 - signed[64];
        }
        // As its number comes without 27.
        4 => signed[64] -= 27,
        5 => signed.truncate(64),
        _ => {}
    }
}
