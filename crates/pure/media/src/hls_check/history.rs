//! One variant over time: its snapshots, and the segments they list.

use std::collections::BTreeMap;

use super::findings::{About, Rule};
use super::media::{Entry, Playlist};
use crate::inspect::MediaInfo;
use crate::mpegts::Ticks;

/// Segments remembered of a variant.
const MAX_REMEMBERED: usize = 8192;

/// Target durations that must be left when a segment leaves.
const KEPT_TARGETS: u64 = 3;

/// A variant as seen so far.
#[derive(Debug, Default)]
pub(super) struct History {
    last: Option<Playlist>,
    /// What was listed, by media sequence number.
    listed: BTreeMap<u64, Listed>,
    measured: Measured,
}

/// A segment as listed, and as fetched.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) entry: Entry,
    /// Discontinuities before it since the start of the stream.
    pub(super) discontinuities: u64,
    pub(super) times: Option<Times>,
}

/// When the pictures of a segment show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) first: Ticks,
    pub(super) end: Ticks,
    pub(super) frame: Ticks,
    pub(super) frames: u64,
}

/// What the segments of a variant are.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    pub(super) peak_bandwidth: u64,
    pub(super) resolution: Option<(u32, u32)>,
    pub(super) frame_rate: Option<(u32, u32)>,
    pub(super) codecs: Vec<String>,
}

impl History {
    /// The target duration of the last snapshot.
    pub(super) fn target(&self) -> Option<u64> {
        self.last.as_ref().map(|last| last.target)
    }

    pub(super) const fn listed(&self) -> &BTreeMap<u64, Listed> {
        &self.listed
    }

    pub(super) const fn measured(&self) -> &Measured {
        &self.measured
    }

    pub(super) fn snapshot(&mut self, playlist: Playlist, found: &mut About<'_>) {
        if let Some(last) = &self.last {
            check_follows(last, &playlist, found);
        }
        let mut discontinuities = playlist.discontinuity_sequence;
        for (number, entry) in (playlist.sequence..).zip(&playlist.entries) {
            discontinuities = discontinuities.saturating_add(u64::from(entry.discontinuity));
            self.list(number, entry, discontinuities, found);
        }
        while self.listed.len() > MAX_REMEMBERED {
            self.listed.pop_first();
        }
        self.last = Some(playlist);
    }

    pub(super) fn segment(&mut self, uri: &str, info: &MediaInfo, found: &mut About<'_>) {
        // Newest first: that is what readers fetch.
        let listed = self.listed.iter_mut().rev();
        let Some((number, listed)) = listed.into_iter().find(|(_, l)| l.entry.uri == uri) else {
            found.add(Rule::UriMissing, "no playlist lists it");
            return;
        };
        let number = *number;
        if listed.entry.gap {
            found.add(Rule::Rewritten, "listed as a gap, yet there");
        }
        let times = times(info);
        check_duration(&listed.entry, times, found);
        listed.times = times;
        self.measured.add(info, listed.entry.millis);
        self.check_chain(number, found);
    }

    fn list(&mut self, number: u64, entry: &Entry, discontinuities: u64, found: &mut About<'_>) {
        let Some(known) = self.listed.get(&number) else {
            let listed = Listed {
                entry: entry.clone(),
                discontinuities,
                times: None,
            };
            self.listed.insert(number, listed);
            return;
        };
        if known.entry != *entry {
            let detail = format!("number {number} was {:?}, is {entry:?}", known.entry);
            found.add(Rule::Rewritten, detail);
        } else if known.discontinuities != discontinuities {
            let before = known.discontinuities;
            let detail = format!("number {number} came after {before}, now {discontinuities}");
            found.add(Rule::Discontinuity, detail);
        }
    }

