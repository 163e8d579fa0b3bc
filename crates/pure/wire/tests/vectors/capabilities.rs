//! Capabilities: bits, matching, what jobs ask for, what orchestrators offer.

use std::collections::BTreeMap;

use prost::Message;
use serde_json::Value;
use streamflow_types::{
    CapabilitySet, ChromaFormat, Codec, Container, FrameRate, Gop, H264Profile, Profile,
};
use streamflow_wire::capability::{
    Capabilities, Capacities, InputFacts, PixelFormat, StorageKind, default_set, is_at_least,
    is_legacy_only, job_capabilities,
};
use streamflow_wire::proto::capabilities::CapabilityConstraints;
use streamflow_wire::proto::capabilities::capability_constraints::ModelConstraint;

use super::json::{file, number, rows, text};

fn set(value: &Value) -> CapabilitySet {
    let numbers = value.as_array().unwrap().iter().map(number);
    numbers
        .filter_map(|number| u32::try_from(number).ok())
        .collect()
}

fn words(value: &Value) -> Vec<u64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn bits_stand_where_the_network_puts_them() {
    for row in rows(&file("capabilities")["bitstrings"]) {
        assert_eq!(set(&row["caps"]).words(), words(&row["bitstring"]), "{row}");
    }
}

#[test]
fn jobs_match_nodes() {
    let file = file("capabilities");
    for row in rows(&file["compatibility"]) {
        let mut node = Capabilities::of_node(set(&row["orchestrator"]), "0.9.1");
        node.mandatories = set(&row["orchestrator_mandatories"]);
        let job = Capabilities::of_job(set(&row["gateway"]));
        assert_eq!(node.satisfy(&job), row["compatible"], "{row}");
    }
    for row in rows(&file["compatibility_bitstrings"]) {
        let set = |member: &str| CapabilitySet::from_words(words(&row[member])).unwrap();
        let mut node = Capabilities::of_node(set("orchestrator_bitstring"), "0.9.1");
        node.mandatories = set("orchestrator_mandatories_bitstring");
        let job = Capabilities::of_job(set("gateway_bitstring"));
        assert_eq!(node.satisfy(&job), row["compatible"], "{row}");
        assert_eq!(is_legacy_only(&job.set), row["legacy_only"], "{row}");
    }
}

#[test]
fn versions_are_compared_without_their_suffixes() {
    let file = file("capabilities");
    let more = rows(&file["min_version_more"]).iter();
    for row in rows(&file["min_version"]).iter().chain(more) {
        let found = is_at_least(text(row, "version"), text(row, "min_version"));
        assert_eq!(found, row["compatible"], "{row}");
    }
}

#[test]
fn models_count_where_both_sides_name_them() {
    let models = |value: &Value| -> BTreeMap<u32, CapabilityConstraints> {
        let by_number = value.as_object().unwrap().iter();
        by_number
            .map(|(number, models)| {
                let models = models.as_object().unwrap().iter().map(|(name, model)| {
                    let constraint = ModelConstraint {
                        warm: model["warm"].as_bool().unwrap(),
                        runner_version: text(model, "runner_version").to_owned(),
                        ..ModelConstraint::default()
                    };
                    (name.clone(), constraint)
                });
                (
                    number.parse().unwrap(),
                    CapabilityConstraints {
                        models: models.collect(),
                    },
                )
            })
            .collect()
    };
    for row in rows(&file("capabilities")["model_constraints"]) {
        let bits: CapabilitySet = [27u32].into_iter().collect();
        let mut node = Capabilities::of_node(bits.clone(), "0.9.1");
        node.models = models(&row["node"]);
        let mut job = Capabilities::of_job(bits);
        job.models = models(&row["job"]);
        assert_eq!(node.satisfy(&job), row["compatible"], "{row}");
    }
}

#[test]
fn claims_are_written_as_the_network_writes_them() {
    for row in rows(&file("capabilities")["protobuf"]) {
        let node = Capabilities::of_node(set(&row["caps"]), text(row, "version"));
        let bytes = node.to_proto().encode_to_vec();
        assert_eq!(
            hex::encode(&bytes),
            text(row, "protobuf_deterministic"),
            "{row}"
        );
        let read = streamflow_wire::decode_message(&bytes).unwrap();
        assert_eq!(Capabilities::from_proto(&read).unwrap(), node);
    }
    let fifteen = set(&serde_json::json!([
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 26
    ]));
    assert_eq!(default_set(), fifteen);
}

