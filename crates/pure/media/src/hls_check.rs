//! Judges HLS output as a strict reader would: each playlist for itself, its successive snapshots,
//! the segments it lists, and the variants against each other.
//!
//! [`HlsCheck`] is fed what a reader fetched, in the order it was fetched, and keeps the findings.
//! It fetches nothing itself, repairs nothing, and trusts no counter of the node it judges.

mod aligned;
mod findings;
mod history;
mod master;
mod media;
mod segments;
mod text;

use std::collections::BTreeMap;

use self::findings::Findings;
use self::history::History;
use self::master::Master;
use crate::inspect::MediaInfo;

pub use self::findings::{Finding, Rule, Severity};

/// Variants looked at.
const MAX_VARIANTS: usize = 64;

/// Findings kept; further ones are only counted.
pub const MAX_FINDINGS: usize = 1000;

/// Judges one stream.
#[derive(Debug, Default)]
pub struct HlsCheck {
    master: Option<Master>,
    /// By their URI in the master playlist.
    variants: BTreeMap<String, History>,
    findings: Findings,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong, in the order it was found; at most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub omitted: u64,
    /// Playlists judged.
    pub playlists: u64,
    /// Segments judged.
    pub segments: u64,
}

impl HlsCheck {
    /// For a stream of which nothing was fetched.
    pub fn new() -> Self {
        Self::default()
    }

    /// A master playlist was fetched.
    pub fn master(&mut self, text: &str) {
        self.findings.playlists += 1;
        let mut found = self.findings.about("master playlist");
        let Some(master) = Master::parse(text, &mut found) else {
            return;
        };
        if let Some(last) = &self.master {
            master.check_follows(last, &mut found);
        }
        self.master = Some(master);
    }

    /// The media playlist of a variant was fetched. `variant` is its URI in the master playlist.
    pub fn media(&mut self, variant: &str, text: &str) {
        self.findings.playlists += 1;
        let mut found = self.findings.about(variant);
        let Some(playlist) = media::Playlist::parse(text, &mut found) else {
            return;
        };
        if self.variants.len() >= MAX_VARIANTS && !self.variants.contains_key(variant) {
            found.add(
                Rule::Alignment,
                format!("more than {MAX_VARIANTS} variants"),
            );
            return;
        }
        let history = self.variants.entry(variant.to_owned()).or_default();
        history.snapshot(playlist, &mut found);
    }

    /// A segment was fetched. `uri` is as the media playlist of `variant` has it.
    pub fn segment(&mut self, variant: &str, uri: &str, info: &MediaInfo) {
        self.findings.segments += 1;
        let mut found = self.findings.about(&format!("{variant}: {uri}"));
        segments::check(info, &mut found);
        let Some(history) = self.variants.get_mut(variant) else {
            found.add(Rule::UriMissing, "no playlist lists it");
            return;
        };
        history.segment(uri, info, &mut found);
    }

    /// Everything was fetched: what the playlists said is held against what the segments are, and
    /// the variants against each other.
    pub fn finish(mut self) -> Report {
        if let Some(master) = &self.master {
            for variant in &master.variants {
                if let Some(history) = self.variants.get(&variant.uri) {
                    let mut found = self.findings.about(&variant.uri);
                    variant.check_measured(history, &mut found);
                }
            }
        }
        aligned::check(&self.variants, &mut self.findings);
        self.findings.into_report()
    }
}