    /// The segment against those before and behind it.
    fn check_chain(&self, number: u64, found: &mut About<'_>) {
        let pairs = [
            (number.checked_sub(1), Some(number)),
            (Some(number), number.checked_add(1)),
        ];
        for (before, after) in pairs {
            let get = |number: Option<u64>| self.listed.get(&number?);
            let (Some(before), Some(after)) = (get(before), get(after)) else {
                continue;
            };
            let (Some(first), Some(second)) = (before.times, after.times) else {
                continue;
            };
            let gap = second.first.wrapped_distance(first.end);
            if !after.entry.discontinuity && gap.abs() > first.frame {
                let detail = format!(
                    "{} begins {} ticks after {} ends",
                    after.entry.uri, gap, before.entry.uri
                );
                found.add(Rule::Chain, detail);
            }
        }
    }
}

/// One snapshot against the one before.
fn check_follows(last: &Playlist, next: &Playlist, found: &mut About<'_>) {
    if last.ended && last != next {
        found.add(Rule::AfterEnd, "it changed after its end");
    }
    if next.target != last.target {
        let detail = format!("target duration {} became {}", last.target, next.target);
        found.add(Rule::TargetChanged, detail);
    }
    if next.sequence < last.sequence {
        let detail = format!("media sequence {} after {}", next.sequence, last.sequence);
        found.add(Rule::Sequence, detail);
        return;
    }
    if next.discontinuity_sequence < last.discontinuity_sequence {
        found.add(Rule::Discontinuity, "the discontinuity sequence went back");
    }
    let end = |playlist: &Playlist| playlist.sequence + playlist.entries.len() as u64;
    if end(next) < end(last) {
        let detail = format!("it ends with {}, ended with {}", end(next), end(last));
        found.add(Rule::Removed, detail);
    }
    if next.sequence > end(last) {
        let detail = format!("{} numbers were never seen", next.sequence - end(last));
        found.add(Rule::Sequence, detail);
    }
    // Where URIs show that segments left, the sequence must have counted them.
    if let Some(first) = next.entries.first()
        && let Some(index) = last.entries.iter().position(|e| e.uri == first.uri)
        && last.sequence + index as u64 != next.sequence
    {
        let moved = next.sequence - last.sequence;
        let detail = format!("{index} segments left, the sequence moved by {moved}");
        found.add(Rule::Sequence, detail);
    }
    let short = next.millis() < next.target.saturating_mul(1000 * KEPT_TARGETS);
    if next.sequence > last.sequence && !next.ended && short {
        let detail = format!("{} ms are left, less than three targets", next.millis());
        found.add(Rule::Removed, detail);
    }
}

fn check_duration(entry: &Entry, times: Option<Times>, found: &mut About<'_>) {
    let Some(times) = times else {
        return;
    };
    let listed = Ticks(i64::try_from(entry.millis).map_or(i64::MAX, |ms| ms.saturating_mul(90)));
    let played = times.end - times.first;
    // A frame, and the half millisecond the text rounds.
    if (played - listed).abs() > times.frame + Ticks(45) {
        let detail = format!("plays for {played} ticks, listed with {listed}");
        found.add(Rule::Duration, detail);
    }
}

fn times(info: &MediaInfo) -> Option<Times> {
    let video = info.video.as_ref()?;
    let (first, end) = (video.min_pts()?, video.end_pts()?);
    let frames = video.frame_count();
    let count = i64::try_from(frames).ok().filter(|count| *count > 0)?;
    Some(Times {
        first,
        end,
        frame: Ticks(((end - first).0 + count - 1) / count),
        frames,
    })
}

impl Measured {
    fn add(&mut self, info: &MediaInfo, listed_millis: u64) {
        let bits = info.bytes.saturating_mul(8000);
        let bandwidth = bits.checked_div(listed_millis).unwrap_or(0);
        self.peak_bandwidth = self.peak_bandwidth.max(bandwidth);
        if let Some(video) = &info.video {
            self.resolution = Some((video.width, video.height));
            self.frame_rate = video.frame_rate().or(self.frame_rate);
        }
        for codec in info.codec_strings() {
            // A variant has two or three.
            if self.codecs.len() < 16 && !self.codecs.contains(&codec) {
                self.codecs.push(codec);
            }
        }
    }
}
