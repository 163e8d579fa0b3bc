//! Which winners are worth a transaction.

use alloy_primitives::{I256, U256};
use serde_json::Value;
use streamflow_payments::outbox::{
    FINAL_BLOCKS, Facts, GasPolicy, MATURITY_BLOCKS, Outbox, Proof, SenderStanding, State, Wait,
    preflight,
};
use streamflow_payments::{CreationRound, Ticket, WinProb, Winner};
use streamflow_types::Address;

use super::fields::*;

fn winner(face: U256, round: u64, nonce: u32) -> Winner {
    let ticket = Ticket {
        recipient: Address::new([2; 20]),
        sender: Address::new([1; 20]),
        face_value: face,
        win_prob: WinProb::CERTAIN,
        sender_nonce: nonce,
        recipient_rand_hash: alloy_primitives::B256::with_last_byte(nonce as u8),
        creation: CreationRound {
            round,
            block_hash: Default::default(),
        },
    };
    Winner {
        ticket,
        signature: [0; 65],
        recipient_rand: U256::ZERO,
        expiration_block: 40,
    }
}

fn facts(row: &Value) -> Facts {
    Facts {
        is_used: row["already_used"] == true,
        is_round_initialized: true,
        is_active: true,
        round: 1,
        is_second_half: false,
        gas_price: number(&row["gas_price"]),
        funds: funds(row),
        under_way: number(&row["pending_amount"]),
    }
}

#[test]
fn redemptions_are_refused_as_recorded() {
    let mut decided = 0;
    for row in rows(&file("ticket_errors")["redemption"]) {
        // Failures of queries and of transactions reach the outbox as such, whatever their text.
        let is_injected = [
            "used_query_error",
            "gas_price_error",
            "submission_error",
            "receipt_error",
        ]
        .iter()
        .any(|name| row[*name].is_string());
        if is_injected {
            continue;
        }
        let mut outbox = Outbox::default();
        let winner = winner(number(&row["face_value"]), 1, 1);
        outbox.add(winner).unwrap();
        let hash = winner.ticket.hash();
        let policy = GasPolicy {
            redeem_gas: small(&row["redeem_gas"]),
            ..GasPolicy::default()
        };
        let found = preflight(outbox.row(hash).unwrap(), &policy, &facts(row)).err();
        let case = row["case"].as_str().unwrap();
        if case.contains("face value large") {
            // On purpose: what would pay a wei more than it costs is not sent.
            assert_eq!(
                (found, &row["error"]),
                (Some(Wait::FundsBelowCost), &Value::from(""))
            );
        } else {
            let found = found.map(|wait| wait.to_string()).unwrap_or_default();
            assert_eq!(found, row["error"].as_str().unwrap(), "{row}");
        }
        decided += 1;
    }
    assert_eq!(decided, 8);
}

#[test]
fn gas_waits_while_there_is_time() {
    let row = &file("ticket_errors")["redemption"][0];
    let mut outbox = Outbox::default();
    let winner = winner(U256::from(1_200_000u64), 1, 1);
    outbox.add(winner).unwrap();
    let row_of = outbox.row(winner.ticket.hash()).unwrap();
    let policy = GasPolicy {
        redeem_gas: 1,
        ..GasPolicy::default()
    };
    let at = |gas: u64, round, is_second_half| Facts {
        gas_price: U256::from(gas),
        round,
        is_second_half,
        ..facts(row)
    };
    assert_eq!(preflight(row_of, &policy, &at(120_000, 1, false)), Ok(()));
    assert_eq!(
        preflight(row_of, &policy, &at(120_001, 1, true)),
        Err(Wait::GasTooDear)
    );
    assert_eq!(
        preflight(row_of, &policy, &at(120_001, 2, false)),
        Err(Wait::GasTooDear)
    );
    assert_eq!(preflight(row_of, &policy, &at(1_000_000, 2, true)), Ok(()));
    assert_eq!(
        preflight(row_of, &policy, &at(1_000_001, 2, true)),
        Err(Wait::FaceBelowCost)
    );
}

const NOBODY_LEAVES: SenderStanding = SenderStanding {
    withdraw_round: 0,
    available: I256::ZERO,
};

#[test]
fn a_bad_ticket_blocks_no_other_and_the_most_urgent_goes_first() {
    let mut outbox = Outbox::default();
    let winners = [
        winner(U256::from(5), 2, 1),
        winner(U256::from(9), 2, 2),
        winner(U256::from(1), 1, 3),
    ];
    let hashes = winners.map(|winner| winner.ticket.hash());
    for winner in winners {
        assert_eq!(outbox.add(winner), Ok(true));
    }
    assert_eq!(outbox.add(winners[0]), Ok(false));
    let due = |outbox: &Outbox, head| outbox.due(head, |_| NOBODY_LEAVES);
    assert!(due(&outbox, 40 + MATURITY_BLOCKS).is_empty());
    let head = 41 + MATURITY_BLOCKS;
    assert_eq!(due(&outbox, head), vec![hashes[2], hashes[1], hashes[0]]);
    outbox.failed(hashes[2], head);
    assert_eq!(due(&outbox, head + 1), vec![hashes[1], hashes[0]]);
    assert_eq!(
        due(&outbox, head + 2),
        vec![hashes[2], hashes[1], hashes[0]]
    );
}

#[test]
fn only_the_chain_ends_a_row() {
    let mut outbox = Outbox::default();
    let one = winner(U256::from(5), 2, 1);
    let hash = one.ticket.hash();
    outbox.add(one).unwrap();
    assert_eq!(outbox.pending(one.ticket.sender), U256::from(5));
    assert!(outbox.reveal(hash, 100) && !outbox.reveal(hash, 100));
    assert!(outbox.is_revealed(one.ticket.recipient_rand_hash));
    outbox.failed(hash, 100);
    outbox.mined(hash, 103);
    assert_eq!(outbox.pending(one.ticket.sender), U256::ZERO);
    outbox.rewind(103);
    assert_eq!(outbox.row(hash).unwrap().state, State::Mined(103));
    outbox.rewind(102);
    assert_eq!(outbox.row(hash).unwrap().state, State::Revealed);
    assert_eq!(outbox.pending(one.ticket.sender), U256::from(5));
    outbox.mined(hash, 105);
    assert!(outbox.settle(104 + FINAL_BLOCKS, 9).is_empty());
    assert_eq!(outbox.settle(105 + FINAL_BLOCKS, 9), vec![hash]);
    let other = winner(U256::from(5), 2, 2);
    outbox.add(other).unwrap();
    assert!(outbox.settle(500, 3).is_empty());
    assert_eq!(outbox.settle(500, 4), vec![other.ticket.hash()]);
    let dead = State::Dead(Proof::RoundOver { round: 4 });
    assert_eq!(outbox.row(other.ticket.hash()).unwrap().state, dead);
    outbox.drop_settled(500);
    assert_eq!(outbox.rows().count(), 0);
    assert!(!outbox.is_revealed(one.ticket.recipient_rand_hash));
}
