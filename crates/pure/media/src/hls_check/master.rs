//! Master playlists.

use super::findings::{About, Rule};
use super::history::History;
use super::text::{self, Line};

/// Tags that belong to media playlists alone.
const MEDIA_TAGS: [&str; 8] = [
    "#EXTINF",
    "#EXT-X-TARGETDURATION",
    "#EXT-X-MEDIA-SEQUENCE",
    "#EXT-X-DISCONTINUITY",
    "#EXT-X-DISCONTINUITY-SEQUENCE",
    "#EXT-X-ENDLIST",
    "#EXT-X-GAP",
    "#EXT-X-PROGRAM-DATE-TIME",
];

/// Version from which a programme's number is no attribute any more.
const WITHOUT_PROGRAM_ID: u64 = 6;

#[derive(Debug, Default)]
pub(super) struct Master {
    pub(super) variants: Vec<Declared>,
}

/// What a master playlist says of a variant.
#[derive(Debug, Default, Clone)]
pub(super) struct Declared {
    pub(super) uri: String,
    bandwidth: u64,
    resolution: Option<(u32, u32)>,
    /// Thousandths of a frame a second.
    frame_rate: Option<u64>,
    codecs: Vec<String>,
}

impl Master {
    pub(super) fn parse(text: &str, found: &mut About<'_>) -> Option<Self> {
        let lines = text::lines(text, found)?;
        let mut master = Self::default();
        let mut version = None;
        let mut pending: Option<Declared> = None;
        for (number, line) in lines {
            match line {
                Line::Tag("#EXT-X-VERSION", value) => {
                    if version.is_some() {
                        found.add(Rule::Tag, format!("line {number}: a second version"));
                    }
                    version = text::number(value);
                    if version.is_none() {
                        found.add(Rule::Syntax, format!("line {number}: version {value:?}"));
                    }
                }
                Line::Tag("#EXT-X-STREAM-INF", value) => {
                    if pending.is_some() {
                        found.add(Rule::UriMissing, format!("line {number}: no URI before it"));
                    }
                    pending = Some(Declared::parse(value, version, number, found));
                }
                Line::Tag(tag, _) if MEDIA_TAGS.contains(&tag) => {
                    found.add(
                        Rule::Tag,
                        format!("line {number}: {tag} of media playlists"),
                    );
                }
                Line::Tag(..) => {}
                Line::Uri(uri) => match pending.take() {
                    Some(declared) => master.add(uri, declared, found),
                    None => found.add(Rule::Tag, format!("line {number}: a URI without tag")),
                },
            }
        }
        if pending.is_some() {
            found.add(Rule::UriMissing, "the last variant has no URI");
        }
        if master.variants.is_empty() {
            found.add(Rule::Tag, "no variant");
        }
        Some(master)
    }

    /// Players read the master once: variants must not vanish.
    pub(super) fn check_follows(&self, last: &Self, found: &mut About<'_>) {
        for variant in &last.variants {
            if !self.variants.iter().any(|v| v.uri == variant.uri) {
                found.add(Rule::Removed, format!("variant {} vanished", variant.uri));
            }
        }
    }

    fn add(&mut self, uri: &str, mut declared: Declared, found: &mut About<'_>) {
        if self.variants.iter().any(|variant| variant.uri == uri) {
            found.add(Rule::UriMissing, format!("variant {uri} stands twice"));
            return;
        }
        uri.clone_into(&mut declared.uri);
        self.variants.push(declared);
    }
}

impl Declared {
    fn parse(list: &str, version: Option<u64>, line: usize, found: &mut About<'_>) -> Self {
        let mut declared = Self::default();
        let attributes = match text::attributes(list) {
            Ok(attributes) => attributes,
            Err(problem) => {
                found.add(Rule::Syntax, format!("line {line}: {problem}"));
                return declared;
            }
        };
        let mut average = None;
        for (name, value) in &attributes {
            let read = match *name {
                "BANDWIDTH" => {
                    let number = text::number(value).filter(|n| *n > 0);
                    declared.bandwidth = number.unwrap_or(0);
                    number.is_some()
                }
                "AVERAGE-BANDWIDTH" => {
                    average = text::number(value);
                    average.is_some()
                }
                "RESOLUTION" => {
                    declared.resolution = resolution(value);
                    declared.resolution.is_some()
                }
                "FRAME-RATE" => {
                    declared.frame_rate = text::thousandths(value);
                    declared.frame_rate.is_some()
                }
                "CODECS" => {
                    let names = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
                    let names = names.unwrap_or_default().split(',').map(str::trim);
                    declared.codecs = names.filter(|n| !n.is_empty()).map(str::to_owned).collect();
                    !declared.codecs.is_empty()
                }
                "PROGRAM-ID" => version.is_none_or(|version| version < WITHOUT_PROGRAM_ID),
                _ => true,
            };
            if !read {
                found.add(Rule::Syntax, format!("line {line}: {name}={value}"));
            }
        }
        let given = |wanted: &str| attributes.iter().any(|(name, _)| *name == wanted);
        if !given("BANDWIDTH") {
            found.add(Rule::Tag, format!("line {line}: no BANDWIDTH"));
        }
        for wanted in ["AVERAGE-BANDWIDTH", "RESOLUTION", "FRAME-RATE", "CODECS"] {
            if !given(wanted) {
                found.add(Rule::Attribute, format!("line {line}: no {wanted}"));
            }
        }
        if average.is_some_and(|average| average > declared.bandwidth) {
            found.add(Rule::Declared, format!("line {line}: average above peak"));
        }
        declared
    }

    /// Holds what was declared against the segments seen.
    pub(super) fn check_measured(&self, history: &History, found: &mut About<'_>) {
        let measured = history.measured();
        if measured.peak_bandwidth > self.bandwidth {
            let (peak, declared) = (measured.peak_bandwidth, self.bandwidth);
            let detail = format!("a segment of {peak} bit/s, BANDWIDTH={declared}");
            found.add(Rule::Declared, detail);
        }
        if let (Some(declared), Some(seen)) = (self.resolution, measured.resolution)
            && declared != seen
        {
            found.add(
                Rule::Declared,
                format!("pictures of {seen:?}, not {declared:?}"),
            );
        }
        if let (Some(declared), Some((num, den))) = (self.frame_rate, measured.frame_rate) {
            let seen = u64::from(num) * 1000 / u64::from(den.max(1));
            // Two in a thousand: times in whole milliseconds are not better.
            if declared.abs_diff(seen) * 500 > declared {
                let detail = format!("{seen} frames in 1000 s, not {declared}");
                found.add(Rule::Declared, detail);
            }
        }
        for codec in &measured.codecs {
            if !self.codecs.is_empty() && !self.codecs.contains(codec) {
                let detail = format!("{codec} is not among {:?}", self.codecs);
                found.add(Rule::Declared, detail);
            }
        }
    }
}

fn resolution(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once('x')?;
    let side = |text| text::number(text).and_then(|n| u32::try_from(n).ok());
    Some((side(width)?, side(height)?))
}
