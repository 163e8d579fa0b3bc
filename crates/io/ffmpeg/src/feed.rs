//! The bounded queue between the thread that decodes and one that encodes.
//!
//! A side gives its place in the thread budget back before it waits.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use streamflow_types::TranscodeFailure;

use crate::av::Packet;
use crate::control::{LOOK_AGAIN, Turn};
use crate::picture::Picture;

/// Decoded pictures waiting for one rendition. They are shared among renditions, so the slowest
/// decides how many are held.
pub(crate) const MAX_PICTURES: usize = 6;

/// Packets waiting for one rendition: some seconds of sound.
const MAX_PACKETS: usize = 512;

/// What flows.
pub(crate) enum Item {
    /// A decoded picture.
    Picture(Arc<Picture>),
    /// Sound to be muxed.
    Sound(Arc<Packet>),
    /// Encoded video to be muxed as it is.
    Video(Arc<Packet>),
}

/// The queue.
#[derive(Default)]
pub(crate) struct Feed {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    pictures: usize,
    ended: bool,
    abandoned: bool,
}

impl State {
    fn has_room_for(&self, item: &Item) -> bool {
        match item {
            Item::Picture(_) => self.pictures < MAX_PICTURES,
            Item::Sound(_) | Item::Video(_) => self.items.len() - self.pictures < MAX_PACKETS,
        }
    }
}

impl Feed {
    /// Adds an item once there is room.
    pub(crate) fn push(&self, item: Item, turn: &mut Turn<'_>) -> Result<(), TranscodeFailure> {
        let mut state = self.lock();
        while !state.has_room_for(&item) && !state.abandoned {
            turn.rest();
            state = self.wait(state);
            turn.check()?;
        }
        if let Item::Picture(_) = item {
            state.pictures += 1;
        }
        state.items.push_back(item);
        self.changed.notify_all();
        Ok(())
    }

    /// The next item; `None` after the last.
    pub(crate) fn pop(&self, turn: &mut Turn<'_>) -> Result<Option<Item>, TranscodeFailure> {
        let mut state = self.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                if let Item::Picture(_) = item {
                    state.pictures -= 1;
                }
                self.changed.notify_all();
                return Ok(Some(item));
            }
            if state.ended {
                return Ok(None);
            }
            turn.rest();
            state = self.wait(state);
            turn.check()?;
        }
    }

    /// Nothing more will be pushed.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Nothing more will be popped.
    pub(crate) fn abandon(&self) {
        self.lock().abandoned = true;
        self.changed.notify_all();
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed
            .wait_timeout(state, LOOK_AGAIN)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
