//! The actors that want to know what happens to watches.

use std::collections::VecDeque;

use actix::dev::RecipientRequest;

use crate::{EventKind, Selection, Subscriber, WatchEvent, WatchPath, key::WatchKey};

/// How many events wait for an observer before the oldest are let go.
const MOST_WAITING: usize = 1024;

/// One observer: one event in flight, the others in a queue that is bounded.
#[derive(Debug)]
pub(crate) struct Observer {
    pub(crate) id: u64,
    pub(crate) selection: Selection,
    address: Subscriber<WatchEvent>,
    /// The watch it came with and ends with.
    watch: Option<WatchKey>,
    /// That watch has ended: nothing more is told than what waits.
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

    /// Whether both tell the same actor of the same watches.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        !self.ending
            && self.watch == other.watch
            && self.selection == other.selection
            && self
                .address
                .identity()
                .is_some_and(|actor| Some(actor) == other.address.identity())
    }

    /// A watch is no more.
    pub(crate) fn watch_ended(&mut self, key: &WatchKey) {
        self.ending |= self.watch.as_ref() == Some(key);
    }

    /// Whether it came with this watch and is this actor.
    pub(crate) fn came_with(&self, key: &WatchKey, actor: u64) -> bool {
        self.watch.as_ref() == Some(key) && self.address.identity() == Some(actor)
    }

    /// Whether there is nothing left to tell it, now or later.
    pub(crate) fn is_done(&self) -> bool {
        self.ending && self.waiting.is_empty()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.address.is_connected()
    }

    pub(crate) fn tell(&mut self, key: &WatchKey, path: &WatchPath, kind: EventKind) {
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

    /// The next event, on its way, if the one before was handled.
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
