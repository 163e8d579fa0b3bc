//! Whole messages: read, compared member by member, written again byte for byte.

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Value as Field};
use serde_json::{Map, Value};
use streamflow_wire::decode_message;
use streamflow_wire::info::{Info, InfoRequest};
use streamflow_wire::proto;
use streamflow_wire::result::SegmentAnswer;
use streamflow_wire::segment::SegmentRequest;
use streamflow_wire::work::{Notice, Registration};

use super::json::{bytes, file, rows, text};

#[test]
fn every_message_reads_as_its_fields_and_writes_as_its_bytes() {
    let pool = DescriptorPool::from_file_descriptor_set(
        protox::compile(["proto/net.proto"], ["proto"]).unwrap(),
    )
    .unwrap();
    for row in rows(&file("messages")["messages"]) {
        let (name, wire) = (text(row, "message"), bytes(row, "protobuf"));
        let descriptor = pool.get_message_by_name(&format!("net.{name}")).unwrap();
        let message = DynamicMessage::decode(descriptor, wire.as_slice()).unwrap();
        assert_eq!(
            Value::Object(fields(&message)),
            row["fields"],
            "{}",
            row["case"]
        );
        assert_eq!(
            hex::encode(rewritten(name, &wire)),
            hex::encode(&wire),
            "{}",
            row["case"]
        );
    }
}

#[test]
fn discovery_is_read_and_written_byte_for_byte() {
    for row in rows(&file("messages")["get_orchestrator"]) {
        let wire = bytes(row, "request_protobuf");
        let request: proto::OrchestratorRequest = decode_message(&wire).unwrap();
        let request = InfoRequest::from_proto(&request).unwrap();
        let is_forged = row["error"]
            .as_str()
            .is_some_and(|e| e.contains("sig check"));
        let is_off_chain = request.gateway.is_zero();
        assert_eq!(
            request.verify().is_ok(),
            !is_forged && !is_off_chain,
            "{row}"
        );
        assert_eq!(
            request.to_proto().capabilities.is_some(),
            request.capabilities.is_some()
        );
        if row["response_protobuf"].is_string() {
            let wire = bytes(row, "response_protobuf");
            assert_eq!(rewritten("OrchestratorInfo", &wire), wire, "{row}");
        }
    }
}

/// Bytes read into the type the code works with, and written again.
fn rewritten(name: &str, wire: &[u8]) -> Vec<u8> {
    match name {
        "SegData" => {
            let message = decode_message::<proto::SegData>(wire).unwrap();
            SegmentRequest::from_proto(&message)
                .unwrap()
                .to_proto()
                .encode_to_vec()
        }
        "TranscodeResult" => SegmentAnswer::decode(wire).unwrap().encode(),
        "OrchestratorInfo" => {
            let message = decode_message::<proto::OrchestratorInfo>(wire).unwrap();
            if !message.hardware.is_empty() {
                // Members of other kinds of work, which video transcoding leaves out.
                return message.encode_to_vec();
            }
            Info::from_proto(&message)
                .unwrap()
                .to_proto()
                .unwrap()
                .encode_to_vec()
        }
        "NotifySegment" => {
            let message = decode_message::<proto::NotifySegment>(wire).unwrap();
            Notice::from_proto(&message)
                .unwrap()
                .to_proto()
                .encode_to_vec()
        }
        "RegisterRequest" => {
            let message = decode_message::<proto::RegisterRequest>(wire).unwrap();
            let registration = Registration::from_proto(&message, |_| true).unwrap();
            let absent = message.capabilities.is_none();
            let mut message = registration.to_proto();
            if absent {
                message.capabilities = None;
            }
            message.encode_to_vec()
        }
        "PingPong" => again::<proto::PingPong>(wire),
        "PaymentResult" => again::<proto::PaymentResult>(wire),
        "Ticket" => again::<proto::Ticket>(wire),
        "MaxFloatReq" => again::<proto::MaxFloatReq>(wire),
        "MaxFloatUpdate" => again::<proto::MaxFloatUpdate>(wire),
        other => panic!("no type for {other}"),
    }
}

fn again<M: Message + Default>(wire: &[u8]) -> Vec<u8> {
    decode_message::<M>(wire).unwrap().encode_to_vec()
}

/// A message as the vector files show it: bytes as hex, numbers as decimal text, absent left out.
fn fields(message: &DynamicMessage) -> Map<String, Value> {
    message
        .fields()
        .map(|(descriptor, value)| (descriptor.name().to_owned(), shown(&descriptor, value)))
        .collect()
}

fn shown(descriptor: &FieldDescriptor, value: &Field) -> Value {
    match value {
        Field::Bool(flag) => (*flag).into(),
        Field::String(text) => text.as_str().into(),
        Field::Bytes(bytes) => hex::encode(bytes).into(),
        Field::Message(message) => Value::Object(fields(message)),
        Field::List(list) if descriptor.name() == "capacities" => Value::Object(
            list.iter()
                .map(|entry| {
                    let entry = entry.as_message().unwrap();
                    let number =
                        |name: &str| entry.get_field_by_name(name).unwrap().as_u32().unwrap();
                    (
                        number("key").to_string(),
                        number("value").to_string().into(),
                    )
                })
                .collect(),
        ),
        Field::List(list) => list.iter().map(|item| shown(descriptor, item)).collect(),
        Field::Map(map) => {
            let mut shown_map = Map::new();
            for (key, value) in map {
                let key = key
                    .as_str()
                    .map(str::to_owned)
                    .or_else(|| key.as_u32().map(|number| number.to_string()))
                    .unwrap();
                shown_map.insert(key, shown(descriptor, value));
            }
            Value::Object(shown_map)
        }
        Field::U32(number) => number.to_string().into(),
        Field::U64(number) => number.to_string().into(),
        Field::I32(number) => number.to_string().into(),
        Field::I64(number) => number.to_string().into(),
        Field::EnumNumber(number) => number.to_string().into(),
        Field::F32(_) | Field::F64(_) => panic!("{} is a float", descriptor.name()),
    }
}
