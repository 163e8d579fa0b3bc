//! How two segments could lie upon each other: pairs of like frames vote for a ratio of frame
//! rates and a displacement, and what many vote for is a candidate.

use super::coarse::SEGMENT_FRAMES;
use super::frame::Frame;
use super::{Thresholds, Work};

/// Steps that a comparison of two frames counts for.
const DISTANCE_WORK: u64 = 30;

/// Displacements that votes are counted for, in frames to either side.
const MOST_OFFSET: usize = 90;

/// A candidate needs more than this share of the most votes.
const VOTE_SHARE: f64 = 0.7;

/// Two films, as frames.
pub(super) type Films<'a> = (&'a [Frame], &'a [Frame]);

/// A way to lay two films upon each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The pair of frames that are most alike.
    pub(super) first: usize,
    pub(super) second: usize,
    /// Frames of the second film for each of the first: 1 or 2.
    pub(super) ratio: usize,
}

/// The frames of the second segment that are most like one of the first.
struct Row {
    frame: usize,
    distance: u32,
    /// Places in the second segment.
    places: Vec<usize>,
}

/// The votes for one ratio and displacement.
#[derive(Clone, Copy, Default)]
struct Cell {
    votes: u64,
    /// Distance and frames of the best pair that voted.
    best: Option<(u32, usize, usize)>,
}

/// The candidates of two segments that begin at `starts`. `None` when `work` is used up.
pub(super) fn candidates(
    films: Films<'_>,
    starts: (usize, usize),
    thresholds: Thresholds,
    work: &mut Work,
) -> Option<Vec<Candidate>> {
    let rows = rows(films, starts, thresholds, work)?;
    let ballot = count(&rows, starts.1, work)?;
    let most = ballot.iter().flatten().map(|cell| cell.votes).max();
    let needed = (most.unwrap_or_default() as f64 * VOTE_SHARE) as u64;
    let mut candidates = Vec::new();
    for (ratio, cells) in (1..).zip(&ballot) {
        // Only displacements to one side: those to the other show between other segments.
        for cell in cells.iter().take(MOST_OFFSET) {
            if let Some((_, first, second)) = cell.best
                && cell.votes > needed
            {
                candidates.push(Candidate {
                    first,
                    second,
                    ratio,
                });
            }
        }
    }
    Some(candidates)
}

/// A row for each frame of the first segment. The last frame of a film is not looked at.
fn rows(
    (first, second): Films<'_>,
    starts: (usize, usize),
    thresholds: Thresholds,
    work: &mut Work,
) -> Option<Vec<Row>> {
    let segment = |film: &[Frame], start: usize| {
        start..(start + SEGMENT_FRAMES).min(film.len().saturating_sub(1))
    };
    let others = segment(second, starts.1);
    let others = second.get(others).unwrap_or_default();
    let mut rows = Vec::new();
    for frame in segment(first, starts.0) {
        work.spend(DISTANCE_WORK * others.len() as u64)?;
        let mut row = Row {
            frame,
            distance: thresholds.frame,
            places: Vec::new(),
        };
        let one = first.get(frame)?;
        for (place, other) in others.iter().enumerate() {
            let distance = one.distance(other);
            if distance < row.distance {
                row.distance = distance;
                row.places.clear();
                row.places.push(place);
            } else if distance == row.distance && !row.places.is_empty() {
                row.places.push(place);
            }
        }
        rows.push(row);
    }
    Some(rows)
}

/// Every two pairs of like frames vote for the line through them. Slopes count by their whole
/// part, and only 1 and 2 are rates that occur.
fn count(rows: &[Row], start: usize, work: &mut Work) -> Option<[[Cell; 2 * MOST_OFFSET]; 2]> {
    let mut ballot = [[Cell::default(); 2 * MOST_OFFSET]; 2];
    for (at, row) in rows.iter().enumerate() {
        for &place in &row.places {
            for (distance, later) in rows.get(at..)?.iter().enumerate().skip(1) {
                work.spend(later.places.len() as u64 + 1)?;
                for &other in &later.places {
                    let slope = other.checked_sub(place).map_or(0, |rise| rise / distance);
                    let Some(offset) = offset(place, slope * at) else {
                        continue;
                    };
                    let cells = slope.checked_sub(1).and_then(|index| ballot.get_mut(index));
                    let Some(cell) = cells.and_then(|cells| cells.get_mut(offset)) else {
                        continue;
                    };
                    cell.votes += 1;
                    let pair = if row.distance < later.distance {
                        (row.distance, row.frame, start + place)
                    } else {
                        (later.distance, later.frame, start + other)
                    };
                    if cell.best.is_none_or(|best| pair.0 < best.0) {
                        cell.best = Some(pair);
                    }
                }
            }
        }
    }
    Some(ballot)
}

/// The displacement of a place from where the slope puts it, moved so that it counts from 0.
/// `None` out of range.
fn offset(place: usize, expected: usize) -> Option<usize> {
    let moved = (place + MOST_OFFSET).checked_sub(expected)?;
    (1..2 * MOST_OFFSET).contains(&moved).then_some(moved)
}
