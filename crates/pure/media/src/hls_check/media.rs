//! One media playlist for itself.

use super::findings::{About, Rule};
use super::text::{self, Line};

/// Version from which durations may have fractions.
const WITH_FRACTIONS: u64 = 3;

/// Entries looked at.
const MAX_ENTRIES: usize = 100_000;

/// Highest media sequence number looked at, so that counting on from it cannot overflow.
const MAX_SEQUENCE: u64 = 1 << 62;

/// A media playlist as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Playlist {
    /// Seconds.
    pub(super) target: u64,
    pub(super) sequence: u64,
    pub(super) discontinuity_sequence: u64,
    pub(super) entries: Vec<Entry>,
    pub(super) ended: bool,
}

/// One entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) uri: String,
    pub(super) millis: u64,
    pub(super) discontinuity: bool,
    pub(super) gap: bool,
}

/// A playlist while it is read.
#[derive(Default)]
struct Reader {
    playlist: Playlist,
    version: Option<u64>,
    target: Option<u64>,
    sequence: Option<u64>,
    discontinuity_sequence: Option<u64>,
    /// The next entry, as its tags have it.
    next: Entry,
    duration: Option<u64>,
    discontinuity_seen: bool,
    fractions: bool,
}

impl Playlist {
    pub(super) fn parse(text: &str, found: &mut About<'_>) -> Option<Self> {
        let mut reader = Reader::default();
        for (number, line) in text::lines(text, found)? {
            match line {
                Line::Tag(tag, value) => reader.tag(number, tag, value, found),
                Line::Uri(uri) => reader.uri(number, uri, found),
            }
        }
        reader.finish(found)
    }

    /// Milliseconds of all entries.
    pub(super) fn millis(&self) -> u64 {
        self.entries
            .iter()
            .fold(0, |sum, e| sum.saturating_add(e.millis))
    }
}

impl Reader {
    fn tag(&mut self, number: usize, tag: &str, value: &str, found: &mut About<'_>) {
        let in_header = self.playlist.entries.is_empty();
        match tag {
            "#EXT-X-VERSION" => once(&mut self.version, number, tag, value, true, found),
            "#EXT-X-TARGETDURATION" => once(&mut self.target, number, tag, value, true, found),
            "#EXT-X-MEDIA-SEQUENCE" => {
                once(&mut self.sequence, number, tag, value, in_header, found);
            }
            "#EXT-X-DISCONTINUITY-SEQUENCE" => {
                let early = in_header && !self.discontinuity_seen;
                once(
                    &mut self.discontinuity_sequence,
                    number,
                    tag,
                    value,
                    early,
                    found,
                );
            }
            "#EXTINF" => self.duration(number, value, found),
            "#EXT-X-DISCONTINUITY" => {
                self.next.discontinuity = true;
                self.discontinuity_seen = true;
            }
            "#EXT-X-GAP" => self.next.gap = true,
            "#EXT-X-PROGRAM-DATE-TIME" if !is_date(value) => {
                found.add(Rule::Syntax, format!("line {number}: date {value:?}"));
            }
            "#EXT-X-ENDLIST" => {
                if self.playlist.ended {
                    found.add(Rule::Tag, format!("line {number}: a second end"));
                }
                self.playlist.ended = true;
            }
            "#EXT-X-STREAM-INF" | "#EXT-X-MEDIA" | "#EXT-X-I-FRAME-STREAM-INF" => {
                found.add(
                    Rule::Tag,
                    format!("line {number}: {tag} of master playlists"),
                );
            }
            _ => {}
        }
    }

    fn duration(&mut self, number: usize, value: &str, found: &mut About<'_>) {
        if self.duration.is_some() {
            found.add(Rule::UriMissing, format!("line {number}: no URI before it"));
        }
        let Some((duration, _title)) = value.split_once(',') else {
            found.add(Rule::Syntax, format!("line {number}: no comma in EXTINF"));
            return;
        };
        self.fractions |= duration.contains('.');
        self.duration = text::thousandths(duration);
        if self.duration.is_none_or(|millis| millis == 0) {
            found.add(
                Rule::Syntax,
                format!("line {number}: duration {duration:?}"),
            );
        }
    }

