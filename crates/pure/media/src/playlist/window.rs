//! The sliding list of a live variant.
//!
//! Segments are pushed under their number, in rising order. Numbers left out become gaps, so
//! that every variant lists the same numbers and each number has the same place in all of them.

use std::collections::VecDeque;
use std::time::Duration;

use super::media::{Entry, MediaPlaylist, rounded};

/// Entries a window holds at most, whatever was asked for.
const MAX_ENTRIES: usize = 4096;

/// Why a segment was not listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// It is listed, or its place has passed. Listed segments are never replaced: drop it.
    #[error("segment {number} comes after segment {newest}")]
    Late {
        /// Its number.
        number: u64,
        /// The newest number listed.
        newest: u64,
    },
    /// The list was ended: start another stream.
    #[error("the playlist has ended")]
    Ended,
}

/// The sliding list of a live variant.
#[derive(Clone, Debug)]
pub struct Window {
    capacity: usize,
    target_duration: u64,
    entries: VecDeque<Entry>,
    /// Number of the first entry; of the next one while the list is empty.
    media_sequence: u64,
    discontinuity_sequence: u64,
    /// Segments, not gaps, that have left.
    removed: u64,
    next: Option<u64>,
    ended: bool,
}

impl Window {
    /// A window of `capacity` segments that are usually no longer than `target`.
    pub fn new(capacity: usize, target: Duration) -> Self {
        Self {
            capacity: capacity.clamp(1, MAX_ENTRIES),
            target_duration: rounded(target).max(1),
            entries: VecDeque::new(),
            media_sequence: 0,
            discontinuity_sequence: 0,
            removed: 0,
            next: None,
            ended: false,
        }
    }

    /// Lists a segment under its number. Missing numbers before it are listed as gaps, with URIs
    /// from `uri_of` and this segment's duration.
    pub fn push(
        &mut self,
        number: u64,
        entry: Entry,
        uri_of: impl Fn(u64) -> String,
    ) -> Result<(), PushError> {
        if self.ended {
            return Err(PushError::Ended);
        }
        match self.next {
            None => self.media_sequence = number,
            Some(next) if number < next => {
                return Err(PushError::Late {
                    number,
                    newest: next.saturating_sub(1),
                });
            }
            Some(next) => self.append_gaps(next, number, entry.duration, uri_of),
        }
        self.append(entry);
        self.next = Some(number.saturating_add(1));
        Ok(())
    }

    /// The stream is over: nothing will be added.
    pub const fn end(&mut self) {
        self.ended = true;
    }

    /// The number the next segment is expected to have.
    pub const fn next_number(&self) -> Option<u64> {
        self.next
    }

    /// Segments listed, gaps among them.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The list as it stands.
    pub fn playlist(&self) -> MediaPlaylist {
        MediaPlaylist {
            target_duration: self.target_duration,
            media_sequence: self.media_sequence,
            discontinuity_sequence: self.discontinuity_sequence,
            independent_segments: true,
            ended: self.ended,
            entries: self.entries.iter().cloned().collect(),
        }
    }

    /// The text as older nodes of the network write it.
    pub fn write_compatible(&self) -> String {
        self.playlist().write_compatible(self.removed)
    }

    fn append(&mut self, entry: Entry) {
        self.target_duration = self.target_duration.max(rounded(entry.duration));
        self.entries.push_back(entry);
        while self.entries.len() > self.capacity {
            self.remove_first();
            self.media_sequence = self.media_sequence.saturating_add(1);
        }
    }

    fn remove_first(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.discontinuity_sequence += u64::from(entry.discontinuity);
            self.removed += u64::from(!entry.gap);
        }
    }

    /// Lists the numbers from `next` to before `number` as gaps. Of a run longer than the window
    /// only the end is made: the rest would have left again.
    fn append_gaps(
        &mut self,
        next: u64,
        number: u64,
        duration: Duration,
        uri_of: impl Fn(u64) -> String,
    ) {
        let first = next.max(number.saturating_sub(self.capacity as u64));
        if first > next {
            while !self.entries.is_empty() {
                self.remove_first();
            }
            self.media_sequence = first;
        }
        for missing in first..number {
            let mut gap = Entry::new(&uri_of(missing), duration);
            gap.gap = true;
            self.append(gap);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TWO: Duration = Duration::from_secs(2);

    fn uri(number: u64) -> String {
        format!("{number}.ts")
    }

    fn push(window: &mut Window, number: u64) -> Result<(), PushError> {
        window.push(number, Entry::new(&uri(number), TWO), uri)
    }

    fn listed(window: &Window) -> Vec<(String, bool)> {
        let entries = window.playlist().entries;
        entries.into_iter().map(|e| (e.uri, e.gap)).collect()
    }

    #[test]
    fn media_sequence_is_the_number_of_the_first_segment() {
        let mut window = Window::new(3, TWO);
        (5..10).for_each(|number| push(&mut window, number).unwrap());
        assert_eq!(window.playlist().media_sequence, 7);
        assert_eq!(listed(&window)[0].0, "7.ts");
        assert!(window.write_compatible().contains("MEDIA-SEQUENCE:2\n"));
    }

    #[test]
    fn missing_numbers_are_gaps() {
        let mut window = Window::new(6, TWO);
        push(&mut window, 1).unwrap();
        push(&mut window, 4).unwrap();
        let gaps: Vec<bool> = listed(&window).into_iter().map(|(_, gap)| gap).collect();
        assert_eq!(gaps, [false, true, true, false]);
        assert_eq!(
            push(&mut window, 3),
            Err(PushError::Late {
                number: 3,
                newest: 4
            })
        );
    }

    #[test]
    fn a_far_jump_counts_on_as_if_every_number_had_been_listed() {
        let mut window = Window::new(2, TWO);
        let mut broken = Entry::new(&uri(1), TWO);
        broken.discontinuity = true;
        window.push(1, broken, uri).unwrap();
        push(&mut window, u64::MAX - 1).unwrap();
        let playlist = window.playlist();
        assert_eq!(playlist.media_sequence, u64::MAX - 2);
        assert!(playlist.entries[0].gap && !playlist.entries[1].gap);
        assert_eq!(playlist.discontinuity_sequence, 1);
    }

    #[test]
    fn nothing_follows_the_end() {
        let mut window = Window::new(2, TWO);
        push(&mut window, 1).unwrap();
        window.end();
        assert!(window.playlist().write().ends_with("#EXT-X-ENDLIST\n"));
        assert_eq!(push(&mut window, 2), Err(PushError::Ended));
    }

    proptest! {
        #[test]
        fn every_listed_number_keeps_its_place(
            numbers in proptest::collection::vec(0u64..300, 1..100), capacity in 1usize..12) {
            let mut window = Window::new(capacity, TWO);
            let mut last = 0;
            for number in numbers {
                let _ = push(&mut window, number);
                let playlist = window.playlist();
                prop_assert!(playlist.media_sequence >= last);
                last = playlist.media_sequence;
                prop_assert!(playlist.entries.len() <= capacity);
                for (entry, place) in playlist.entries.iter().zip(last..) {
                    prop_assert_eq!(&entry.uri, &uri(place));
                }
            }
        }
    }
}
