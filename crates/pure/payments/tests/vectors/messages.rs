//! Payments as bytes.

use streamflow_payments::sender::TicketSession;
use streamflow_payments::{MessageError, Payment, TicketParams};
use streamflow_wire::{decode_message, proto};

use super::fields::*;

fn read(bytes: &[u8]) -> (proto::Payment, Payment) {
    let message = decode_message::<proto::Payment>(bytes).unwrap();
    let payment = Payment::from_proto::<MessageError>(&message, |_| Ok(())).unwrap();
    (message, payment)
}

#[test]
fn payments_are_written_as_they_were_read() {
    let file = file("payment_message");
    for name in ["three_ticket_payment", "zero_ticket_payment"] {
        let (message, payment) = read(&bytes(&file[name]["protobuf"]));
        assert_eq!(payment.to_proto().unwrap(), message, "{name}");
        let again = prost_bytes(&payment.to_proto().unwrap());
        assert_eq!(again, bytes(&file[name]["protobuf"]), "{name}");
    }
}

#[test]
fn a_payment_is_made_from_an_offer_byte_for_byte() {
    let file = file("payment_message");
    let wanted = bytes(&file["three_ticket_payment"]["protobuf"]);
    let (_, read) = read(&wanted);
    let batch = read.batch.unwrap();
    let offer = TicketParams {
        face_value: number(&file["params"]["face_value"]),
        win_prob: win_prob(&file["params"]),
        recipient_rand_hash: hash(&file["params"]["recipient_rand_hash"]),
        creation: Some(batch.creation),
        ..batch.params
    };
    let offered = TicketParams::from_proto(&offer.to_proto()).unwrap();
    assert_eq!(offered, offer);
    let sender = address(&file["keys"]["account0"]["address"]);
    let mut session = TicketSession::new(sender, offered, batch.creation);
    let worth = format!(
        "{}/{}",
        text(&file["params"]["ticket_ev_numerator"]),
        text(&file["params"]["ticket_ev_denominator"])
    );
    assert_eq!(session.ticket_value(), worth.parse().unwrap());
    let taken = session.take_nonces(3).unwrap();
    let payment = Payment {
        sender,
        batch: Some(session.sign(&taken, &key(&file, "account0"))),
        expected_price: price(&file["params"]["price"]),
    };
    assert_eq!(prost_bytes(&payment.to_proto().unwrap()), wanted);
}

#[test]
fn recorded_answers_carry_parameters_we_read_and_write() {
    let mut seen = 0;
    for row in rows(&file("messages")["get_orchestrator"]) {
        let Some(answer) = row["response_protobuf"].as_str() else {
            continue;
        };
        let message =
            decode_message::<proto::OrchestratorInfo>(&hex::decode(answer).unwrap()).unwrap();
        let Some(params) = message.ticket_params else {
            continue;
        };
        assert_eq!(
            TicketParams::from_proto(&params).unwrap().to_proto(),
            params
        );
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn what_is_missing_or_too_large_is_named() {
    let file = file("payment_message");
    let (whole, _) = read(&bytes(&file["three_ticket_payment"]["protobuf"]));
    let refused = |message: &proto::Payment| {
        Payment::from_proto::<MessageError>(message, |_| Ok(())).unwrap_err()
    };
    let without = proto::Payment {
        expiration_params: None,
        ..whole.clone()
    };
    assert_eq!(refused(&without), MessageError::NoExpiration);
    let without = proto::Payment {
        expected_price: None,
        ..whole.clone()
    };
    assert_eq!(refused(&without), MessageError::NoPrice);
    let without = proto::Payment {
        sender: Default::default(),
        ..whole.clone()
    };
    assert!(
        refused(&without)
            .to_string()
            .starts_with("Could not find Sender for payment: ")
    );
    let mut large = whole.clone();
    large.ticket_params.as_mut().unwrap().face_value = vec![1; 33].into();
    assert_eq!(refused(&large), MessageError::Number("face value"));
    let mut many = whole;
    many.ticket_sender_params = vec![Default::default(); 601];
    assert_eq!(refused(&many), MessageError::TooMany(601));
}

fn prost_bytes(message: &proto::Payment) -> Vec<u8> {
    prost::Message::encode_to_vec(message)
}
