//! Quotes and floats.

use alloy_primitives::{I256, U256};
use streamflow_payments::purchase::{PlannedRendition, Purse, estimated_work, fee_estimate};
use streamflow_payments::{
    Amount, Encoding, QuoteSettings, QuoteView, RecipientSecret, Rounds, Terms, rand_hash,
};
use streamflow_types::PricePerPixel;
use streamflow_wire::price::{Ratio, advertised};

use super::fields::*;

fn secret(value: &serde_json::Value, encoding: Encoding) -> RecipientSecret {
    RecipientSecret::with_encoding(bytes(value).try_into().unwrap(), encoding)
}

#[test]
fn random_numbers_come_from_the_terms() {
    for row in rows(&file("payment_math")["recipient_rand"]) {
        let terms = Terms {
            seed: U256::try_from_be_slice(&bytes(&row["seed"])).unwrap(),
            sender: address(&row["sender"]),
            face_value: number(&row["face_value"]),
            win_prob: win_prob(row),
            expiration_block: small(&row["params_expiration_block"]),
            price: PricePerPixel::new(
                small(&row["price_numerator"]),
                small(&row["price_denominator"]).try_into().unwrap(),
            ),
            creation: creation(row, ""),
        };
        let rand = secret(&row["secret"], Encoding::Minimal).rand(&terms);
        assert_eq!(rand, U256::from_be_slice(&bytes(&row["recipient_rand"])));
        assert_eq!(rand_hash(rand), hash(&row["recipient_rand_hash"]));
        // On purpose: our own numbers come from an encoding without ambiguity.
        assert_ne!(secret(&row["secret"], Encoding::Fixed).rand(&terms), rand);
    }
}

fn settings(row: &serde_json::Value) -> QuoteSettings {
    let cap = row
        .get("max_face_value_cap")
        .map(number)
        .filter(|cap| !cap.is_zero());
    QuoteSettings {
        required_ev: number(&row["ev"]),
        redeem_gas: row.get("redeem_gas").map_or(1, small),
        face_value_cap: cap,
    }
}

#[test]
fn chances_make_tickets_worth_what_is_required() {
    let file = file("payment_math");
    let mut rounded_up = 0;
    for row in rows(&file["win_prob"])
        .iter()
        .chain(rows(&file["win_prob_more"]))
    {
        let face = number(&row["face_value"]);
        let found = settings(row).win_prob(face);
        if row["note"]
            .as_str()
            .is_some_and(|note| note.contains("rounded down"))
        {
            // On purpose: our tickets are never worth less than required.
            assert_eq!(found.0, win_prob(row).0 + number(&row["ev"]));
            assert!(Amount::of_ticket(face, found) > Amount::wei(number(&row["ev"])));
            rounded_up += 1;
            continue;
        }
        assert_eq!(found, win_prob(row), "{row}");
        let worth = Amount::of_ticket(face, found);
        match row["ticket_ev_compared_with_ev"].as_str() {
            Some("above") => assert!(worth > amount(&row["ev"])),
            Some("equal") => assert_eq!(worth, amount(&row["ev"])),
            other => assert_eq!(other, None),
        }
    }
    assert_eq!(rounded_up, 2);
}

#[test]
fn face_values_cover_their_redemption() {
    for row in rows(&file("payment_math")["face_value"]) {
        assert_eq!(small(&row["tx_cost_multiplier"]), 100);
        let max_float = I256::try_from(number(&row["max_float"])).unwrap_or(I256::MAX);
        let found = settings(row).face_value(number(&row["gas_price"]), max_float);
        let found = found.map_or_else(|error| error.to_string(), |face| face.to_string());
        assert_eq!(found, text(&row["result"]), "{row}");
    }
}

#[test]
fn tickets_are_worth_their_share() {
    for row in rows(&file("payment_math")["ticket_ev"]) {
        let worth = Amount::of_ticket(number(&row["face_value"]), win_prob(row));
        let half = "1/2".parse().unwrap();
        assert_eq!(
            (worth + &half).wei_down(),
            number(&row["ev_rounded_to_integer"])
        );
    }
}

#[test]
fn floats_are_those_of_the_network() {
    let file = file("payment_math");
    for row in rows(&file["max_float"])
        .iter()
        .chain(rows(&file["max_float_more"]))
    {
        let found = funds(row).max_float(number(&row["pending_amount"]));
        assert_eq!(found.to_string(), text(&row["max_float"]), "{row}");
    }
}

