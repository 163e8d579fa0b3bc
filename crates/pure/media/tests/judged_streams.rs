//! `hls_check` finds each thing that can be wrong, and nothing in what the writers write.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use streamflow_media::hls_check::{HlsCheck, Report, Rule};
use streamflow_media::inspect::{MediaInfo, inspect};
use streamflow_media::mpegts::Ticks;
use streamflow_media::playlist::{Entry, MasterPlaylist, Variant, VariantMeter, Window};

const TWO: Duration = Duration::from_secs(2);

/// The facts of a real segment of 4 s, moved to its place in a stream.
fn segment(number: u64) -> MediaInfo {
    let bytes = include_bytes!("../../../../tests/media/bunny-720p30.ts");
    let mut info = inspect(bytes).unwrap();
    let video = info.video.as_mut().unwrap();
    // The first half: two seconds, 60 frames.
    video.frames.truncate(60);
    let end = Ticks(132_000 + 180_000);
    video.frames.retain(|frame| frame.pts < Some(end));
    let shift = Ticks(i64::try_from(number).unwrap() * 180_000);
    for frame in &mut video.frames {
        frame.pts = frame.pts.map(|pts| pts + shift);
        frame.dts = frame.dts.map(|dts| dts + shift);
    }
    // As if packed with a clock reference in every frame.
    info.transport.as_mut().unwrap().longest_clock_gap = Some(Ticks(3000));
    info.bytes = 600_000;
    info
}

fn uri(number: u64) -> String {
    format!("{number}.ts")
}

fn window_of(numbers: std::ops::Range<u64>) -> Window {
    let mut window = Window::new(6, TWO);
    for number in numbers {
        window
            .push(number, Entry::new(&uri(number), TWO), uri)
            .unwrap();
    }
    window
}

fn master() -> MasterPlaylist {
    let mut meter = VariantMeter::new();
    meter.add(600_000, TWO);
    let variants = ["a.m3u8", "b.m3u8"].map(|uri| {
        let mut variant = Variant::new(uri, meter.peak().unwrap());
        variant.average_bandwidth = meter.average();
        variant.resolution = Some((1280, 720));
        variant.frame_rate = Some((30, 1));
        variant.codecs = vec!["avc1.64001f".into(), "mp4a.40.2".into()];
        variant
    });
    MasterPlaylist {
        variants: variants.into(),
        independent_segments: true,
    }
}

/// A whole stream of two variants as a reader sees it; `alter` may change what is fetched.
fn judged(alter: impl Fn(&str, u64, &mut MediaInfo)) -> Report {
    let mut check = HlsCheck::new();
    check.master(&master().write());
    for variant in ["a.m3u8", "b.m3u8"] {
        for last in 3..20 {
            check.media(variant, &window_of(0..last).playlist().write());
            let number = last - 1;
            let mut info = segment(number);
            alter(variant, number, &mut info);
            check.segment(variant, &uri(number), &info);
        }
    }
    check.finish()
}

