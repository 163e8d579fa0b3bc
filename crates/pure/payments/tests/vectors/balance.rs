//! Books of both sides.

use serde_json::Value;
use std::time::Duration;
use streamflow_payments::purchase::{Exchange, Purse, guarded_price};
use streamflow_payments::{Amount, Books, WinProb};
use streamflow_types::{Address, Pixels, PricePerPixel};
use streamflow_wire::proto::PriceInfo;

use super::fields::*;

const NOW: Duration = Duration::ZERO;

fn account() -> (Address, String) {
    (Address::new([1; 20]), "f1405ced".into())
}

#[test]
fn amounts_are_taken_and_given_exactly() {
    let file = file("balance");
    let mut purse = Purse::default();
    let mut seen = 0;
    for row in rows(&file["operations"]) {
        let step = row["step"].as_str().unwrap();
        let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
        match verb {
            "credit" if rest.contains("another") => {
                purse.credit(&"5".parse().unwrap());
                // Another key has a purse of its own; the recorded balance is that one's.
                assert_eq!(Purse::default().take(), amount(&row["returned"]));
                seen += 1;
                continue;
            }
            "credit" => purse.credit(&rest.parse().unwrap()),
            "debit" => purse.debit(&rest.parse().unwrap()),
            "take" => assert_eq!(purse.take(), amount(&row["returned"])),
            _ => {}
        }
        if row["balance"] != "absent" {
            assert_eq!(*purse.balance(), amount(&row["balance"]), "{step}");
            seen += 1;
        }
    }
    assert_eq!(seen, 5);
}

#[test]
fn a_gateway_books_an_exchange_by_its_end() {
    let file = file("balance");
    let value = Amount::of_ticket(
        number(&file["ticket"]["face_value"]),
        WinProb(number(&file["ticket"]["win_prob"])),
    );
    for row in rows(&file["gateway_balance_update"]) {
        let mut purse = Purse::new(amount(&row["balance_before"]));
        let need = amount(&row["fee_estimate"]).max(value.clone());
        let stage = purse.stage(&need, Some(&value));
        assert_eq!(stage.existing, amount(&row["existing_credit"]));
        assert_eq!(
            u64::from(stage.tickets),
            small(&row["num_tickets"]),
            "{row}"
        );
        assert_eq!(stage.new_credit, amount(&row["new_credit"]));
        let end = match row["case"].as_str().unwrap() {
            "request never answered" => Exchange::NeverAnswered,
            "answered, no successful result" => Exchange::NoResult,
            _ => {
                let each = PricePerPixel::new(1, 1.try_into().unwrap());
                Exchange::Done(Pixels(small(&row["fee"])), each)
            }
        };
        purse.settle(&stage, &end);
        assert_eq!(*purse.balance(), amount(&row["balance_after"]), "{row}");
    }
}

fn info(price: &Value) -> Option<PriceInfo> {
    (!price.is_null()).then(|| PriceInfo {
        price_per_unit: text(&price[0]).parse().unwrap(),
        pixels_per_unit: text(&price[1]).parse().unwrap(),
        ..PriceInfo::default()
    })
}

#[test]
fn a_price_may_double_and_no_more() {
    for row in rows(&file("balance")["price_guard"]) {
        let (first, latest) = (info(&row["start_price"]), info(&row["current_price"]));
        let refused = guarded_price(first.as_ref(), latest.as_ref()).err();
        let refused = refused.map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(refused, row["error"].as_str().unwrap(), "{row}");
    }
}

#[test]
fn a_session_keeps_its_price_from_its_first_payment_on() {
    let mut books = Books::default();
    let sequence = &file("balance")["fixed_price_sequence"];
    for (index, row) in rows(&sequence["steps"]).iter().enumerate() {
        let key = (Address::new([1; 20]), text(&row["session_id"]));
        let expected = price(&row["expected_price"]);
        books
            .credit(NOW, key.clone(), &"1".parse().unwrap(), expected)
            .unwrap();
        let recorded = books.account(&key).unwrap().price().unwrap();
        let recorded = Amount::of_work(Pixels(1), recorded);
        if index == 0 {
            // On purpose: ours is recorded by the first payment of a sender as well.
            assert_eq!(row["fixed_price_after"], "absent");
            assert_eq!(recorded, Amount::of_work(Pixels(1), expected));
        } else {
            assert_eq!(recorded.to_string(), text(&row["fixed_price_after"]));
        }
    }
    let other = price(&serde_json::json!([9, 1]));
    let refused = books.check_price(&account(), other).unwrap_err();
    assert!(refused.to_string().contains("Expected price"), "{refused}");
}
