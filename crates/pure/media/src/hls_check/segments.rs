//! One segment for itself.

use super::findings::{About, Rule};
use crate::inspect::{MediaInfo, TransportInfo, VideoInfo};
use crate::mpegts::Ticks;

/// Longest time between clock references.
const MAX_CLOCK_GAP: Ticks = Ticks::from_millis(100);

pub(super) fn check(info: &MediaInfo, found: &mut About<'_>) {
    if let Some(transport) = &info.transport {
        check_transport(transport, found);
    }
    match &info.video {
        Some(video) if video.has_picture() => check_video(video, found),
        Some(_) => found.add(Rule::KeyFrame, "a video track without pictures"),
        None => {}
    }
}

fn check_transport(transport: &TransportInfo, found: &mut About<'_>) {
    if transport.lost_bytes > 0 {
        let detail = format!("{} bytes outside packets", transport.lost_bytes);
        found.add(Rule::Transport, detail);
    }
    if transport.continuity_errors > 0 {
        let detail = format!("{} continuity errors", transport.continuity_errors);
        found.add(Rule::Transport, detail);
    }
    if transport.table_errors > 0 || !transport.tables_first {
        found.add(
            Rule::Tables,
            "the program tables are not whole and in front",
        );
    }
    if let Some(gap) = transport
        .longest_clock_gap
        .filter(|gap| *gap > MAX_CLOCK_GAP)
    {
        let detail = format!("{} ms between clock references", gap.0 / 90);
        found.add(Rule::Clock, detail);
    }
}

fn check_video(video: &VideoInfo, found: &mut About<'_>) {
    if !video.frames.first().is_some_and(|frame| frame.idr) {
        found.add(
            Rule::KeyFrame,
            "the first picture does not reset the decoder",
        );
    }
    let mut last = None;
    for frame in &video.frames {
        let (Some(pts), Some(dts)) = (frame.pts, frame.dts) else {
            continue;
        };
        if pts < dts {
            found.add(Rule::Times, format!("shows at {pts}, decodes at {dts}"));
        }
        if last.is_some_and(|last| dts <= last) {
            found.add(Rule::Times, format!("decoding time {dts} does not rise"));
        }
        last = Some(dts);
    }
    let mut times = video.sorted_pts();
    let count = times.len();
    times.dedup();
    if times.len() < count {
        found.add(Rule::Times, "two pictures show at one time");
    }
}
