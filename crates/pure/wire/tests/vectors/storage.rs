//! Handing a place in an object store to another node.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use streamflow_wire::proto::{OsInfo, S3osInfo};
use streamflow_wire::storage::{S3Account, Upload};

use super::json::{file, rows, text};

/// 23 November 2026, noon UTC.
const CAPTURED_MS: u64 = 1_795_435_200_000;

#[test]
fn places_are_handed_over_with_the_networks_signature() {
    for row in rows(&file("storage")["handover"]) {
        let (access, secret) = (text(row, "access_key"), text(row, "secret_key"));
        let account = match text(row, "endpoint") {
            "" => S3Account::amazon(access, secret, text(row, "region"), text(row, "bucket")),
            endpoint => S3Account::custom(access, secret, "https", endpoint, text(row, "bucket")),
        };
        assert_eq!(account.region, text(row, "region"));
        let theirs = &row["os_info"]["s3info"];
        let policy = String::from_utf8(STANDARD.decode(text(theirs, "policy")).unwrap()).unwrap();
        let prefix = text(row, "session_path");
        let info = account.hand_over_policy(prefix, &policy, CAPTURED_MS);
        assert_eq!(
            hex::encode(info.encode_to_vec()),
            text(row, "os_info_protobuf"),
            "{row}"
        );

        // Our own policy says the same, whatever its white space.
        let ours = account.hand_over(prefix, CAPTURED_MS).s3info.unwrap();
        let ours = STANDARD.decode(ours.policy).unwrap();
        let mut ours: serde_json::Value = serde_json::from_slice(&ours).unwrap();
        let mut theirs: serde_json::Value = serde_json::from_str(&policy).unwrap();
        assert_eq!(ours["expiration"], "2026-11-24T12:00:00.000Z");
        ours["expiration"].take();
        theirs["expiration"].take();
        assert_eq!(ours, theirs);
    }
}

#[test]
fn uploads_have_the_fields_a_store_expects() {
    let file = file("storage");
    let s3 = &file["upload_os_info"];
    let info = OsInfo {
        storage_type: 1,
        s3info: Some(S3osInfo {
            host: text(s3, "host").to_owned(),
            key: text(s3, "key").to_owned(),
            policy: text(s3, "policy").to_owned(),
            signature: text(s3, "signature").to_owned(),
            credential: text(s3, "credential").to_owned(),
            x_amz_date: text(s3, "xAmzDate").to_owned(),
        }),
    };
    for row in rows(&file["upload"]) {
        let fields = &row["fields"];
        let upload = Upload::new(&info, text(row, "name"), text(fields, "Content-Type")).unwrap();
        for field in &upload.fields {
            assert_eq!(field.value, text(fields, field.name), "{row}");
        }
        // All but the file itself and its name.
        assert_eq!(upload.fields.len() + 2, fields.as_object().unwrap().len());
        assert_eq!(upload.file_name, text(fields, "file name"));
        assert_eq!(upload.result_url, text(row, "result_url"));
    }
}