    fn uri(&mut self, number: usize, uri: &str, found: &mut About<'_>) {
        let mut entry = std::mem::take(&mut self.next);
        uri.clone_into(&mut entry.uri);
        match self.duration.take() {
            Some(millis) => entry.millis = millis,
            None => found.add(Rule::Tag, format!("line {number}: a URI without EXTINF")),
        }
        if self.playlist.entries.len() >= MAX_ENTRIES {
            return;
        }
        self.playlist.entries.push(entry);
    }

    fn finish(mut self, found: &mut About<'_>) -> Option<Playlist> {
        if self.duration.is_some() {
            found.add(Rule::UriMissing, "the last segment has no URI");
        }
        if self.fractions && self.version.unwrap_or(1) < WITH_FRACTIONS {
            found.add(Rule::Version, "fractions of seconds need version 3");
        }
        let Some(target) = self.target else {
            found.add(Rule::Tag, "no EXT-X-TARGETDURATION");
            return None;
        };
        let sequence = self.sequence.unwrap_or(0);
        if sequence > MAX_SEQUENCE {
            found.add(
                Rule::Sequence,
                format!("no stream gets to number {sequence}"),
            );
            return None;
        }
        let mut uris: Vec<&str> = self
            .playlist
            .entries
            .iter()
            .map(|e| e.uri.as_str())
            .collect();
        uris.sort_unstable();
        for pair in uris.windows(2) {
            if let [first, second] = pair
                && first == second
            {
                found.add(Rule::UriMissing, format!("{first} is listed twice"));
            }
        }
        for entry in &self.playlist.entries {
            if entry.millis.saturating_add(500) / 1000 > target {
                let detail = format!("{} of {} ms, target {target} s", entry.uri, entry.millis);
                found.add(Rule::TargetExceeded, detail);
            }
        }
        self.playlist.target = target;
        self.playlist.sequence = sequence;
        self.playlist.discontinuity_sequence = self.discontinuity_sequence.unwrap_or(0);
        Some(self.playlist)
    }
}

/// Reads a number that stands once, and only where it may.
fn once(
    place: &mut Option<u64>,
    line: usize,
    tag: &str,
    value: &str,
    may_stand: bool,
    found: &mut About<'_>,
) {
    if place.is_some() {
        found.add(Rule::Tag, format!("line {line}: a second {tag}"));
    }
    if !may_stand {
        found.add(Rule::Tag, format!("line {line}: {tag} comes too late"));
    }
    *place = text::number(value);
    if place.is_none() {
        found.add(Rule::Syntax, format!("line {line}: {tag}:{value}"));
    }
}

/// Whether a text is `YYYY-MM-DDThh:mm:ss`, with or without fraction, and with its zone.
fn is_date(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let matches = |(byte, form): (u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        other => byte == *other,
    };
    let Some((moment, rest)) = text.split_at_checked(FORM.len()) else {
        return false;
    };
    let digits = rest.strip_prefix('.').unwrap_or(rest);
    let zone = digits.trim_start_matches(|c: char| c.is_ascii_digit());
    let offset = || {
        let bytes = zone.as_bytes();
        bytes.len() == 6
            && matches!(bytes.first(), Some(b'+' | b'-'))
            && bytes.get(3) == Some(&b':')
    };
    moment.bytes().zip(FORM).all(matches) && (zone == "Z" || offset())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_need_their_zone() {
        for right in ["2024-02-29T12:34:56.789Z", "2024-02-29T12:34:56+01:00"] {
            assert!(is_date(right), "{right}");
        }
        for wrong in ["2024-02-29T12:34:56", "2024-02-29", "29.2.2024", ""] {
            assert!(!is_date(wrong), "{wrong}");
        }
    }
}
