//! Signatures, tokens, prices.

use alloy_primitives::U256;
use serde_json::Value;
use streamflow_types::{Address, SessionId};
use streamflow_wire::price::{Ratio, advertised, unadjusted};
use streamflow_wire::result::{message_of_hashes, verify_hashes};
use streamflow_wire::signature::{
    SecretKey, address_of, keccak, personal_digest, recover_message, sign, sign_message,
};
use streamflow_wire::token::token_bytes;

use super::json::{bytes, file, message32, number, rows, text};

pub(crate) fn key(file: &Value, name: &str) -> SecretKey {
    let key = SecretKey::from_slice(&bytes(&file["keys"][name], "private_key")).unwrap();
    assert_eq!(
        address_of(&key).to_string(),
        text(&file["keys"][name], "address")
    );
    key
}

#[test]
fn tokens_are_made_as_the_network_makes_them() {
    for row in rows(&file("auth_token")["vectors"]) {
        let session = SessionId::new(text(row, "session_id")).unwrap();
        let token = token_bytes(&bytes(row, "secret"), &session, number(&row["expiration"]));
        assert_eq!(hex::encode(token), text(row, "token"), "{row}");
    }
}

#[test]
fn signers_are_recovered_and_other_forms_refused() {
    let file = file("signatures");
    for row in rows(&file["recover_ok"]) {
        let message = message32(row, "message");
        assert_eq!(personal_digest(&message), message32(row, "personal_digest"));
        let signer = recover_message(&message, &bytes(row, "signature")).unwrap();
        assert_eq!(signer, Address::parse(text(row, "address")).unwrap());
    }
    for row in rows(&file["reject"]) {
        let recovered = recover_message(&message32(row, "message"), &bytes(row, "signature"));
        assert_ne!(
            recovered,
            Ok(Address::parse(text(row, "address")).unwrap()),
            "{row}"
        );
        assert!(recovered.is_err(), "{row}");
    }
}

#[test]
fn application_bytes_are_hashed_twice_and_signed() {
    let file = file("signatures");
    let keys: Vec<_> = ["account0", "account1"]
        .iter()
        .map(|name| key(&file, name))
        .collect();
    for row in rows(&file["signed"]) {
        let preimage = bytes(row, "preimage");
        assert_eq!(keccak(&preimage), message32(row, "message32"));
        let signer = Address::parse(text(row, "signer")).unwrap();
        let key = keys.iter().find(|key| address_of(key) == signer).unwrap();
        assert_eq!(
            hex::encode(sign(key, &preimage)),
            text(row, "signature"),
            "{row}"
        );
    }
}

#[test]
fn results_are_signed_over_the_hash_of_their_hashes() {
    let file = file("signatures");
    let row = &file["transcode_result_sig"];
    let hashes: Vec<_> = rows(&row["renditions"])
        .iter()
        .map(|rendition| keccak(&hex::decode(rendition.as_str().unwrap()).unwrap()))
        .collect();
    assert_eq!(message_of_hashes(&hashes), message32(row, "message32"));
    let signature = bytes(row, "signature");
    let signer = Address::parse(text(row, "signer")).unwrap();
    verify_hashes(signer, &hashes, &signature).unwrap();
    assert!(verify_hashes(Address::ZERO, &hashes, &signature).is_err());
    let key = key(&file, "account1");
    assert_eq!(
        sign_message(&key, &message_of_hashes(&hashes)).to_vec(),
        signature
    );
}

#[test]
fn prices_are_advertised_with_their_overhead_in_thousandths() {
    let side = |value: &Value| {
        value.as_str().map_or_else(
            || U256::from(value.as_u64().unwrap()),
            |v| v.parse().unwrap(),
        )
    };
    let ratio = |value: &Value| Ratio::new(side(&value[0]), side(&value[1])).unwrap();
    let file = file("payment_math");
    let more = rows(&file["advertised_price_more"]).iter();
    for row in rows(&file["advertised_price"]).iter().chain(more) {
        let base = ratio(&row["base_price"]);
        let found = if row["automatic_adjustment"] == false {
            unadjusted(base).map_err(|error| error.to_string())
        } else {
            Ok(advertised(base, ratio(&row["tx_cost_multiplier"])))
        };
        match found {
            Ok(found) => {
                let expected = (
                    number(&row["price_per_unit"]),
                    number(&row["pixels_per_unit"]),
                );
                assert_eq!(
                    (found.price_per_unit, found.pixels_per_unit),
                    expected,
                    "{row}"
                );
            }
            Err(error) => assert_eq!(error, text(row, "error"), "{row}"),
        }
    }
}
