//! Which parts of a file are taken. First fit in whole blocks; neighbours that are free become one.

use std::collections::BTreeMap;

/// Parts begin and end at multiples of this, so that no two share a page.
const BLOCK: u64 = 4096;

/// A file that could be this much shorter is shortened.
const SHORTENED_BY: u64 = 64 << 20;

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) start: u64,
    len: u64,
}

/// The parts of a file that are free before its end.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// Lengths by start; no two touch, none touches the end. At most one more than are taken.
    free: BTreeMap<u64, u64>,
    /// Everything from here on is free.
    end: u64,
    /// How long the file may have become.
    len: u64,
}

impl Space {
    /// A part for so many bytes.
    pub(super) fn take(&mut self, bytes: u64) -> Extent {
        let len = bytes.div_ceil(BLOCK).max(1) * BLOCK;
        let found = self.free.iter().find(|(_, free)| **free >= len);
        if let Some((&start, &free)) = found {
            self.free.remove(&start);
            if free > len {
                self.free.insert(start + len, free - len);
            }
            return Extent { start, len };
        }
        let start = self.end;
        self.end += len;
        self.len = self.len.max(self.end);
        Extent { start, len }
    }

    /// A part that is not needed any more.
    pub(super) fn give_back(&mut self, extent: Extent) {
        let Extent { mut start, mut len } = extent;
        if let Some((&before, &free)) = self.free.range(..start).next_back()
            && before + free == start
        {
            self.free.remove(&before);
            start = before;
            len += free;
        }
        if let Some(after) = self.free.remove(&(start + len)) {
            len += after;
        }
        if start + len == self.end {
            self.end = start;
        } else {
            self.free.insert(start, len);
        }
    }

    /// The length the file should be brought back to, where that is worth a call.
    pub(super) fn shrunk(&mut self) -> Option<u64> {
        let is_empty = self.end == 0 && self.len > 0;
        let worth = self.len - self.end >= SHORTENED_BY || is_empty;
        worth.then(|| {
            self.len = self.end;
            self.len
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn parts_never_overlap_and_all_room_comes_back() {
        let mut rng = StdRng::seed_from_u64(3);
        let mut space = Space::default();
        let mut taken: Vec<Extent> = Vec::new();
        let mut most = 0;
        for _ in 0..20_000 {
            if taken.len() < 200 && rng.random_bool(0.55) {
                let bytes = rng.random_range(0..600_000);
                let new = space.take(bytes);
                assert!(new.len >= bytes && new.len % BLOCK == 0);
                let apart = |old: &Extent| {
                    old.start + old.len <= new.start || new.start + new.len <= old.start
                };
                assert!(taken.iter().all(apart), "{new:?} in {taken:?}");
                taken.push(new);
            } else if !taken.is_empty() {
                let gone = taken.swap_remove(rng.random_range(0..taken.len()));
                space.give_back(gone);
            }
            let needed: u64 = taken.iter().map(|extent| extent.len).sum();
            let free: u64 = space.free.values().sum();
            assert_eq!(needed + free, space.end);
            most = most.max(space.end);
        }
        // 200 parts of 300 KB on average: holes cost less than half as much again.
        assert!(most < 90_000_000, "{most}");
        taken.drain(..).for_each(|extent| space.give_back(extent));
        assert_eq!((space.end, space.free.len()), (0, 0));
    }

    #[test]
    fn a_file_is_shortened_when_much_or_all_of_it_is_free() {
        let mut space = Space::default();
        let parts: Vec<_> = (0..100).map(|_| space.take(1 << 20)).collect();
        assert_eq!(space.shrunk(), None);
        for part in &parts[50..] {
            space.give_back(*part);
        }
        assert_eq!(space.shrunk(), None);
        for part in &parts[30..50] {
            space.give_back(*part);
        }
        assert_eq!(space.shrunk(), Some(30 << 20));
        for part in &parts[..30] {
            space.give_back(*part);
        }
        assert_eq!(space.shrunk(), Some(0));
        assert_eq!(space.shrunk(), None);
    }
}
