//! Variants against each other. Players switch between them at any segment.

use std::collections::BTreeMap;

use super::findings::{Findings, Rule};
use super::history::{History, Listed};
use crate::mpegts::Ticks;

/// How far first pictures may be apart: 1 ms.
const TIME_SLACK: Ticks = Ticks(90);

/// Each variant against the first.
pub(super) fn check(variants: &BTreeMap<String, History>, findings: &mut Findings) {
    let mut all = variants.iter();
    let Some((reference, first)) = all.next() else {
        return;
    };
    for (name, history) in all {
        let mut found = findings.about(&format!("{name} against {reference}"));
        if history.target() != first.target() {
            found.add(Rule::TargetChanged, "they have different target durations");
        }
        let mut shared = 0u64;
        for (number, ours) in history.listed() {
            let Some(theirs) = first.listed().get(number) else {
                continue;
            };
            shared += 1;
            for (rule, problem) in differences(ours, theirs) {
                found.add(rule, format!("number {number}: {problem}"));
            }
        }
        if shared == 0 && !history.listed().is_empty() && !first.listed().is_empty() {
            found.add(Rule::Alignment, "they have no number in common");
        }
    }
}

fn differences(ours: &Listed, theirs: &Listed) -> Vec<(Rule, String)> {
    let mut found = Vec::new();
    if ours.discontinuities != theirs.discontinuities {
        let (a, b) = (ours.discontinuities, theirs.discontinuities);
        found.push((Rule::Discontinuity, format!("after {a}, not {b}")));
    }
    let (Some(a), Some(b)) = (ours.times, theirs.times) else {
        return found;
    };
    let frame = a.frame.max(b.frame);
    let begin = a.first.wrapped_distance(b.first);
    if begin.abs() > TIME_SLACK {
        found.push((Rule::Alignment, format!("begins {begin} ticks apart")));
    }
    let longer = (a.end - a.first) - (b.end - b.first);
    if longer.abs() > frame {
        let (a, b) = (a.frames, b.frames);
        let detail = format!("plays {longer} ticks longer ({a} frames, {b} frames)");
        found.push((Rule::Alignment, detail));
    }
    found
}
