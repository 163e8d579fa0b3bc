//! The frame-rate plan shows the frames that FFmpeg's `fps` filter shows.

use std::num::NonZeroU32;

use streamflow_media::plan::frame_rate::{FrameRatePlan, TimeBase};

use crate::made::run;

/// A checksum of each picture after a filter.
fn pictures(rate: &str, filter: &str) -> Vec<String> {
    let arguments = format!(
        "-f lavfi -i testsrc2=size=64x64:rate={rate}:duration=2 -vf {filter} \
         -fps_mode passthrough -f framecrc -"
    );
    let text = String::from_utf8(run("ffmpeg", &arguments, None)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit(',').next().unwrap().trim().to_owned())
        .collect()
}

fn ratio(text: &str) -> (u32, u32) {
    let (num, den) = text.split_once('/').unwrap_or((text, "1"));
    (num.parse().unwrap(), den.parse().unwrap())
}

#[test]
fn the_same_frames_are_shown_as_by_the_filter() {
    for (from, to) in [
        ("60", "30"),
        ("30", "60"),
        ("25", "30"),
        ("30", "25"),
        ("60000/1001", "30"),
        ("30000/1001", "30"),
        ("30", "30000/1001"),
        ("24000/1001", "30000/1001"),
        ("50", "24"),
        ("60", "1"),
    ] {
        let source = pictures(from, "null");
        let (num, den) = ratio(to);
        let unit = ratio(from);
        let mut plan = FrameRatePlan::new(
            NonZeroU32::new(num).unwrap(),
            NonZeroU32::new(den).unwrap(),
            TimeBase::new(unit.1, unit.0).unwrap(),
        );
        let frames = i64::try_from(source.len()).unwrap();
        let mut counts: Vec<u64> = (0..frames).map(|n| plan.push(n).unwrap()).collect();
        counts.push(plan.finish(Some(1)).unwrap());
        let shown = source.iter().zip(&counts[1..]);
        let shown: Vec<_> = shown
            .flat_map(|(picture, count)| std::iter::repeat_n(picture.clone(), *count as usize))
            .collect();
        assert_eq!(
            shown,
            pictures(from, &format!("fps={to}")),
            "{from} to {to}"
        );
    }
}
