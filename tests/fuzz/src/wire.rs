//! Messages of other nodes: whatever their bytes, they become a validated type or a typed error,
//! and what was read can be written and is read the same again.

use streamflow_wire::info::{Info, InfoRequest};
use streamflow_wire::profile::parse_ladder;
use streamflow_wire::proto;
use streamflow_wire::result::SegmentAnswer;
use streamflow_wire::segment::SegmentRequest;
use streamflow_wire::signature::recover_message;
use streamflow_wire::work::{Notice, Registration};
use streamflow_wire::{capability, decode_message};

/// The credentials of a segment.
pub fn segment(bytes: &[u8]) {
    let Ok(message) = decode_message::<proto::SegData>(bytes) else {
        return;
    };
    let Ok(request) = SegmentRequest::from_proto(&message) else {
        return;
    };
    let again = SegmentRequest::from_proto(&request.to_proto()).expect("what was read is valid");
    // A nameless profile is given a name once; everything else stays.
    assert_eq!(again, request);
    let _ = request.flattened();
    let _ = request.manifest_id();
    assert_eq!(
        SegmentRequest::from_header(&request.to_header()).as_ref(),
        Ok(&request)
    );
}

/// The credentials of a segment as a header.
pub fn segment_header(bytes: &[u8]) {
    let _ = SegmentRequest::from_header(&String::from_utf8_lossy(bytes));
}

/// What an orchestrator says of itself, and what it is asked.
pub fn info(bytes: &[u8]) {
    if let Ok(message) = decode_message::<proto::OrchestratorInfo>(bytes)
        && let Ok(info) = Info::from_proto(&message)
    {
        let written = info
            .to_proto()
            .expect("a price that was read can be written");
        assert_eq!(Info::from_proto(&written).as_ref(), Ok(&info));
    }
    if let Ok(message) = decode_message::<proto::OrchestratorRequest>(bytes)
        && let Ok(request) = InfoRequest::from_proto(&message)
    {
        let _ = request.verify();
        assert_eq!(
            InfoRequest::from_proto(&request.to_proto()).as_ref(),
            Ok(&request)
        );
    }
}

/// What an orchestrator answers to a segment.
pub fn answer(bytes: &[u8]) {
    if let Ok(answer) = SegmentAnswer::decode(bytes) {
        let _ = SegmentAnswer::decode(&answer.encode()).expect("an answer of our own");
    }
}

/// What an orchestrator and its transcoders say.
pub fn work(bytes: &[u8]) {
    if let Ok(message) = decode_message::<proto::NotifySegment>(bytes)
        && let Ok(notice) = Notice::from_proto(&message)
    {
        assert_eq!(Notice::from_proto(&notice.to_proto()).as_ref(), Ok(&notice));
    }
    if let Ok(message) = decode_message::<proto::RegisterRequest>(bytes) {
        let _ = Registration::from_proto(&message, |_| true);
    }
}

/// A payment. Its meaning comes with payments; that it can be read does not wait.
pub fn payment(bytes: &[u8]) {
    let _ = decode_message::<proto::Payment>(bytes);
    let _ = decode_message::<proto::Ticket>(bytes);
}

/// A ladder as JSON, versions, and signatures.
pub fn texts(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = parse_ladder(&text);
    let (version, minimum) = text.split_once(' ').unwrap_or((&text, ""));
    let _ = capability::is_at_least(version, minimum);
    let _ = recover_message(&[7; 32], bytes);
}
