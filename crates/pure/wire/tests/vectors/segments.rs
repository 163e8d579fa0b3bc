//! Profiles, segment credentials, error texts.

use std::time::Duration;

use prost::Message;
use streamflow_types::{Address, Container, Gop, Profile, presets};
use streamflow_wire::decode_message;
use streamflow_wire::profile::{self, Field, JsonProfile};
use streamflow_wire::proto::{SegData, VideoProfile};
use streamflow_wire::result::SegmentFailure;
use streamflow_wire::segment::{SegmentRequest, flatten};
use streamflow_wire::signature::{address_of, keccak, personal_digest, recover_message, sign};
use streamflow_wire::work::Notice;

use super::identity::key;
use super::json::{bytes, file, message32, number, rows, text};

#[test]
fn presets_have_the_ids_and_bytes_of_the_network() {
    let file = file("profiles");
    let known: Vec<Profile> = presets().collect();
    assert_eq!(rows(&file["presets"]).len(), known.len());
    for row in rows(&file["presets"]) {
        let preset = known
            .iter()
            .find(|preset| preset.name == text(row, "name"))
            .unwrap();
        assert_eq!(hex::encode(profile::id(&preset.name)), text(row, "id"));
        assert_eq!(
            hex::encode(profile::to_proto(preset).encode_to_vec()),
            text(row, "protobuf")
        );
    }
}

#[test]
fn profiles_travel_in_the_field_the_network_chooses() {
    for row in rows(&file("profiles")["field_selection"]) {
        let messages: Vec<VideoProfile> = row["profiles_protobuf"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hex| decode_message(&hex::decode(hex.as_str().unwrap()).unwrap()).unwrap())
            .collect();
        let mut profiles: Vec<Profile> = messages
            .iter()
            .map(|message| profile::from_proto(message).unwrap())
            .collect();
        if text(row, "case") == "gop below one millisecond" {
            // What the message cannot show: the interval that was rounded away.
            profiles[0].gop = Gop::Every(Duration::from_micros(500));
        }
        let field = match profile::field_for(&profiles) {
            Some(Field::Full) => "fullProfiles",
            Some(Field::Full2) => "fullProfiles2",
            Some(Field::Full3) => "fullProfiles3",
            None => "none",
        };
        assert_eq!(field, text(row, "field"), "{row}");
        for (message, profile) in messages.iter().zip(&profiles) {
            assert_eq!(&profile::to_proto(profile), message, "{row}");
        }
    }
}

#[test]
fn nameless_profiles_get_the_names_peers_give_them() {
    for row in rows(&file("profiles")["default_names"]) {
        let [width, height, bitrate] =
            ["width", "height", "bitrate"].map(|member| number(&row[member]));
        let nameless = JsonProfile {
            width,
            height,
            bitrate,
            ..JsonProfile::default()
        };
        let from_json = nameless.to_profile().unwrap();
        let unnamed = Profile {
            name: String::new(),
            ..from_json.clone()
        };
        let found = match text(row, "kind") {
            "JSON/webhook profile without name" => from_json.name,
            "empty name when serialising to protobuf" => profile::to_proto(&unnamed).name,
            "empty name when parsing protobuf" => {
                let message = VideoProfile {
                    name: String::new(),
                    ..profile::to_proto(&unnamed)
                };
                profile::from_proto(&message).unwrap().name
            }
            other => panic!("{other}"),
        };
        assert_eq!(found, text(row, "name"));
    }
}

