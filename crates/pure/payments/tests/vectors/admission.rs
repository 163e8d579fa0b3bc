//! Recorded requests with payments, through message, tickets and books.

use std::time::Duration;

use alloy_primitives::U256;
use base64::Engine;
use serde_json::Value;
use streamflow_payments::{Books, Encoding, JobId, Payment, ReceiveView, Recipient, Refusal};
use streamflow_types::Pixels;
use streamflow_wire::{decode_message, proto};

use super::fields::*;
use super::receive::{recipient, rich, view};

const NOW: Duration = Duration::ZERO;

/// What an orchestrator does with a request that is in order but for its payment.
fn take(
    file: &Value,
    row: &Value,
    recipient: &mut Recipient,
    books: &mut Books,
    message: &proto::Payment,
) -> Result<(), Refusal> {
    let state = |name: &str| row.get(name).unwrap_or(&file["state"][name]);
    let (round, us) = (
        small(state("last_initialized_round")),
        address(&file["keys"]["account1"]["address"]),
    );
    let payment = Payment::from_proto::<Refusal>(message, |recipient| {
        if recipient == us {
            Ok(())
        } else {
            Err(Refusal::Inactive { recipient, round })
        }
    })?;
    let key = (payment.sender, "f1405ced".to_owned());
    books.check_price(&key, payment.expected_price)?;
    let funds = rich(small(state("withdraw_round")));
    let view: ReceiveView<'_> = view(small(state("last_seen_l1_block")), round, Ok(&funds));
    let receipt = recipient.receive(&payment, &view);
    if receipt.good > 0 {
        books.credit(NOW, key.clone(), &receipt.credit, payment.expected_price)?;
    }
    if let Some(error) = receipt.error {
        return Err(error.into());
    }
    // Two renditions of two seconds, of which 300,000 pixels are measured.
    let own = price(&serde_json::json!(["303", "250"]));
    let (job, quote) = (JobId(1), Pixels((426 * 240 + 640 * 360) * 30 * 2));
    books.admit(NOW, &key, job, quote, own, number(state("ev")))?;
    books.finish(NOW, &key, job, Some(Pixels(300_000)));
    Ok(())
}

#[test]
fn requests_are_paid_and_refused_as_recorded() {
    let file = file("admission");
    let mut counts = [0; 2];
    for row in rows(&file["segment"]) {
        let case = row["case"].as_str().unwrap();
        let is_paid = row["status"] == "400" && row["response_text"] != "BadRequest\n";
        let is_plain = case.starts_with("accepted: one")
            || case.starts_with("accepted: three")
            || case.starts_with("seed with")
            || case.starts_with("no tickets");
        // A balance of another account, and free work where ours is not free: the books' own tests.
        if !(is_paid || is_plain) || case.contains("manifest id") {
            continue;
        }
        let header = match row["payment_header"].as_str() {
            Some(name) => text(&file["headers"][name]),
            None => text(&row["header_Livepeer_Payment"]),
        };
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(header)
            .unwrap();
        let message = decode_message::<proto::Payment>(&bytes).unwrap();
        let mut with_secret = file.clone();
        with_secret["recipient_secret"] = file["state"]["recipient_secret"].clone();
        let (mut ours, mut books) = (recipient(&with_secret, Encoding::Minimal), Books::default());
        let key = (
            address(&file["keys"]["account0"]["address"]),
            "f1405ced".to_owned(),
        );
        if let Some(balance) = row.get("balance_before") {
            books
                .restore(NOW, key.clone(), amount(balance), None)
                .unwrap();
        }
        let mut answer = take(&file, row, &mut ours, &mut books, &message);
        if row["requests_sent"] == "2" {
            assert_eq!(answer, Ok(()));
            answer = take(&file, row, &mut ours, &mut books, &message);
        }
        let found = answer.map_or_else(|refused| format!("{refused}\n"), |()| String::new());
        if case == "no tickets, expected price 0/1" {
            // On purpose: the price is ours, whatever the payment says.
            assert_eq!(
                (found.as_str(), &row["status"]),
                ("Insufficient balance\n", &Value::from("200"))
            );
            continue;
        }
        assert_eq!(
            found,
            row["response_text"].as_str().unwrap_or_default(),
            "{case}"
        );
        let balance = books.account(&key).map(|account| account.balance().clone());
        let recorded = row.get("balance_after_f1405ced").map(amount);
        let good = match case {
            // On purpose: good tickets count, whatever the others are; so do the recorded ones.
            "three tickets, second with a bad signature: first credited, third not, error" => 2,
            "three tickets, first with a bad signature: none credited" => 2,
            "three tickets, second repeats the first: first credited, last error reported" => 2,
            _ => 0,
        };
        if good > 0 {
            let one = "3632692995680508091719874039488248089514352460098527499277100800000000000000000000000/454086624460063511464984254936031011189294057512315937409637584344757371137";
            let one: streamflow_payments::Amount = one.parse().unwrap();
            assert_ne!(balance, recorded, "{case}");
            assert_eq!(balance, Some(one.times(good)), "{case}");
        } else {
            assert_eq!(balance, recorded, "{case}");
        }
        counts[usize::from(row["status"] == "200")] += 1;
    }
    assert_eq!(counts, [16, 4]);
    assert_eq!(U256::from(8_000_000_000u64), number(&file["state"]["ev"]));
}