fn rules(report: &Report) -> Vec<Rule> {
    let mut rules: Vec<Rule> = report.findings.iter().map(|finding| finding.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}

fn of_master(text: &str) -> Vec<Rule> {
    let mut check = HlsCheck::new();
    check.master(text);
    rules(&check.finish())
}

fn of_snapshots(texts: &[&str]) -> Vec<Rule> {
    let mut check = HlsCheck::new();
    texts.iter().for_each(|text| check.media("a.m3u8", text));
    rules(&check.finish())
}

/// A media playlist of segments of two seconds.
fn list(head: &str, entries: &[&str]) -> String {
    let mut text = format!("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n{head}\n");
    for entry in entries {
        text.push_str(&format!("#EXTINF:2.000,\n{entry}\n"));
    }
    text
}

#[test]
fn what_the_writers_write_is_without_fault() {
    let report = judged(|_, _, _| {});
    assert_eq!(report.findings, []);
    assert_eq!((report.playlists, report.segments), (35, 34));
}

#[test]
fn faults_of_segments_are_found() {
    type Alteration = fn(&mut MediaInfo);
    let cases: [(Rule, Alteration); 7] = [
        (Rule::Transport, |info| {
            info.transport.as_mut().unwrap().continuity_errors = 1
        }),
        (Rule::Tables, |info| {
            info.transport.as_mut().unwrap().tables_first = false
        }),
        (Rule::Clock, |info| {
            info.transport.as_mut().unwrap().longest_clock_gap = Some(Ticks(9001));
        }),
        (Rule::KeyFrame, |info| {
            info.video.as_mut().unwrap().frames[0].idr = false
        }),
        (Rule::Times, |info| {
            let frames = &mut info.video.as_mut().unwrap().frames;
            frames[5].dts = frames[4].dts;
        }),
        (Rule::Duration, |info| {
            info.video.as_mut().unwrap().frames.truncate(40)
        }),
        (Rule::Declared, |info| info.bytes = 900_000),
    ];
    for (rule, alteration) in cases {
        let report = judged(|variant, number, info| {
            if variant == "a.m3u8" && number == 7 {
                alteration(info);
            }
        });
        assert!(
            rules(&report).contains(&rule),
            "{rule:?}: {:?}",
            report.findings
        );
    }
}

#[test]
fn a_shifted_segment_breaks_the_chain_and_the_alignment() {
    let report = judged(|variant, number, info| {
        if variant == "b.m3u8" && number == 7 {
            for frame in &mut info.video.as_mut().unwrap().frames {
                frame.pts = frame.pts.map(|pts| pts + Ticks(4000));
                frame.dts = frame.dts.map(|dts| dts + Ticks(4000));
            }
        }
    });
    assert_eq!(rules(&report), [Rule::Chain, Rule::Alignment]);
}

#[test]
fn faults_of_a_master_playlist_are_found() {
    let good = master().write();
    assert_eq!(of_master(&good), []);
    for (from, to, rule) in [
        ("#EXTM3U\n", "\n", Rule::Tag),
        ("BANDWIDTH=2400000,AVERAGE", "AVERAGE", Rule::Tag),
        ("RESOLUTION=1280x720", "RESOLUTION=1280", Rule::Syntax),
        (",CODECS=\"avc1.64001f,mp4a.40.2\"", "", Rule::Attribute),
        ("a.m3u8\n", "", Rule::UriMissing),
        ("b.m3u8\n", "a.m3u8\n", Rule::UriMissing),
        ("a.m3u8\n", "a.m3u8\n#EXT-X-ENDLIST\n", Rule::Tag),
    ] {
        let found = of_master(&good.replacen(from, to, 1));
        assert!(found.contains(&rule), "{from:?} to {to:?}: {found:?}");
    }
    assert_eq!(of_master(&master().write_compatible()), [Rule::Attribute]);
}

#[test]
fn faults_of_one_media_playlist_are_found() {
    let good = list("#EXT-X-MEDIA-SEQUENCE:4", &["4.ts", "5.ts", "6.ts"]);
    assert_eq!(of_snapshots(&[&good]), []);
    for (from, to, rule) in [
        ("#EXT-X-TARGETDURATION:2\n", "", Rule::Tag),
        ("#EXT-X-VERSION:3\n", "#EXT-X-VERSION:2\n", Rule::Version),
        ("2.000,", "2.500,", Rule::TargetExceeded),
        ("2.000,", "2.000", Rule::Syntax),
        ("5.ts", "4.ts", Rule::UriMissing),
        ("5.ts\n", "", Rule::UriMissing),
        ("#EXTINF:2.000,\n5.ts", "5.ts", Rule::Tag),
        ("5.ts", "5.ts\n#EXT-X-MEDIA-SEQUENCE:9", Rule::Tag),
        ("5.ts", "5.ts\n#EXT-X-PROGRAM-DATE-TIME:now", Rule::Syntax),
    ] {
        let found = of_snapshots(&[&good.replacen(from, to, 1)]);
        assert!(found.contains(&rule), "{from:?} to {to:?}: {found:?}");
    }
}

#[test]
fn faults_between_snapshots_are_found() {
    let before = list("#EXT-X-MEDIA-SEQUENCE:4", &["4.ts", "5.ts", "6.ts"]);
    let after = |sequence: u64, entries: &[&str]| {
        list(&format!("#EXT-X-MEDIA-SEQUENCE:{sequence}"), entries)
    };
    let good = after(5, &["5.ts", "6.ts", "7.ts"]);
    assert_eq!(of_snapshots(&[&before, &before, &good]), []);
    for (next, rule) in [
        (after(4, &["5.ts", "6.ts", "7.ts"]), Rule::Rewritten),
        (after(6, &["5.ts", "6.ts", "7.ts"]), Rule::Sequence),
        (after(3, &["3.ts", "4.ts", "5.ts", "6.ts"]), Rule::Sequence),
        (after(5, &["5.ts", "other.ts", "7.ts"]), Rule::Rewritten),
        (after(4, &["4.ts", "5.ts"]), Rule::Removed),
        (after(5, &["5.ts", "6.ts"]), Rule::Removed),
        (after(9, &["9.ts", "10.ts", "11.ts"]), Rule::Sequence),
        (
            good.replace("TARGETDURATION:2", "TARGETDURATION:3"),
            Rule::TargetChanged,
        ),
    ] {
        let found = of_snapshots(&[&before, &next]);
        assert!(found.contains(&rule), "{rule:?}: {found:?}\n{next}");
    }
    let ended = format!("{before}#EXT-X-ENDLIST\n");
    assert_eq!(of_snapshots(&[&ended, &ended]), []);
    assert_eq!(of_snapshots(&[&ended, &good]), [Rule::AfterEnd]);
}

#[test]
fn discontinuities_that_leave_are_counted() {
    let mut window = Window::new(3, TWO);
    let mut check = HlsCheck::new();
    for number in 0..9 {
        let mut entry = Entry::new(&uri(number), TWO);
        entry.discontinuity = number == 3;
        window.push(number, entry, uri).unwrap();
        check.media("a.m3u8", &window.playlist().write());
    }
    assert_eq!(check.finish().findings, []);
    let marked = "#EXT-X-DISCONTINUITY\n#EXTINF:2.000,\n5.ts\n#EXTINF:2.000,\n6.ts\n";
    let before = list("#EXT-X-MEDIA-SEQUENCE:4", &["4.ts"]) + marked;
    let uncounted = list("#EXT-X-MEDIA-SEQUENCE:6", &["6.ts", "7.ts", "8.ts"]);
    assert_eq!(of_snapshots(&[&before, &uncounted]), [Rule::Discontinuity]);
}
