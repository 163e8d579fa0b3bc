//! From the source's 32-bit milliseconds to times that run on.

use crate::mpegts::Ticks;

/// A step forward up to this is a gap of the source and kept; a longer one is a jump.
const MAX_GAP_MS: i64 = 10_000;

/// A step back up to this is disorder, to be straightened; a longer one is a jump.
const MAX_DISORDER_MS: i64 = 1_000;

/// Between the last time before a jump and the first one after it.
const STEP_MS: i64 = 40;

/// Longest time from decoding to display.
const MAX_COMPOSITION_MS: i64 = 10_000;

/// Places the times of both tracks on one line.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    video: Track,
    audio: Track,
    repaired: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Video,
    Audio,
}

#[derive(Clone, Copy, Debug, Default)]
struct Track {
    /// The newest source time and where it was placed.
    newest: Option<(u32, i64)>,
    /// The newest time handed out.
    last: Option<Ticks>,
}

impl Timeline {
    /// When a picture is decoded and when it is shown.
    pub(super) fn picture(&mut self, raw: u32, composition_ms: i32) -> (Ticks, Ticks) {
        let placed = self.place(Side::Video, raw);
        let offset = i64::from(composition_ms).clamp(-MAX_COMPOSITION_MS, MAX_COMPOSITION_MS);
        let shown = Ticks::from_millis(placed.saturating_add(offset).max(0));
        // The time of display stays as it is where decoding can still precede it.
        let decoded = Ticks::from_millis(placed).min(shown);
        let decoded = self.video.after_last(decoded);
        (decoded, shown.max(decoded))
    }

    /// When a frame of sound is heard.
    pub(super) fn sound(&mut self, raw: u32) -> Ticks {
        let placed = Ticks::from_millis(self.place(Side::Audio, raw));
        self.audio.after_last(placed)
    }

    pub(super) const fn repaired(&self) -> u64 {
        self.repaired
    }

    /// Milliseconds on the common line.
    fn place(&mut self, side: Side, raw: u32) -> i64 {
        let (own, other) = match side {
            Side::Video => (self.video, self.audio),
            Side::Audio => (self.audio, self.video),
        };
        let placed = follow(own, raw, MAX_DISORDER_MS)
            // The other track may have jumped already; the two stay together.
            .or_else(|| follow(other, raw, MAX_GAP_MS))
            .unwrap_or_else(|| match newest_of(own, other) {
                Some(newest) => newest.saturating_add(STEP_MS),
                None => i64::from(raw),
            });
        if own.newest.is_some() && follow(own, raw, MAX_DISORDER_MS).is_none() {
            self.repaired += 1;
        }
        // Nothing happens before zero: a wrapped time at the start would puzzle players.
        let placed = placed.max(0);
        let track = match side {
            Side::Video => &mut self.video,
            Side::Audio => &mut self.audio,
        };
        track.newest = Some((raw, placed));
        placed
    }
}

impl Track {
    /// `time`, or the tick after the last one handed out when that is later.
    fn after_last(&mut self, time: Ticks) -> Ticks {
        let time = self.last.map_or(time, |last| time.max(last + Ticks(1)));
        self.last = Some(time);
        time
    }
}

/// Where `raw` belongs if it is near the newest time of this track. Source times wrap.
fn follow(track: Track, raw: u32, max_back_ms: i64) -> Option<i64> {
    let (newest, placed) = track.newest?;
    let step = i64::from(raw.wrapping_sub(newest) as i32);
    (-max_back_ms..=MAX_GAP_MS)
        .contains(&step)
        .then(|| placed.saturating_add(step))
}

fn newest_of(own: Track, other: Track) -> Option<i64> {
    own.newest
        .into_iter()
        .chain(other.newest)
        .map(|(_, placed)| placed)
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dts(timeline: &mut Timeline, times: &[u32]) -> Vec<i64> {
        times
            .iter()
            .map(|raw| timeline.picture(*raw, 0).0.0 / 90)
            .collect()
    }

    #[test]
    fn times_keep_their_value_and_run_over_the_wrap() {
        let mut timeline = Timeline::default();
        assert_eq!(timeline.picture(1000, 67), (Ticks(90_000), Ticks(96_030)));
        assert_eq!(timeline.sound(1010), Ticks(90_900));
        let mut timeline = Timeline::default();
        let wrap = i64::from(u32::MAX) + 1;
        assert_eq!(
            dts(&mut timeline, &[u32::MAX - 9, 30]),
            [wrap - 10, wrap + 30]
        );
        assert_eq!(timeline.repaired(), 0);
    }

    #[test]
    fn gaps_are_kept_and_disorder_is_straightened() {
        let mut timeline = Timeline::default();
        assert_eq!(
            dts(&mut timeline, &[0, 40, 9_000, 8_960, 9_040]),
            [0, 40, 9000, 9000, 9040]
        );
        assert_eq!(timeline.repaired(), 0);
    }

    #[test]
    fn both_tracks_stay_together_over_a_jump() {
        let mut timeline = Timeline::default();
        timeline.picture(100_000, 0);
        timeline.sound(100_010);
        // The source starts anew; sound lags behind by one frame of the old time.
        let (jumped, _) = timeline.picture(0, 0);
        assert_eq!(jumped, Ticks::from_millis(100_050));
        assert_eq!(timeline.sound(100_033), Ticks::from_millis(100_033));
        assert_eq!(timeline.sound(12), Ticks::from_millis(100_062));
        assert_eq!(timeline.picture(40, 0).0, Ticks::from_millis(100_090));
        assert_eq!(timeline.repaired(), 2);
        // And far ahead.
        let (jumped, _) = timeline.picture(3_000_000, 0);
        assert_eq!(jumped, Ticks::from_millis(100_130));
    }

    #[test]
    fn display_never_precedes_decoding() {
        let mut timeline = Timeline::default();
        timeline.picture(1000, 0);
        assert_eq!(timeline.picture(1040, -20), (Ticks(91_800), Ticks(91_800)));
        assert_eq!(timeline.picture(1080, -500), (Ticks(91_801), Ticks(91_801)));
    }
}
