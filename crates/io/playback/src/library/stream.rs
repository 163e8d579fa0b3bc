//! One stream: its segments in their places, what is out for transcoding, what is listed. Pure
//! bookkeeping; bytes are elsewhere, under the place's number.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use streamflow_types::{Container, Profile};

use super::timeline::{Cut, Placed, Position, Timeline, Unfinished};
use super::variant::{SOURCE, Variant};
use super::{DeliveryPath, MAX_RENDITIONS, OpenError};
use crate::Facts;

/// Entries of a media playlist.
pub(super) const WINDOW: usize = 6;

/// Segments kept of each variant, so that what has just left a playlist can still be fetched.
pub(super) const KEPT: usize = 12;

/// Segments whose renditions are out at one time. When more come, the oldest is given up: nobody
/// answers for it any more.
pub(super) const MAX_UNRESOLVED: usize = 32;

/// Segments that came before their predecessor and wait for it. Publishers send two at a time.
pub(super) const MAX_EARLY: u64 = 3;

/// How long a segment waits for its predecessor.
pub(super) const REORDER_PATIENCE: Duration = Duration::from_secs(2);

/// A source segment on its way in.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) place: u64,
    pub(super) cut: Cut,
    pub(super) container: Container,
    pub(super) len: u64,
    pub(super) facts: Option<Facts>,
    pub(super) at: Instant,
}

/// One rendition of a segment, its bytes stored already.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) name: String,
    pub(super) container: Container,
    pub(super) len: u64,
    pub(super) facts: Option<Facts>,
}

/// What became of the renditions of a segment.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// They are being made.
    Pending,
    /// They are here.
    Ready {
        path: DeliveryPath,
        made: Vec<Made>,
        at: Instant,
    },
    /// They will never be.
    Gap,
}

/// A place in the media sequence.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// The media sequence number.
    pub(super) number: u64,
    /// `None` for a segment that never came: a gap in the source too.
    pub(super) source: Option<Source>,
    pub(super) duration: Duration,
    pub(super) discontinuity: bool,
    /// Discontinuities up to and with this slot.
    pub(super) discontinuities: u64,
    pub(super) outcome: Outcome,
}

/// What happened to a source segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    /// Listed, or waiting for its predecessor.
    Taken,
    /// The same as this earlier one.
    Repeated(u64),
    /// Its number was given up.
    TooLate,
}

/// How a release went, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Released {
    pub(super) gaps: u64,
    pub(super) late: u64,
}

pub(super) struct Stream {
    pub(super) source: Variant,
    pub(super) renditions: Vec<Variant>,
    /// Contiguous media sequence numbers, oldest first.
    slots: VecDeque<Slot>,
    /// Renditions before this number are listed.
    next_release: u64,
    /// What was expected at `next_release`, for the next process.
    released_to: Position,
    timeline: Timeline,
    /// By the publisher's number.
    early: BTreeMap<u64, (Source, Outcome)>,
    target: Duration,
    pub(super) ended: Option<Instant>,
}

/// What the next process has to know.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Kept {
    pub(super) released_to: Position,
    pub(super) end: Position,
    pub(super) unfinished: Vec<Unfinished>,
    pub(super) target_ms: u64,
}

impl Stream {
    /// A stream whose segments usually last `usual`.
    pub(super) fn new(kept: Option<Kept>, usual: Duration) -> Self {
        let kept = kept.unwrap_or_default();
        let target = Duration::from_millis(kept.target_ms).max(usual);
        let timeline = Timeline::resume(kept.released_to, kept.unfinished, kept.end);
        Self {
            source: Variant::source(),
            renditions: Vec::new(),
            slots: VecDeque::new(),
            next_release: timeline.at().slot,
            released_to: timeline.at().clone(),
            timeline,
            early: BTreeMap::new(),
            target,
            ended: None,
        }
    }

    /// Takes a ladder for the segments to come. Renditions that stay keep their playlists.
    pub(super) fn set_ladder(&mut self, ladder: &[Profile]) -> Result<(), OpenError> {
        if ladder.len() > MAX_RENDITIONS {
            return Err(OpenError::TooManyRenditions(ladder.len()));
        }
        for (at, profile) in ladder.iter().enumerate() {
            let twice = ladder
                .iter()
                .take(at)
                .any(|other| other.name == profile.name);
            if twice || profile.name.is_empty() || profile.name == SOURCE {
                return Err(OpenError::Name(profile.name.clone()));
            }
        }
        let mut old = std::mem::take(&mut self.renditions);
        for profile in ladder {
            let kept = old.iter().position(|variant| variant.is_for(profile));
            let variant = kept.map(|at| old.swap_remove(at));
            self.renditions
                .push(variant.unwrap_or_else(|| Variant::rendition(profile)));
        }
        Ok(())
    }

    /// The number that continues the stream, if it ever had one.
    pub(super) fn next_number(&self) -> Option<u64> {
        self.timeline.end().number
    }

