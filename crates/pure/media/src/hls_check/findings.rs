//! What can be wrong.

use std::fmt;

use super::{MAX_FINDINGS, Report};

/// How wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Players may cope, but are told less than they could be.
    Should,
    /// Against the protocol: some players fail.
    Must,
}

/// The rule that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// A line, attribute or number that cannot be read.
    Syntax,
    /// A tag is missing, doubled, out of place, or of the other kind of playlist.
    Tag,
    /// The version is too low for what the playlist uses.
    Version,
    /// A URI is missing, or listed twice.
    UriMissing,
    /// An attribute players need is missing.
    Attribute,
    /// A segment is longer than the target duration.
    TargetExceeded,
    /// The target duration changed, or differs among variants.
    TargetChanged,
    /// The media sequence went back, or does not count removed segments.
    Sequence,
    /// A published segment changed.
    Rewritten,
    /// A segment left from the end, or so early that too little was left.
    Removed,
    /// Discontinuities are not counted when they leave, or differ among variants.
    Discontinuity,
    /// The playlist changed after its end.
    AfterEnd,
    /// The master playlist says other than the segments.
    Declared,
    /// A segment lost packets or bytes.
    Transport,
    /// The program tables are not in front.
    Tables,
    /// More than 100 ms between clock references.
    Clock,
    /// Decoding times do not rise, or a picture shows before it decodes.
    Times,
    /// A segment does not start with a picture that resets the decoder.
    KeyFrame,
    /// A segment does not begin where the one before ended.
    Chain,
    /// A segment plays for another time than listed.
    Duration,
    /// Variants list or show different things under one number.
    Alignment,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The playlist or segment.
    pub subject: String,
    /// The rule that was broken.
    pub rule: Rule,
    /// How it was broken.
    pub detail: String,
}

impl Rule {
    /// How wrong it is to break it.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Attribute | Self::Clock | Self::Declared => Severity::Should,
            _ => Severity::Must,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            subject,
            rule,
            detail,
        } = self;
        write!(f, "{subject}: {detail} [{rule:?}]")
    }
}

#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    omitted: u64,
    pub(super) playlists: u64,
    pub(super) segments: u64,
}

/// Findings about one thing.
pub(super) struct About<'a> {
    findings: &'a mut Findings,
    subject: String,
}

impl Findings {
    pub(super) fn about(&mut self, subject: &str) -> About<'_> {
        About {
            findings: self,
            subject: subject.to_owned(),
        }
    }

    pub(super) fn into_report(self) -> Report {
        Report {
            findings: self.kept,
            omitted: self.omitted,
            playlists: self.playlists,
            segments: self.segments,
        }
    }
}

impl About<'_> {
    pub(super) fn add(&mut self, rule: Rule, detail: impl Into<String>) {
        if self.findings.kept.len() >= MAX_FINDINGS {
            self.findings.omitted += 1;
            return;
        }
        self.findings.kept.push(Finding {
            subject: self.subject.clone(),
            rule,
            detail: detail.into(),
        });
    }
}