#[test]
fn segments_are_flattened_and_signed_as_the_network_does() {
    let file = file("segment");
    let keys: Vec<_> = ["account0", "account1"]
        .iter()
        .map(|name| key(&file, name))
        .collect();
    for row in rows(&file["flatten"]) {
        let names: Vec<String> = row["profile_names"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect();
        let manifest = text(row, "manifest_id").as_bytes();
        let flat = flatten(
            manifest,
            number(&row["seq"]),
            &message32(row, "hash"),
            &names,
        );
        assert_eq!(hex::encode(&flat), text(row, "flattened"), "{row}");
        assert_eq!(keccak(&flat), message32(row, "message32"));
        assert_eq!(
            personal_digest(&keccak(&flat)),
            message32(row, "personal_digest")
        );
        let Some(signer) = row["signer"].as_str() else {
            continue;
        };
        let signer = Address::parse(signer).unwrap();
        let signature = bytes(row, "signature");
        assert_eq!(recover_message(&keccak(&flat), &signature).unwrap(), signer);
        let key = keys.iter().find(|key| address_of(key) == signer).unwrap();
        assert_eq!(sign(key, &flat).to_vec(), signature, "{row}");
    }
}

#[test]
fn a_whole_request_is_read_and_written_byte_for_byte() {
    let file = file("segment");
    for row in rows(&file["seg_data"]) {
        let request = SegmentRequest::from_header(text(row, "header_Livepeer_Segment")).unwrap();
        assert_eq!(request.to_header(), text(row, "header_Livepeer_Segment"));
        assert_eq!(
            hex::encode(request.to_proto().encode_to_vec()),
            text(row, "protobuf")
        );
        assert_eq!(request.hash, keccak(&bytes(row, "segment_body")));
        let signer = recover_message(&keccak(&request.flattened()), &request.signature).unwrap();
        assert_eq!(signer, address_of(&key(&file, "account0")));
    }
}

#[test]
fn transcoders_are_told_of_jobs_and_ends_byte_for_byte() {
    let file = file("segment");
    let job: streamflow_wire::proto::NotifySegment =
        decode_message(&bytes(&file["notify_segment"], "protobuf")).unwrap();
    let notice = Notice::from_proto(&job).unwrap();
    let again = notice.to_proto().encode_to_vec();
    assert_eq!(
        hex::encode(again),
        text(&file["notify_segment"], "protobuf")
    );

    // The same job made from the gateway's request.
    let header = text(&file["seg_data"][0], "header_Livepeer_Segment");
    let request = SegmentRequest::from_header(header).unwrap();
    let Notice::Job(job) = notice else {
        panic!("not a job")
    };
    assert_eq!(request.for_transcoder(), job.request);

    let end = decode_message(&bytes(&file["notify_teardown"], "protobuf")).unwrap();
    let end = Notice::from_proto(&end).unwrap();
    assert!(matches!(&end, Notice::EndSession(session) if session.as_str() == "f1405ced"));
    let again = hex::encode(end.to_proto().encode_to_vec());
    assert_eq!(again, text(&file["notify_teardown"], "protobuf"));
}

#[test]
fn an_empty_header_is_an_empty_message() {
    let request = SegmentRequest::from_header("").unwrap();
    assert_eq!(request.duration.as_millis(), 2000);
    assert!(request.auth_token.is_none() && request.profiles.is_empty());
    assert!(SegmentRequest::from_header("!").is_err());
    let long = SegData {
        duration: 300_001,
        ..SegData::default()
    };
    assert!(SegmentRequest::from_proto(&long).is_err());
}

#[test]
fn the_texts_that_blame_the_segment_are_the_networks() {
    let file = file("selection");
    let listed = rows(&file["non_retryable_errors"]);
    for text in listed {
        let text = text.as_str().unwrap();
        assert!(!SegmentFailure::from_text(text).is_retryable(), "{text}");
        assert!(!SegmentFailure::from_text(&format!("transcode: {text}")).is_retryable());
    }
    let ours = streamflow_types::TranscodeFailure::ALL;
    assert_eq!(
        ours.iter()
            .filter(|failure| !failure.is_retryable())
            .count(),
        listed.len()
    );
    assert!(SegmentFailure::from_text("OrchestratorBusy").is_retryable());
}

#[test]
fn mp4_profiles_say_so() {
    let preset = Profile::preset("P240p30fps16x9").unwrap();
    let mp4 = Profile {
        container: Some(Container::Mp4),
        ..preset
    };
    assert_eq!(profile::from_proto(&profile::to_proto(&mp4)).unwrap(), mp4);
}
