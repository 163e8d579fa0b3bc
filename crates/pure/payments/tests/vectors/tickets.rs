//! Tickets themselves.

use alloy_primitives::{B256, U256};
use serde_json::Value;
use streamflow_payments::{CreationRound, Ticket, WinProb};
use streamflow_types::Address;
use streamflow_wire::signature;

fn vectors() -> Value {
    let text = include_str!("../../../../../tests/vectors/ticket.json");
    serde_json::from_str(text).expect("vectors are JSON")
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("hex text")).expect("hex")
}

fn hash(value: &Value) -> B256 {
    B256::from_slice(&bytes(value))
}

fn number(value: &Value) -> U256 {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned);
    text.parse().expect("a number")
}

fn ticket(value: &Value) -> Ticket {
    let address = |name: &str| -> Address {
        let text = value[name].as_str().expect("an address");
        Address::parse(text).expect("an address")
    };
    Ticket {
        recipient: address("recipient"),
        sender: address("sender"),
        face_value: number(&value["face_value"]),
        win_prob: WinProb(number(&value["win_prob"])),
        sender_nonce: u32::try_from(number(&value["sender_nonce"])).expect("32 bits"),
        recipient_rand_hash: hash(&value["recipient_rand_hash"]),
        creation: CreationRound {
            round: value["creation_round"].as_u64().expect("a number"),
            block_hash: hash(&value["creation_round_block_hash"]),
        },
    }
}

#[test]
fn hashes_are_those_of_the_network() {
    let vectors = vectors();
    let cases = vectors["ticket_hash"].as_array().expect("a list");
    let signed = vectors["signed_tickets"].as_array().expect("a list");
    assert!(cases.len() + signed.len() >= 4);
    for case in cases.iter().chain(signed) {
        let found = ticket(&case["ticket"]).hash();
        assert_eq!(found, hash(&case["ticket_hash"]), "{case}");
    }
}

#[test]
fn aux_data_is_that_of_the_network() {
    let vectors = vectors();
    for case in vectors["aux_data"].as_array().expect("a list") {
        let creation = CreationRound {
            round: case["creation_round"].as_u64().expect("a number"),
            block_hash: hash(&case["creation_round_block_hash"]),
        };
        assert_eq!(creation.aux_data(), bytes(&case["aux_data"]));
    }
}

#[test]
fn signatures_are_the_senders_and_winners_are_those_of_the_network() {
    let vectors = vectors();
    let mut wins = [0, 0];
    for list in ["signed_tickets", "win_decision_half_probability"] {
        for case in vectors[list].as_array().expect("a list") {
            let ticket = ticket(&case["ticket"]);
            let signed = bytes(&case["signature"]);
            signature::verify_message(ticket.sender, &ticket.hash().0, &signed)
                .expect("the sender's");
            if let Some(wanted) = case["wins"].as_bool() {
                let rand = number(&case["recipient_rand"]);
                assert_eq!(
                    ticket.wins(&signed.try_into().expect("65 bytes"), rand),
                    wanted,
                    "{case}"
                );
                wins[usize::from(wanted)] += 1;
            }
        }
    }
    assert!(wins[0] + wins[1] > 0, "no vector decides");
}

#[test]
fn the_draw_is_over_the_signature_and_the_number() {
    let vectors = vectors();
    let raw = &vectors["win_value_raw"];
    // A draw of other bytes than a signature: the formula alone.
    let mut message = raw["signature_bytes_ascii"]
        .as_str()
        .expect("text")
        .as_bytes()
        .to_vec();
    message.extend_from_slice(&number(&raw["recipient_rand"]).to_be_bytes::<32>());
    assert_eq!(
        alloy_primitives::keccak256(message),
        hash(&raw["win_value"])
    );
}