#[test]
fn work_is_estimated_and_its_fee_with_a_margin() {
    for row in rows(&file("payment_math")["fee_estimate"]["cases"]) {
        let renditions: Vec<_> = rows(&row["profiles"])
            .iter()
            .map(|one| PlannedRendition {
                width: small(&one["width"]) as u32,
                height: small(&one["height"]) as u32,
                fps: small(&one["fps"]) as u32,
                fps_den: small(&one["fps_den"]) as u32,
            })
            .collect();
        let duration = std::time::Duration::from_secs_f64(row["duration_s"].as_f64().unwrap());
        let work = estimated_work(&renditions, duration);
        assert_eq!(work.0, small(&row["estimated_pixels"]));
        let price = PricePerPixel::new(small(&row["price_wei_per_pixel"]), 1.try_into().unwrap());
        let fee = format!("{}/{}", text(&row["fee"][0]), text(&row["fee"][1]));
        assert_eq!(fee_estimate(work, price), fee.parse().unwrap());
    }
}

#[test]
fn payments_are_staged_from_credit_and_tickets() {
    let file = file("payment_math");
    for row in rows(&file["stage_update"])
        .iter()
        .chain(rows(&file["stage_update_more"]))
    {
        let mut purse = Purse::new(amount(&row["existing_credit"]));
        let value = (!row["ticket_ev"].is_null()).then(|| amount(&row["ticket_ev"]));
        let stage = purse.stage(&amount(&row["min_credit"]), value.as_ref());
        assert_eq!(
            u64::from(stage.tickets),
            small(&row["num_tickets"]),
            "{row}"
        );
        assert_eq!(stage.new_credit, amount(&row["new_credit"]));
        assert_eq!(stage.existing, amount(&row["existing_credit_out"]));
        assert_eq!(*purse.balance(), amount(&row["balance_after"]));
    }
}

#[test]
fn offered_parameters_are_those_of_the_network() {
    for row in rows(&file("payment_math")["offered_params"]) {
        let wanted = &row["out"];
        let view = QuoteView {
            gas_price: number(&row["gas_price"]),
            max_float: I256::try_from(number(&row["max_float"])).unwrap(),
            last_block: small(&row["last_seen_l1_block"]),
            rounds: Rounds {
                last: streamflow_payments::CreationRound {
                    round: small(&row["last_initialized_round"]),
                    block_hash: hash(&row["last_initialized_round_block_hash"]),
                },
                previous_block_hash: hash(&row["previous_round_block_hash"]),
                confirmations: 10,
            },
        };
        let offer = |view: &QuoteView| {
            let seed = U256::try_from_be_slice(&bytes(&wanted["seed"])).unwrap();
            let (recipient, sender) = (address(&row["recipient"]), address(&row["sender"]));
            settings(row)
                .offer(
                    &secret(&row["secret"], Encoding::Minimal),
                    recipient,
                    sender,
                    price(&row["price"]),
                    seed,
                    view,
                )
                .unwrap()
        };
        let offered = offer(&view);
        assert_eq!(offered.face_value, number(&wanted["face_value"]), "{row}");
        assert_eq!(offered.win_prob, win_prob(wanted));
        assert_eq!(offered.expiration_block, small(&wanted["expiration_block"]));
        assert_eq!(offered.creation, Some(creation(wanted, "")));
        assert_eq!(
            offered.recipient_rand_hash,
            hash(&wanted["recipient_rand_hash"])
        );
        let multiplier = &wanted["effective_tx_cost_multiplier"];
        let multiplier = Ratio::new(number(&multiplier[0]), number(&multiplier[1])).unwrap();
        // Of the face value that a price above 0 would have.
        let face = settings(row)
            .face_value(view.gas_price, view.max_float)
            .unwrap();
        let found = settings(row).effective_multiplier(face, view.gas_price);
        let base = Ratio::new(U256::from(25_000), U256::ONE).unwrap();
        assert_eq!(advertised(base, found), advertised(base, multiplier));
        // On purpose: a round is not quoted before its hash has ten confirmations.
        let mut young = view;
        young.rounds.confirmations = 9;
        let round = offer(&young).creation.unwrap().round;
        let previous = row["previous_round_block_hash"].as_str().unwrap();
        let is_known = previous.bytes().any(|digit| digit != b'0');
        assert_eq!(
            round,
            small(&row["last_initialized_round"]) - u64::from(is_known)
        );
    }
}
