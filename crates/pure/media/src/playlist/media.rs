//! The list of a variant's segments.

use std::time::Duration;

use super::VERSION;
use super::master::push;

/// One segment of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is, relative to the playlist or absolute.
    pub uri: String,
    /// How long it plays.
    pub duration: Duration,
    /// Its times or codecs do not follow those of the segment before.
    pub discontinuity: bool,
    /// It is missing; players skip it without asking.
    pub gap: bool,
    /// When its first picture was taken, since the Unix epoch.
    pub program_date_time: Option<Duration>,
}

/// The list of a variant's segments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaPlaylist {
    /// Longest segment the list may ever hold, in seconds.
    pub target_duration: u64,
    /// Number of the first entry.
    pub media_sequence: u64,
    /// Discontinuities that left the list.
    pub discontinuity_sequence: u64,
    /// Every segment starts with a key frame.
    pub independent_segments: bool,
    /// Nothing will be added.
    pub ended: bool,
    /// The segments, oldest first.
    pub entries: Vec<Entry>,
}

impl Entry {
    /// A plain segment.
    pub fn new(uri: &str, duration: Duration) -> Self {
        Self {
            uri: uri.to_owned(),
            duration,
            discontinuity: false,
            gap: false,
            program_date_time: None,
        }
    }

    fn write(&self, text: &mut String) {
        if self.discontinuity {
            text.push_str("#EXT-X-DISCONTINUITY\n");
        }
        if let Some(time) = self.program_date_time {
            push(
                text,
                format_args!("#EXT-X-PROGRAM-DATE-TIME:{}\n", utc(time)),
            );
        }
        if self.gap {
            text.push_str("#EXT-X-GAP\n");
        }
        push(text, format_args!("#EXTINF:{},\n", seconds(self.duration)));
        push(text, format_args!("{}\n", self.uri));
    }
}

impl MediaPlaylist {
    /// The text. Where an entry is longer than the target duration the target grows: a player
    /// stumbles over a short one more than over a changed one.
    pub fn write(&self) -> String {
        let mut text = format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n");
        push(
            &mut text,
            format_args!(
                "#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:{}\n",
                self.valid_target(),
                self.media_sequence
            ),
        );
        if self.discontinuity_sequence > 0 || self.entries.iter().any(|e| e.discontinuity) {
            let sequence = self.discontinuity_sequence;
            push(
                &mut text,
                format_args!("#EXT-X-DISCONTINUITY-SEQUENCE:{sequence}\n"),
            );
        }
        if self.independent_segments {
            text.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
        }
        for entry in &self.entries {
            entry.write(&mut text);
        }
        if self.ended {
            text.push_str("#EXT-X-ENDLIST\n");
        }
        text
    }

    /// The text as older nodes of the network write it: no marks of any kind, gaps left out.
    /// `removed` is how many entries have left the list.
    pub fn write_compatible(&self, removed: u64) -> String {
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:{VERSION}\n#EXT-X-MEDIA-SEQUENCE:{removed}\n\
             #EXT-X-TARGETDURATION:{}\n",
            self.valid_target()
        );
        for entry in self.entries.iter().filter(|entry| !entry.gap) {
            push(
                &mut text,
                format_args!("#EXTINF:{},\n", seconds(entry.duration)),
            );
            push(&mut text, format_args!("{}\n", entry.uri));
        }
        text
    }

    fn valid_target(&self) -> u64 {
        let longest = self.entries.iter().map(|entry| rounded(entry.duration));
        longest.max().unwrap_or(0).max(self.target_duration).max(1)
    }
}

/// A duration as a target duration counts it: to the nearest second, as it is written.
pub(super) fn rounded(duration: Duration) -> u64 {
    u64::try_from((written_millis(duration) + 500) / 1000).unwrap_or(u64::MAX)
}

/// Milliseconds, to the nearest.
fn written_millis(duration: Duration) -> u128 {
    (duration.as_nanos() + 500_000) / 1_000_000
}

fn seconds(duration: Duration) -> String {
    let millis = written_millis(duration);
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// `2024-05-01T12:00:00.000Z` of a time since the Unix epoch.
fn utc(time: Duration) -> String {
    let millis = time.subsec_millis();
    let seconds = time.as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Year, month and day of a day since the epoch. Years are counted from March, so that the leap
/// day is the last of its year.
fn date(days: u64) -> (u64, u64, u64) {
    /// Days from 1 March 0000 to the epoch.
    const EPOCH: u64 = 719_468;
    /// Days in 400 years.
    const ERA: u64 = 146_097;
    let days = days.saturating_add(EPOCH);
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (year + era * 400 + carry, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list() -> MediaPlaylist {
        let mut second = Entry::new("olive/360p0/8.ts", Duration::from_millis(2002));
        second.discontinuity = true;
        second.program_date_time = Some(Duration::from_millis(1_709_210_096_789));
        let mut third = Entry::new("olive/360p0/9.ts", Duration::from_secs(2));
        third.gap = true;
        MediaPlaylist {
            target_duration: 2,
            media_sequence: 7,
            discontinuity_sequence: 1,
            independent_segments: true,
            ended: true,
            entries: vec![
                Entry::new("olive/360p0/7.ts", Duration::from_secs(2)),
                second,
                third,
            ],
        }
    }

    #[test]
    fn marks_stand_before_their_segment() {
        assert_eq!(
            list().write(),
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n\
             #EXT-X-DISCONTINUITY-SEQUENCE:1\n#EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXTINF:2.000,\nolive/360p0/7.ts\n\
             #EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2024-02-29T12:34:56.789Z\n\
             #EXTINF:2.002,\nolive/360p0/8.ts\n\
             #EXT-X-GAP\n#EXTINF:2.000,\nolive/360p0/9.ts\n#EXT-X-ENDLIST\n"
        );
    }

    #[test]
    fn the_compatible_text_has_no_marks() {
        assert_eq!(
            list().write_compatible(3),
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:3\n#EXT-X-TARGETDURATION:2\n\
             #EXTINF:2.000,\nolive/360p0/7.ts\n#EXTINF:2.002,\nolive/360p0/8.ts\n"
        );
    }

    #[test]
    fn the_target_is_never_below_a_rounded_duration() {
        let mut list = list();
        list.entries
            .push(Entry::new("x.ts", Duration::from_millis(3500)));
        assert!(list.write().contains("#EXT-X-TARGETDURATION:4\n"));
        assert_eq!(rounded(Duration::from_micros(2_499_500)), 3);
        assert_eq!(seconds(Duration::from_micros(2_499_500)), "2.500");
    }

    #[test]
    fn another_parser_reads_the_same_segments() {
        let parsed = m3u8_rs::parse_media_playlist_res(list().write().as_bytes()).unwrap();
        assert_eq!(parsed.media_sequence, 7);
        assert_eq!(parsed.discontinuity_sequence, 1);
        assert_eq!(parsed.segments.len(), 3);
        assert!(parsed.segments[1].discontinuity && parsed.end_list);
        let time = parsed.segments[1].program_date_time.unwrap();
        assert_eq!(time.timestamp_millis(), 1_709_210_096_789);
    }

    proptest! {
        #[test]
        fn dates_are_those_of_the_calendar(seconds in 0u64..=7_258_118_400) {
            let mut list = list();
            list.entries[1].program_date_time = Some(Duration::from_secs(seconds));
            let parsed = m3u8_rs::parse_media_playlist_res(list.write().as_bytes()).unwrap();
            let time = parsed.segments[1].program_date_time.unwrap();
            prop_assert_eq!(time.timestamp() as u64, seconds);
        }
    }
}