    /// Seconds of `EXT-X-TARGETDURATION`: never less than the longest segment so far.
    pub(super) fn target_s(&self) -> u64 {
        let rounded = (self.target.as_millis() as u64 + 500) / 1_000;
        rounded.max(1)
    }

    /// All slots, oldest first.
    pub(super) fn slots(&self) -> &VecDeque<Slot> {
        &self.slots
    }

    /// Slots whose renditions are listed.
    pub(super) fn released(&self) -> impl DoubleEndedIterator<Item = &Slot> {
        self.slots
            .iter()
            .filter(|slot| slot.number < self.next_release)
    }

    /// Segments whose renditions are out.
    pub(super) fn unresolved(&self) -> usize {
        let open = self
            .slots
            .iter()
            .filter(|slot| slot.number >= self.next_release);
        open.filter(|slot| matches!(slot.outcome, Outcome::Pending))
            .count()
            + self.early.len()
    }

    /// Whether a segment is known already, before its bytes are stored.
    pub(super) fn known(&self, cut: &Cut) -> Option<Announced> {
        if cut.discontinuity {
            return None;
        }
        if let Some((early, _)) = self.early.get(&cut.number) {
            return Some(Announced::Repeated(early.place));
        }
        let mut newer = self.timeline.at().number?;
        for source in self
            .slots
            .iter()
            .rev()
            .filter_map(|slot| slot.source.as_ref())
        {
            let older = &source.cut;
            if older.number >= newer || cut.number >= newer {
                // Before this, the publisher counted anew.
                return None;
            }
            if older.number == cut.number {
                let same = older.fingerprint == cut.fingerprint;
                return same.then_some(Announced::Repeated(source.place));
            }
            if older.number < cut.number {
                return Some(Announced::TooLate);
            }
            newer = older.number;
        }
        None
    }

    /// Takes a source segment whose bytes are stored.
    pub(super) fn announce(&mut self, source: Source) -> (Announced, Released) {
        self.settle(source.at);
        if let Some(known) = self.known(&source.cut) {
            return (known, self.release());
        }
        let follows = self.timeline.at().number == Some(source.cut.number);
        let missing = self.timeline.missing_before(&source.cut);
        if missing > 0 && missing <= MAX_EARLY {
            self.early
                .insert(source.cut.number, (source, Outcome::Pending));
        } else {
            if !follows || source.cut.discontinuity {
                // Nobody fills the hole before those that wait: the publisher is past it.
                self.list_early();
            }
            self.list(source, Outcome::Pending);
            self.list_followers();
        }
        (Announced::Taken, self.release())
    }

    /// Stops waiting for segments that do not come. Says whether anything changed.
    pub(super) fn settle(&mut self, now: Instant) -> bool {
        let waited = |at: Instant| now.saturating_duration_since(at);
        let is_over = self
            .early
            .values()
            .any(|(source, _)| waited(source.at) >= REORDER_PATIENCE);
        if is_over {
            self.list_early();
            self.release();
        }
        is_over
    }

    /// Lists what waits for a predecessor: nothing comes any more.
    pub(super) fn list_waiting(&mut self) {
        self.list_early();
        self.release();
    }

    /// The renditions of a segment are here, or given up. `false` when it has no place any more,
    /// or was resolved before.
    pub(super) fn resolve(&mut self, place: u64, outcome: Outcome) -> (bool, Released) {
        let listed = self.slots.iter_mut().find_map(|slot| {
            let is_it = slot
                .source
                .as_ref()
                .is_some_and(|source| source.place == place);
            is_it.then_some(&mut slot.outcome)
        });
        let early = self
            .early
            .values_mut()
            .find(|(source, _)| source.place == place);
        let open = listed.or(early.map(|(_, outcome)| outcome));
        let taken = match open {
            Some(open @ Outcome::Pending) => {
                *open = outcome;
                true
            }
            _ => false,
        };
        (taken, self.release())
    }

    /// Whether the renditions of this place are still wanted; `None` when it is not known.
    pub(super) fn is_pending(&self, place: u64) -> Option<bool> {
        let listed = self
            .slots
            .iter()
            .filter_map(|slot| Some((slot.source.as_ref()?, &slot.outcome)));
        let early = self
            .early
            .values()
            .map(|(source, outcome)| (source, outcome));
        let (_, outcome) = listed
            .chain(early)
            .find(|(source, _)| source.place == place)?;
        Some(matches!(outcome, Outcome::Pending))
    }

    /// Takes out what nobody may fetch any more: the places whose bytes can go.
    pub(super) fn expire(&mut self) -> Vec<u64> {
        let mut gone = Vec::new();
        while let Some(first) = self.slots.front()
            && first.number.saturating_add(KEPT as u64) < self.next_release
        {
            gone.extend(
                self.slots
                    .pop_front()
                    .and_then(|slot| slot.source)
                    .map(|s| s.place),
            );
        }
        gone
    }

