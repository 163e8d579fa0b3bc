//! Parameters a sender pays with, and its tickets.

use serde_json::Value;
use streamflow_payments::sender::{SenderLimits, SenderView, TicketSession, check_params};
use streamflow_payments::{CreationRound, TicketParams};

use super::fields::*;

fn params(row: &Value) -> TicketParams {
    TicketParams {
        recipient: Default::default(),
        face_value: number(&row["face_value"]),
        win_prob: win_prob(row),
        recipient_rand_hash: Default::default(),
        seed: Default::default(),
        expiration_block: small(&row["expiration_block"]),
        creation: None,
    }
}

#[test]
fn parameters_are_taken_and_refused_as_recorded() {
    for row in rows(&file("ticket_errors")["sender_checks"]) {
        let limits = SenderLimits {
            max_ticket_ev: amount(&row["max_ticket_ev"]),
            max_total_ev: amount(&row["max_total_ev"]),
            deposit_multiplier: small(&row["deposit_multiplier"]),
        };
        let view = SenderView {
            last_block: small(&row["last_seen_l1_block"]),
            last_round: CreationRound {
                round: small(&row["last_initialized_round"]),
                ..CreationRound::default()
            },
            funds: match row["sender_info_error"].as_str() {
                Some(error) => Err(error.to_owned()),
                None => Ok(funds(row)),
            },
        };
        let given = (row["case"] != "params missing").then(|| params(row));
        let count = small(&row["num_tickets"]) as u32;
        let refused = check_params(given.as_ref(), count, &limits, &view).err();
        let error = refused
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert_eq!(error, row["error"].as_str().unwrap(), "{row}");
        let ends = refused.is_some_and(|error| error.ends_the_stream());
        assert_eq!(ends, row["sender_validation_error"] == true, "{row}");
    }
}

#[test]
fn tickets_are_numbered_and_signed_as_recorded() {
    let file = file("ticket_errors");
    let valid = &file["receive"][0];
    let sender = address(&valid["sender"]);
    for row in rows(&file["ticket_creation"]) {
        let named = row["received_creation_round"].is_string();
        let params = TicketParams {
            recipient: address(&valid["recipient"]),
            recipient_rand_hash: hash(&valid["recipient_rand_hash"]),
            creation: named.then(|| creation(row, "received_")),
            ..params(valid)
        };
        let mut session = TicketSession::new(sender, params, creation(valid, ""));
        assert_eq!(session.creation(), creation(row, ""), "{row}");
        for (batch, count) in [("batch_1", 1), ("batch_2", 2)] {
            let taken = session.take_nonces(count).unwrap();
            let made = session.sign(&taken, &key(&file, "account0"));
            assert_eq!(made.tickets.len(), rows(&row[batch]).len());
            for (ticket, wanted) in made.tickets.iter().zip(rows(&row[batch])) {
                assert_eq!(u64::from(ticket.nonce), small(&wanted["sender_nonce"]));
                assert_eq!(
                    ticket.signature.unwrap().to_vec(),
                    bytes(&wanted["signature"])
                );
                let found = made.ticket(sender, ticket.nonce).hash();
                assert_eq!(found, hash(&wanted["ticket_hash"]));
            }
        }
    }
}

#[test]
fn parameters_are_renewed_ahead_of_their_end() {
    let file = file("ticket_errors");
    let given = params(&file["receive"][0]);
    let fresh = TicketSession::new(Default::default(), given, CreationRound::default());
    let begin = given.expiration_block - 40;
    assert!(!fresh.wants_renewal(begin + 29));
    assert!(fresh.wants_renewal(begin + 30));
    let mut used = fresh;
    used.take_nonces(479).unwrap();
    assert!(!used.wants_renewal(begin));
    used.take_nonces(1).unwrap();
    assert!(used.wants_renewal(begin));
    assert!(
        used.take_nonces(121)
            .is_err_and(|error| error.wants_new_params())
    );
    assert_eq!(used.take_nonces(120).unwrap().last(), 600);
}