#[test]
fn offers_follow_the_transcoders_that_come_and_go() {
    let of = |numbers: &[u32], capacities: &[(u32, u32)]| {
        let mut claim = Capabilities::of_node(numbers.iter().copied().collect(), "0.9.1");
        if !capacities.is_empty() {
            claim.capacities = capacities.iter().copied().collect();
        }
        claim
    };
    let (a, b) = (of(&[0, 15], &[]), of(&[0, 12], &[(0, 5), (12, 2)]));
    let mut offer = Capacities::of_set(&[0u32, 1, 12].into_iter().collect());
    let file = file("capabilities");
    let steps = rows(&file["capacity_bookkeeping"]);
    assert_eq!(steps.len(), 6);
    for (step, row) in steps.iter().enumerate() {
        match step {
            1 => offer.add(&a),
            2 => offer.add(&b),
            3 => offer.remove(&a),
            4 | 5 => offer.remove(&b),
            _ => {}
        }
        let expected: BTreeMap<u32, u32> = row["after"]["capacities"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (key.parse().unwrap(), u32::try_from(number(value)).unwrap()))
            .collect();
        assert_eq!(offer.by_number(), &expected, "{row}");
        assert_eq!(
            offer.set().words(),
            words(&row["after"]["bitstring"]),
            "{row}"
        );
    }
}

#[test]
fn jobs_ask_for_what_their_input_and_outputs_need() {
    for row in rows(&file("capabilities")["job_capabilities"]) {
        let (input, outputs) = job(text(row, "case"));
        match job_capabilities(&input, &outputs) {
            Ok(found) => {
                assert_eq!(found.words(), words(&row["bitstring"]), "{row}");
                if let Some(protobuf) = row["protobuf"].as_str() {
                    let message = Capabilities::of_job(found).to_proto().encode_to_vec();
                    assert_eq!(hex::encode(message), protobuf, "{row}");
                }
            }
            Err(error) => assert_eq!(error.to_string(), text(row, "error"), "{row}"),
        }
    }
}

/// The job a case describes in words.
fn job(case: &str) -> (InputFacts, Vec<Profile>) {
    let presets = || {
        ["P144p30fps16x9", "P240p30fps16x9"]
            .map(|n| Profile::preset(n).unwrap())
            .to_vec()
    };
    let of = |codec| Profile {
        codec,
        ..Profile::new("x", 640, 360, 1, FrameRate::whole(30))
    };
    let h264 = |h264_profile| Profile {
        h264_profile,
        ..of(Codec::H264)
    };
    let mut input = InputFacts::default();
    let outputs = match case {
        "H.264 input, two preset mpegts outputs, RTMP (no segment parameters)" => presets(),
        "same, HTTP push (segment parameters present)" => {
            input.is_sliced = true;
            presets()
        }
        "verification frequency 2" => {
            input.is_verified = true;
            presets()
        }
        "HEVC input" => {
            input.codec = Codec::H265;
            presets()
        }
        "VP8 input" => {
            input.codec = Codec::Vp8;
            presets()
        }
        "VP9 input" => {
            input.codec = Codec::Vp9;
            presets()
        }
        "HEVC output" => vec![of(Codec::H264), of(Codec::H265)],
        "VP8 output" => vec![of(Codec::H264), of(Codec::Vp8)],
        "VP9 output" => vec![of(Codec::H264), of(Codec::Vp9)],
        "mp4 output with fpsDen, main profile, gop 2 s" => vec![Profile {
            container: Some(Container::Mp4),
            fps: FrameRate {
                num: 30_000,
                den: 1001,
            },
            gop: Gop::Every(std::time::Duration::from_secs(2)),
            ..h264(H264Profile::Main)
        }],
        "baseline, high, constrained high outputs, intra-only gop" => vec![
            h264(H264Profile::Baseline),
            Profile {
                gop: Gop::Intra,
                ..h264(H264Profile::High)
            },
            h264(H264Profile::ConstrainedHigh),
        ],
        "no outputs, gateway stores in S3" => {
            input.storage = StorageKind::S3;
            Vec::new()
        }
        "no outputs" | "no outputs, gateway stores in memory" => Vec::new(),
        other => {
            input.pixel_format = pixel_format(other);
            Vec::new()
        }
    };
    (input, outputs)
}

fn pixel_format(case: &str) -> Option<PixelFormat> {
    let name = case.strip_prefix("H.264 input of pixel format ").unwrap();
    let name = name.strip_suffix(", no outputs").unwrap();
    let (chroma, depth) = match name {
        "unknown" => return None,
        name => name.strip_prefix("yuv").unwrap().split_once('p').unwrap(),
    };
    let chroma = match chroma {
        "420" => ChromaFormat::Yuv420,
        "422" => ChromaFormat::Yuv422,
        "444" => ChromaFormat::Yuv444,
        other => panic!("{other}"),
    };
    let color_depth = if depth.is_empty() {
        0
    } else {
        depth.parse::<u8>().unwrap() - 8
    };
    Some(PixelFormat {
        chroma,
        color_depth,
    })
}
