//! What became of each source segment, rendition by rendition.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::probe::{self, Facts};
use crate::reader::{Fetched, Seen, Variant};

/// The name of the variant that carries the source.
pub const SOURCE: &str = "source";

/// Half a tick of slack would do; this is one millisecond in ticks of 90 kHz.
const PTS_SLACK: i64 = 90;

/// How a rendition of one segment failed its buyer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Never listed, or listed as a gap.
    Missing,
    /// Listed after the deadline, by this many milliseconds.
    Late(u64),
    /// Does not decode without error.
    Undecodable(String),
    /// Not the size the ladder says.
    Size(String),
    /// Other presentation times than the source's.
    Timestamps(String),
    /// Does not start with a key frame.
    NoKeyFrame,
    /// The source has sound, this has not.
    NoAudio,
}

/// One rendition of one segment.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What was found in it, where it was there.
    pub facts: Option<Facts>,
    /// Bytes of it.
    pub bytes: usize,
    /// From the source segment readable to this rendition readable.
    pub latency: Option<Duration>,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
}

/// What the reader expects of a rendition.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Its name.
    pub name: String,
    /// Width and height, where the caller knows them.
    pub size: Option<(u32, u32)>,
}

/// Verdicts by source segment number, then by rendition name.
pub type Verdicts = BTreeMap<u64, BTreeMap<String, Verdict>>;

/// The time a segment has from its last source byte to its last rendition.
pub fn deadline(duration: Duration) -> Duration {
    (duration * 3).max(Duration::from_secs(6))
}

/// Judges every source segment whose deadline had passed when reading ended.
pub async fn judge(seen: &Seen, expected: &[Expected], ended: Instant) -> anyhow::Result<Verdicts> {
    let mut verdicts = Verdicts::new();
    let Some(source) = seen.variants.get(SOURCE) else {
        return Ok(verdicts);
    };
    for (&number, segment) in &source.segments {
        if segment.at + deadline(segment.duration) > ended {
            continue;
        }
        let facts = probe::examine(&segment.bytes).await?;
        let mut row = BTreeMap::new();
        for rendition in expected {
            let variant = seen.variants.get(&rendition.name);
            let verdict = one(number, segment, &facts, rendition, variant).await?;
            row.insert(rendition.name.clone(), verdict);
        }
        let verdict = Verdict {
            bytes: segment.bytes.len(),
            latency: None,
            faults: faults_of_decoding(&facts),
            facts: Some(facts),
        };
        row.insert(SOURCE.to_owned(), verdict);
        verdicts.insert(number, row);
    }
    Ok(verdicts)
}

async fn one(
    number: u64,
    source: &Fetched,
    source_facts: &Facts,
    expected: &Expected,
    variant: Option<&Variant>,
) -> anyhow::Result<Verdict> {
    let Some(fetched) = variant.and_then(|variant| variant.segments.get(&number)) else {
        return Ok(Verdict {
            facts: None,
            bytes: 0,
            latency: None,
            faults: vec![Fault::Missing],
        });
    };
    let facts = probe::examine(&fetched.bytes).await?;
    // What was listed when the reader came may have been there for long: its latency is unknown.
    let is_timed = source.is_new && fetched.is_new;
    let latency = is_timed.then(|| fetched.at.saturating_duration_since(source.at));
    let mut faults = faults_of_decoding(&facts);
    if let Some(over) = latency.and_then(|took| took.checked_sub(deadline(source.duration))) {
        faults.push(Fault::Late(
            u64::try_from(over.as_millis()).unwrap_or(u64::MAX),
        ));
    }
    if expected
        .size
        .is_some_and(|size| size != (facts.width, facts.height))
    {
        faults.push(Fault::Size(format!("{}x{}", facts.width, facts.height)));
    }
    faults.extend(faults_of_time(&facts.pts, &source_facts.pts));
    if source_facts.audio && !facts.audio {
        faults.push(Fault::NoAudio);
    }
    Ok(Verdict {
        bytes: fetched.bytes.len(),
        latency,
        facts: Some(facts),
        faults,
    })
}

fn faults_of_decoding(facts: &Facts) -> Vec<Fault> {
    let mut faults = Vec::new();
    if let Some(line) = facts.decode_errors.first() {
        faults.push(Fault::Undecodable(line.clone()));
    }
    if !facts.starts_with_key {
        faults.push(Fault::NoKeyFrame);
    }
    faults
}

fn faults_of_time(ours: &[i64], source: &[i64]) -> Option<Fault> {
    if ours.len() != source.len() {
        return Some(Fault::Timestamps(format!(
            "{} frames for {}",
            ours.len(),
            source.len()
        )));
    }
    let worst = ours.iter().zip(source).map(|(a, b)| (a - b).abs()).max()?;
    (worst > PTS_SLACK).then(|| Fault::Timestamps(format!("off by up to {worst} ticks")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_frame_is_a_fault() {
        assert_eq!(faults_of_time(&[0, 3000], &[0, 3000]), None);
        assert_eq!(faults_of_time(&[0, 3090], &[0, 3000]), None);
        assert!(faults_of_time(&[0, 3091], &[0, 3000]).is_some());
        assert!(faults_of_time(&[0], &[0, 3000]).is_some());
    }

    #[test]
    fn the_deadline_is_three_times_the_duration_but_six_seconds_at_least() {
        assert_eq!(deadline(Duration::from_secs(1)), Duration::from_secs(6));
        assert_eq!(deadline(Duration::from_secs(4)), Duration::from_secs(12));
    }
}