    /// What the next process has to know.
    pub(super) fn kept(&self) -> Kept {
        let open = self
            .slots
            .iter()
            .filter(|slot| slot.number >= self.next_release);
        let unfinished = open.filter_map(|slot| {
            let cut = &slot.source.as_ref()?.cut;
            Some(Unfinished {
                slot: slot.number,
                number: cut.number,
                fingerprint: cut.fingerprint,
                discontinuity: slot.discontinuity,
            })
        });
        let unfinished: Vec<_> = unfinished
            .chain(self.timeline.unfinished().cloned())
            .collect();
        Kept {
            released_to: self.released_to.clone(),
            end: self.timeline.end().clone(),
            unfinished,
            target_ms: self.target.as_millis() as u64,
        }
    }

    /// Gives a segment its place and lists its source.
    fn list(&mut self, source: Source, outcome: Outcome) {
        let placed = self.timeline.place(&source.cut);
        if self.slots.is_empty() {
            self.next_release = placed.slot;
            self.released_to = Position {
                slot: placed.slot,
                number: Some(source.cut.number),
                discontinuities: placed.discontinuities - u64::from(placed.discontinuity),
                ..self.released_to.clone()
            };
        }
        self.fill_gaps(&placed);
        let duration = source.cut.duration;
        self.target = self.target.max(duration);
        self.source
            .count(placed.slot, source.len, duration, source.facts.as_ref());
        self.source
            .note_delivery(DeliveryPath::Source, Duration::ZERO, duration);
        self.slots.push_back(Slot {
            number: placed.slot,
            source: Some(source),
            duration,
            discontinuity: placed.discontinuity,
            discontinuities: placed.discontinuities,
            outcome,
        });
    }

    fn list_early(&mut self) {
        while let Some((_, (source, outcome))) = self.early.pop_first() {
            self.list(source, outcome);
        }
    }

    fn list_followers(&mut self) {
        while let Some(entry) = self.early.first_entry()
            && self.timeline.missing_before(&entry.get().0.cut) == 0
        {
            let (source, outcome) = entry.remove();
            self.list(source, outcome);
        }
    }

    /// Lists what lies between the last slot and this place as gaps of all variants. The timeline
    /// leaves out few places at a time, so this is a short way.
    fn fill_gaps(&mut self, placed: &Placed) {
        let before = placed.discontinuities - u64::from(placed.discontinuity);
        let Some(last) = self.slots.back() else {
            return;
        };
        for number in last.number + 1..placed.slot {
            self.source.count_gap(number);
            self.target = self.target.max(placed.gap_duration);
            self.slots.push_back(Slot {
                number,
                source: None,
                duration: placed.gap_duration,
                discontinuity: false,
                discontinuities: before,
                outcome: Outcome::Gap,
            });
        }
    }

    /// Lists the renditions of all segments up to the first that is still out.
    fn release(&mut self) -> Released {
        let mut released = Released::default();
        let unresolved = self
            .slots
            .iter()
            .filter(|slot| slot.number >= self.next_release)
            .count();
        let mut overdue = unresolved.saturating_sub(MAX_UNRESOLVED);
        let has_ladder = !self.renditions.is_empty();
        for slot in &mut self.slots {
            if slot.number < self.next_release {
                continue;
            }
            if matches!(slot.outcome, Outcome::Pending) && has_ladder {
                if overdue == 0 {
                    break;
                }
                slot.outcome = Outcome::Gap;
            }
            overdue = overdue.saturating_sub(1);
            for variant in &mut self.renditions {
                released.count(variant, slot);
            }
            self.next_release = slot.number + 1;
            self.released_to = Position {
                slot: slot.number + 1,
                number: match &slot.source {
                    Some(source) => Some(source.cut.number.saturating_add(1)),
                    None => self
                        .released_to
                        .number
                        .map(|number| number.saturating_add(1)),
                },
                end_pts: slot.source.as_ref().and_then(|source| source.cut.end_pts),
                discontinuities: slot.discontinuities,
            };
        }
        released
    }
}

impl Released {
    fn count(&mut self, variant: &mut Variant, slot: &Slot) {
        let Some((path, made, at)) = slot.rendition(&variant.name) else {
            variant.count_gap(slot.number);
            self.gaps += 1;
            return;
        };
        variant.count(slot.number, made.len, slot.duration, made.facts.as_ref());
        let begun = slot.source.as_ref().map(|source| source.at);
        let latency = begun.map_or(Duration::ZERO, |begun| at.saturating_duration_since(begun));
        self.late += u64::from(variant.note_delivery(path, latency, slot.duration));
    }
}

impl Slot {
    /// The rendition of this name, with where it is from and when it came.
    pub(super) fn rendition(&self, name: &str) -> Option<(DeliveryPath, &Made, Instant)> {
        let Outcome::Ready { path, made, at } = &self.outcome else {
            return None;
        };
        let made = made.iter().find(|made| made.name == name)?;
        Some((*path, made, *at))
    }
}

#[cfg(test)]
mod tests;
