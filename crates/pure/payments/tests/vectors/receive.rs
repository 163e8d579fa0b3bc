//! Tickets a recipient takes and refuses.

use serde_json::Value;
use streamflow_payments::{
    Batch, Encoding, Nonces, Payment, Receipt, ReceiveView, Recipient, RecipientSecret,
    SenderFunds, SignedNonce, TicketError, TicketParams,
};
use streamflow_types::Address;
use streamflow_wire::signature::{SIGNATURE_BYTES, sign_message};

use super::fields::*;

pub(crate) fn recipient(file: &Value, encoding: Encoding) -> Recipient {
    let secret = bytes(&file["recipient_secret"]).try_into().unwrap();
    Recipient::new(
        address(&file["keys"]["account1"]["address"]),
        RecipientSecret::with_encoding(secret, encoding),
        Nonces::default(),
    )
}

/// A sender with plenty.
pub(crate) fn rich(withdraw_round: u64) -> SenderFunds {
    let ether = 1_000_000_000_000_000_000u64;
    SenderFunds {
        deposit: alloy_primitives::U256::from(ether),
        reserve_remaining: alloy_primitives::U256::from(ether),
        withdraw_round,
        pool_size: 1,
        ..SenderFunds::default()
    }
}

pub(crate) fn view<'a>(
    last_block: u64,
    last_round: u64,
    funds: Result<&'a SenderFunds, &'a str>,
) -> ReceiveView<'a> {
    ReceiveView {
        last_block,
        last_round,
        funds,
        pending: alloy_primitives::U256::ZERO,
        min_face_value: alloy_primitives::U256::ZERO,
        is_revealed: &|_| false,
    }
}

fn payment(row: &Value, tickets: Vec<SignedNonce>) -> Payment {
    let creation = creation(row, "");
    let params = TicketParams {
        recipient: address(&row["recipient"]),
        face_value: number(&row["face_value"]),
        win_prob: win_prob(row),
        recipient_rand_hash: hash(&row["recipient_rand_hash"]),
        seed: alloy_primitives::U256::try_from_be_slice(&bytes(&row["seed"])).unwrap(),
        expiration_block: small(&row["expiration_block"]),
        creation: None,
    };
    Payment {
        sender: address(&row["sender"]),
        batch: Some(Batch {
            params,
            creation,
            tickets,
        }),
        expected_price: price(&row["price"]),
    }
}

fn recorded(row: &Value) -> Payment {
    let signature = Some(bytes(&row["signature"]).try_into().unwrap());
    let nonce = small(&row["sender_nonce"]) as u32;
    payment(row, vec![SignedNonce { nonce, signature }])
}

fn receive(row: &Value, recipient: &mut Recipient, payment: &Payment) -> Receipt {
    let funds = rich(small(&row["withdraw_round"]));
    let funds = row["sender_info_error"].as_str().map_or(Ok(&funds), Err);
    let view = view(
        small(&row["last_seen_l1_block"]),
        small(&row["last_initialized_round"]),
        funds,
    );
    recipient.receive(payment, &view)
}

#[test]
fn tickets_are_taken_and_refused_as_recorded() {
    let file = file("ticket_errors");
    for row in rows(&file["receive"]) {
        // With a key that is known, and with one that is not.
        for is_known in [false, true] {
            let mut recipient = recipient(&file, Encoding::Minimal);
            if is_known {
                let mut before = file["receive"][0].clone();
                before["sender_nonce"] = "2".into();
                let mut before = recorded(&before);
                let sender = before.sender;
                let batch = before.batch.as_mut().unwrap();
                let hash = batch.ticket(sender, 2).hash().0;
                batch.tickets[0].signature = Some(sign_message(&key(&file, "account0"), &hash));
                assert_eq!(
                    receive(&file["receive"][0], &mut recipient, &before).good,
                    1
                );
            }
            let receipt = receive(row, &mut recipient, &recorded(row));
            let error = receipt
                .error
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert_eq!(error, row["error"].as_str().unwrap(), "{row}");
            let is_fatal = receipt.error.as_ref().is_some_and(TicketError::is_fatal);
            assert_eq!(is_fatal, row["fatal"].as_bool().unwrap(), "{row}");
            assert_eq!(!receipt.winners.is_empty(), row["won"] == true, "{row}");
            assert_eq!(receipt.good == 1, error.is_empty());
            assert_eq!(receipt.credit.is_zero(), !error.is_empty());
        }
    }
}

