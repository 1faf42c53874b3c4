//! The observers of watches, each with a bounded queue of events.

use std::collections::VecDeque;

use actix::dev::RecipientRequest;

use crate::{
    messages::{
        event::{EventKind, WatchEvent},
        selection::Selection,
        subscriber::Subscriber,
    },
    query::{path::WatchPath, watch_key::WatchKey},
};

/// The number of events that wait for an observer; beyond it the oldest are dropped.
const MOST_WAITING: usize = 1024;

/// An observer: one event in flight, the others in a bounded queue.
#[derive(Debug)]
pub(crate) struct Observer {
    pub(crate) id: u64,
    pub(crate) selection: Selection,
    address: Subscriber<WatchEvent>,
    /// The watch that it came with, and ends with.
    watch: Option<WatchKey>,
    /// Whether that watch has ended: the queued events are the last ones.
    ending: bool,
    waiting: VecDeque<WatchEvent>,
    missed: u64,
    busy: bool,
}

impl Observer {
    pub(crate) fn new(
        id: u64,
        selection: Selection,
        address: Subscriber<WatchEvent>,
        watch: Option<WatchKey>,
    ) -> Self {
        let waiting = VecDeque::new();
        Self {
            id,
            selection,
            address,
            watch,
            ending: false,
            waiting,
            missed: 0,
            busy: false,
        }
    }

    /// Returns whether both are the same actor, observing the same watches.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        !self.ending
            && self.watch == other.watch
            && self.selection == other.selection
            && self
                .address
                .identity()
                .is_some_and(|actor| Some(actor) == other.address.identity())
    }

    /// Records that a watch has ended.
    pub(crate) fn watch_ended(&mut self, key: &WatchKey) {
        self.ending |= self.watch.as_ref() == Some(key);
    }

    /// Returns whether it came with this watch and is this actor.
    pub(crate) fn came_with(&self, key: &WatchKey, actor: u64) -> bool {
        self.watch.as_ref() == Some(key) && self.address.identity() == Some(actor)
    }

    /// Returns whether no event is left for it, now or later.
    pub(crate) fn is_done(&self) -> bool {
        self.ending && self.waiting.is_empty()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.address.is_connected()
    }

    pub(crate) fn notify(&mut self, key: &WatchKey, path: &WatchPath, kind: EventKind) {
        if self.ending {
            return;
        }
        if self.waiting.len() == MOST_WAITING {
            self.waiting.pop_front();
            self.missed += 1;
        }
        self.waiting.push_back(WatchEvent {
            path: path.clone(),
            kind,
            missed: 0,
            key: key.clone(),
        });
    }

    /// Sends the next event, if the one before was handled.
    pub(crate) fn send(&mut self) -> Option<RecipientRequest<WatchEvent>> {
        if self.busy {
            return None;
        }
        let mut event = self.waiting.pop_front()?;
        event.missed = std::mem::take(&mut self.missed);
        let request = self.address.send(event)?;
        self.busy = true;
        Some(request)
    }

    pub(crate) fn handled(&mut self) {
        self.busy = false;
    }
}
