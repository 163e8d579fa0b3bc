//! What a strict reader finds wrong with the playlists and segments that were fetched.

use streamflow_media::hls_check::{HlsCheck, Severity};
use streamflow_media::inspect;

use crate::reader::Seen;

/// Every violation of the protocol, as text.
pub fn validate(seen: &Seen) -> Vec<String> {
    let mut check = HlsCheck::new();
    check.master(&seen.master);
    let mut unreadable = Vec::new();
    for variant in seen.variants.values() {
        for snapshot in &variant.snapshots {
            check.media(&variant.uri, snapshot);
        }
        for segment in variant.segments.values() {
            match inspect::inspect(&segment.bytes) {
                Ok(info) => check.segment(&variant.uri, &segment.uri, &info),
                Err(error) => unreadable.push(format!("{}: {error}", segment.uri)),
            }
        }
    }
    let report = check.finish();
    let violations = report
        .findings
        .iter()
        .filter(|f| f.rule.severity() == Severity::Must);
    unreadable.extend(violations.map(ToString::to_string));
    unreadable
}