#[test]
fn our_own_numbers_are_not_those_of_others() {
    // On purpose: with the same secret, parameters of the recorded encoding are not ours.
    let file = file("ticket_errors");
    let row = &file["receive"][0];
    let mut ours = recipient(&file, Encoding::Fixed);
    let receipt = receive(row, &mut ours, &recorded(row));
    assert_eq!(receipt.error, Some(TicketError::Rand));
}

fn signed(file: &Value, nonce: u32, is_valid: bool) -> Payment {
    let mut payment = payment(&file["receive"][0], vec![]);
    let sender: Address = payment.sender;
    let batch = payment.batch.as_mut().unwrap();
    let mut signature = sign_message(
        &key(file, "account0"),
        &batch.ticket(sender, nonce).hash().0,
    );
    if !is_valid {
        signature[3] ^= 1;
    }
    batch.tickets.push(SignedNonce {
        nonce,
        signature: Some(signature),
    });
    payment
}

#[test]
fn numbers_are_good_once() {
    let file = file("ticket_errors");
    for sequence in rows(&file["nonce_sequences"]) {
        let mut recipient = recipient(&file, Encoding::Minimal);
        let mut last = 0u64;
        for step in rows(&sequence["steps"]) {
            let nonce = small(&step["sender_nonce"]);
            let mut row = file["receive"][0].clone();
            if !step["last_seen_l1_block"].is_null() {
                row["last_seen_l1_block"] = step["last_seen_l1_block"].clone();
            }
            // Steps that are not listed were all accepted.
            let is_counting = sequence["case"].as_str().unwrap().contains("1 to 602");
            if is_counting && nonce > last + 1 {
                for between in last + 1..nonce {
                    let payment = signed(&file, between as u32, true);
                    assert_eq!(receive(&row, &mut recipient, &payment).error, None);
                }
            }
            let payment = signed(&file, nonce as u32, step["signature_valid"] != false);
            let receipt = receive(&row, &mut recipient, &payment);
            let error = receipt
                .error
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert_eq!(error, step["error"].as_str().unwrap(), "{step}");
            last = last.max(nonce);
        }
    }
}

#[test]
fn a_known_key_vouches_for_one_draw_whatever_v_says() {
    // A sender that always sends the wrong v would otherwise never lose a draw.
    let file = file("ticket_errors");
    let row = rows(&file["receive"])
        .iter()
        .find(|row| row["won"] == true)
        .unwrap();
    let mut ours = recipient(&file, Encoding::Minimal);
    let first = &file["receive"][0];
    assert_eq!(receive(first, &mut ours, &recorded(first)).good, 1);
    let mut payment = recorded(row);
    let right = payment.batch.as_ref().unwrap().tickets[0]
        .signature
        .unwrap();
    let wrong: &mut [u8; SIGNATURE_BYTES] = payment.batch.as_mut().unwrap().tickets[0]
        .signature
        .as_mut()
        .unwrap();
    wrong[64] = 27 + 28 - wrong[64];
    let receipt = receive(row, &mut ours, &payment);
    assert_eq!(receipt.winners[0].signature, right);
    // Nobody knows the key yet: it is refused like any other wrong signature.
    let mut fresh = recipient(&file, Encoding::Minimal);
    let refused = receive(row, &mut fresh, &payment);
    assert_eq!(
        (refused.error, refused.winners.len()),
        (Some(TicketError::Signature), 0)
    );
}

#[test]
fn neither_public_numbers_nor_uncovered_winners_are_drawn() {
    let file = file("ticket_errors");
    let row = rows(&file["receive"])
        .iter()
        .find(|row| row["won"] == true)
        .unwrap();
    let (block, round) = (
        small(&row["last_seen_l1_block"]),
        small(&row["last_initialized_round"]),
    );
    let funds = rich(0);
    let mut poor = funds;
    poor.reserve_remaining = number(&row["face_value"]) - alloy_primitives::U256::ONE;
    let open = view(block, round, Ok(&funds));
    let floor = number(&row["face_value"]) + alloy_primitives::U256::ONE;
    for (view, wanted) in [
        (
            ReceiveView {
                is_revealed: &|_| true,
                ..open
            },
            TicketError::Revealed,
        ),
        (
            ReceiveView {
                funds: Ok(&poor),
                ..open
            },
            TicketError::InsufficientReserve,
        ),
        (
            ReceiveView {
                min_face_value: floor,
                ..open
            },
            TicketError::InsufficientReserve,
        ),
    ] {
        let receipt = recipient(&file, Encoding::Minimal).receive(&recorded(row), &view);
        assert_eq!(
            (receipt.error, receipt.winners.len(), receipt.good),
            (Some(wanted), 0, 0)
        );
    }
}
