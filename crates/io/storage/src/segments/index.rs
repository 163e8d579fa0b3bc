//! What is where, and how much of it. Pure bookkeeping: no file is touched here.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::{MAX_GROUPS, MAX_OWNERS, OwnerError, PutError, Usage};

/// Names a stored segment for good; grows with age, so the smallest is the oldest.
pub(super) type ItemId = u64;

/// Where a segment is.
#[derive(Clone, Debug)]
pub(super) enum Where {
    Memory(Bytes),
    File,
}

#[derive(Default)]
pub(super) struct Index {
    owners: HashMap<Arc<str>, OwnerEntry>,
    items: BTreeMap<ItemId, Item>,
    in_memory: BTreeSet<ItemId>,
    in_files: BTreeSet<ItemId>,
    memory_bytes: u64,
    disk_bytes: u64,
    next: ItemId,
}

struct OwnerEntry {
    per_group: usize,
    /// Newest last; at most `per_group` in each.
    groups: HashMap<String, VecDeque<(String, ItemId)>>,
}

struct Item {
    owner: Arc<str>,
    group: String,
    len: u64,
    place: Where,
}

impl Index {
    pub(super) fn add_owner(&mut self, name: Arc<str>, per_group: usize) -> Result<(), OwnerError> {
        if self.owners.contains_key(&name) {
            return Err(OwnerError::Taken(name.to_string()));
        }
        if self.owners.len() >= MAX_OWNERS {
            return Err(OwnerError::TooMany);
        }
        let entry = OwnerEntry {
            per_group: per_group.max(1),
            groups: HashMap::new(),
        };
        self.owners.insert(name, entry);
        Ok(())
    }

    /// Takes a segment in and returns those that were only in files and are gone for it.
    pub(super) fn put(
        &mut self,
        owner: &Arc<str>,
        group: &str,
        name: &str,
        bytes: Bytes,
    ) -> Result<Vec<ItemId>, PutError> {
        let Some(entry) = self.owners.get_mut(owner) else {
            return Ok(Vec::new());
        };
        if !entry.groups.contains_key(group) && entry.groups.len() >= MAX_GROUPS {
            return Err(PutError::TooManyGroups);
        }
        let id = self.next;
        self.next += 1;
        let queue = entry.groups.entry(group.to_owned()).or_default();
        let mut gone = Vec::new();
        if let Some(at) = queue.iter().position(|(held, _)| held == name) {
            gone.extend(queue.remove(at).map(|(_, id)| id));
        }
        queue.push_back((name.to_owned(), id));
        while queue.len() > entry.per_group {
            gone.extend(queue.pop_front().map(|(_, id)| id));
        }
        let len = bytes.len() as u64;
        let place = Where::Memory(bytes);
        self.items.insert(
            id,
            Item {
                owner: owner.clone(),
                group: group.to_owned(),
                len,
                place,
            },
        );
        self.in_memory.insert(id);
        self.memory_bytes += len;
        Ok(gone.into_iter().filter(|id| self.forget(*id)).collect())
    }

    pub(super) fn find(&self, owner: &str, group: &str, name: &str) -> Option<(ItemId, Where)> {
        let queue = self.owners.get(owner)?.groups.get(group)?;
        let (_, id) = queue.iter().find(|(held, _)| held == name)?;
        let item = self.items.get(id)?;
        Some((*id, item.place.clone()))
    }

    pub(super) fn holds(&self, id: ItemId) -> bool {
        self.items.contains_key(&id)
    }

    /// Removes a segment; the id comes back when there is a file to delete.
    pub(super) fn remove(&mut self, owner: &str, group: &str, name: &str) -> Option<ItemId> {
        let queue = self.owners.get_mut(owner)?.groups.get_mut(group)?;
        let at = queue.iter().position(|(held, _)| held == name)?;
        let (_, id) = queue.remove(at)?;
        self.forget(id).then_some(id)
    }

    /// Removes an owner with all it has; the ids that come back have files to delete.
    pub(super) fn remove_owner(&mut self, owner: &str) -> Vec<ItemId> {
        let groups = self
            .owners
            .remove(owner)
            .map(|entry| entry.groups)
            .unwrap_or_default();
        let ids: Vec<ItemId> = groups.into_values().flatten().map(|(_, id)| id).collect();
        ids.into_iter().filter(|id| self.forget(*id)).collect()
    }

    pub(super) fn oldest_in_memory(&self) -> Option<(ItemId, Bytes)> {
        let id = *self.in_memory.first()?;
        match &self.items.get(&id)?.place {
            Where::Memory(bytes) => Some((id, bytes.clone())),
            Where::File => None,
        }
    }

    /// Notes that a segment is in a file now. `false` when it was removed meanwhile.
    pub(super) fn moved_to_file(&mut self, id: ItemId) -> bool {
        let Some(item) = self.items.get_mut(&id) else {
            return false;
        };
        item.place = Where::File;
        self.in_memory.remove(&id);
        self.in_files.insert(id);
        self.memory_bytes -= item.len;
        self.disk_bytes += item.len;
        true
    }

    /// Forgets the oldest segments in files until at most this much is left there. Their files
    /// are for the caller to delete.
    pub(super) fn make_disk_room(&mut self, bytes: u64) -> Vec<ItemId> {
        let mut gone = Vec::new();
        while self.disk_bytes > bytes {
            let Some(id) = self.in_files.first().copied() else {
                break;
            };
            self.drop_item(id);
            gone.push(id);
        }
        gone
    }

    /// Forgets a segment, in its owner's list as well.
    pub(super) fn drop_item(&mut self, id: ItemId) {
        if let Some(item) = self.items.get(&id)
            && let Some(owner) = self.owners.get_mut(&item.owner)
            && let Some(queue) = owner.groups.get_mut(&item.group)
        {
            queue.retain(|(_, held)| *held != id);
        }
        self.forget(id);
    }

    pub(super) fn usage(&self) -> Usage {
        Usage {
            memory_bytes: self.memory_bytes,
            disk_bytes: self.disk_bytes,
            segments: self.items.len(),
        }
    }

    /// Whether the item had a file.
    fn forget(&mut self, id: ItemId) -> bool {
        let Some(item) = self.items.remove(&id) else {
            return false;
        };
        self.in_memory.remove(&id);
        let had_file = self.in_files.remove(&id);
        match item.place {
            Where::Memory(_) => self.memory_bytes -= item.len,
            Where::File => self.disk_bytes -= item.len,
        }
        had_file
    }
}
