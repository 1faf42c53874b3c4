//! The updates that a handler has and has not finished, and what the next handler has to get of them.

use std::{collections::HashSet, sync::Arc};

use consul_watch_actors::{Changed, Snapshot};

use crate::{
    checkpoint::entry_id,
    handlers::{HandlerPayload, supersede},
};

/// The updates that were handed on and were not handled, the oldest first.
pub(super) struct OpenUpdates<Q: HandlerPayload> {
    updates: Vec<OpenUpdate<Q>>,
}

struct OpenUpdate<Q: HandlerPayload> {
    /// It counts from where the oldest of those did that it stands for.
    changed: Changed<Q>,
    /// The ids of its events that were not handled. A state has none: the newest stands for all before it.
    events: HashSet<String>,
    status: UpdateStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UpdateStatus {
    /// The handler has not finished.
    Open,
    /// The engine has taken it back, or delivers it or a later one again because the handler has lost it.
    Returned,
    /// The handler has given up.
    Failed,
}

/// The updates that the next handler gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HandOver {
    /// Each of them, in order.
    Each,
    /// One, which stands for all.
    Newest,
}

impl<Q: HandlerPayload> OpenUpdates<Q> {
    /// Adds an update. With a limit, the newest stands for those that are too many.
    pub(super) fn begin(&mut self, changed: Changed<Q>, limit: Option<usize>) {
        // The engine has made this one from it.
        self.updates
            .pop_if(|it| it.status == UpdateStatus::Returned);
        self.updates.push(OpenUpdate {
            events: new_events(&changed).into_iter().collect(),
            changed,
            status: UpdateStatus::Open,
        });
        while limit.is_some_and(|limit| self.updates.len() > limit.max(1)) {
            self.merge(self.updates.len() - 2);
        }
    }

    /// Notes that an update is the engine's again, unless it was finished.
    pub(super) fn returned(&mut self, changed: &Changed<Q>) {
        if let Some(update) = self.updates.iter_mut().rfind(|it| it.brought(changed))
            && update.status == UpdateStatus::Open
        {
            update.status = UpdateStatus::Returned;
        }
    }

    /// Notes that the handler has finished an update, or has given it up.
    pub(super) fn ended(&mut self, changed: &Changed<Q>, success: bool) {
        let place = self.updates.iter().rposition(|it| it.brought(changed));
        if Q::Value::APPEND_ONLY {
            self.events_ended(&new_events(changed), place, success);
        } else if let (Some(at), true) = (place, success) {
            self.updates.drain(..=at);
        } else if let Some(at) = place {
            self.updates[at].status = UpdateStatus::Failed;
        }
        self.merge_failed();
    }

    /// Notes the end of these events. A success makes good what was given up before.
    fn events_ended(&mut self, ids: &[String], place: Option<usize>, success: bool) {
        let mut at = 0;
        self.updates.retain_mut(|update| {
            let here = at;
            at += 1;
            let is_meant = place == Some(here) || ids.iter().any(|id| update.events.contains(id));
            if !success {
                if is_meant {
                    update.status = UpdateStatus::Failed;
                }
                return true;
            }
            if is_meant {
                update.events.retain(|id| !ids.contains(id));
                return !update.events.is_empty();
            }
            update.status != UpdateStatus::Failed || place.is_none_or(|place| here > place)
        });
    }

    /// Lets one update stand for all that were given up one after another.
    fn merge_failed(&mut self) {
        let mut at = 1;
        while at < self.updates.len() {
            let failed = |at: usize| self.updates[at].status == UpdateStatus::Failed;
            if failed(at - 1) && failed(at) {
                self.merge(at - 1);
            } else {
                at += 1;
            }
        }
    }

    /// Lets the update behind this place stand for the one at it.
    fn merge(&mut self, at: usize) {
        let older = self.updates.remove(at);
        if let Some(newer) = self.updates.get_mut(at) {
            newer.stand_for(&older);
        }
    }

    /// Returns what the next handler has to get, the oldest first.
    pub(super) fn hand_over(&mut self, how: HandOver) -> Vec<Changed<Q>> {
        let returned = self
            .updates
            .pop_if(|it| it.status == UpdateStatus::Returned);
        while how == HandOver::Newest && self.updates.len() > 1 {
            self.merge(self.updates.len() - 2);
        }
        for update in &mut self.updates {
            update.status = UpdateStatus::Open;
        }
        let handed = self.updates.iter().map(OpenUpdate::not_handled).collect();
        self.updates.extend(returned);
        handed
    }

    /// Returns the ids of the events that are not finished.
    pub(super) fn open_events(&self) -> HashSet<String> {
        let open = self
            .updates
            .iter()
            .filter(|it| it.status != UpdateStatus::Failed);
        open.flat_map(|it| it.events.iter().cloned()).collect()
    }

    /// Returns whether nothing is left: all updates were handled.
    pub(super) fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }

    /// Returns whether an update was neither handled nor given up.
    pub(super) fn any_unfinished(&self) -> bool {
        self.updates
            .iter()
            .any(|it| it.status != UpdateStatus::Failed)
    }

    /// Returns whether the handler has begun an update, or could have, and has not handled it.
    pub(super) fn any_begun(&self) -> bool {
        self.updates
            .iter()
            .any(|it| it.status != UpdateStatus::Returned)
    }
}

impl<Q: HandlerPayload> Default for OpenUpdates<Q> {
    fn default() -> Self {
        Self {
            updates: Vec::new(),
        }
    }
}

impl<Q: HandlerPayload> OpenUpdate<Q> {
    /// Returns whether it brought the same state as this one.
    fn brought(&self, changed: &Changed<Q>) -> bool {
        Arc::ptr_eq(&self.changed.current, &changed.current)
    }

    /// Takes the place of an older one. An event that the agent has forgotten long ago is given up.
    fn stand_for(&mut self, older: &Self) {
        supersede(&mut self.changed, &older.changed);
        if !older.events.is_empty() {
            let items = self.changed.current.items().iter();
            let known = items.map(|it| entry_id(&**it));
            self.events
                .extend(known.filter(|id| older.events.contains(id)));
        }
    }

    /// Returns the update for another handler. Of events, it brings those that were not handled.
    fn not_handled(&self) -> Changed<Q> {
        let mut changed = self.changed.clone();
        if Q::Value::APPEND_ONLY {
            let handled = |item: &_| !self.events.contains(&entry_id(item));
            changed.previous = changed.current.retained(&handled).map(Arc::new);
        }
        changed
    }
}

/// Returns the ids of the events that are new in an update; none for a watch of states.
fn new_events<Q: HandlerPayload>(changed: &Changed<Q>) -> Vec<String> {
    if !Q::Value::APPEND_ONLY {
        return Vec::new();
    }
    let known = changed.previous.as_deref().map(Snapshot::items);
    let known: HashSet<_> = known
        .into_iter()
        .flatten()
        .map(|it| entry_id(&**it))
        .collect();
    let items = changed.current.items().iter().map(|it| entry_id(&**it));
    items.filter(|id| !known.contains(id)).collect()
}
