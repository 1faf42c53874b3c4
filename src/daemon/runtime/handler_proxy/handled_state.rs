//! The updates that a handler has, and the state that was handled last, in memory and in the checkpoint file.

use std::{collections::HashSet, sync::Arc};

use consul_watch_actors::{Changed, Reason, Snapshot};

use crate::{
    checkpoint::{Checkpoint, ViewParts, entry_id},
    daemon::runtime::{checkpoint_writer::CheckpointWriter, handler_view::ItemOf},
    handlers::HandlerPayload,
};

/// The record of one watch. It writes the checkpoint file, if there is one.
pub(super) struct HandledState<Q: HandlerPayload> {
    /// The part of each entry that counts; `None` if all of it does.
    view: Option<ViewParts<ItemOf<Q>>>,
    latest: Option<LatestUpdate<Q>>,
    /// The ids of the events that were handed on and are not handled. A state needs none: the newest stands for
    /// all before it.
    open_events: HashSet<String>,
    /// The state that was handled last, by this proxy or before it existed.
    seen: Option<Checkpoint>,
    writer: Option<CheckpointWriter>,
    /// Whether the file says that a state later than `seen` was begun.
    marked_begun: bool,
    /// The newest state that came after the latest update and had nothing that counts, unless it is in `seen`.
    skipped: Option<SkippedState<Q>>,
}

/// A state that was not delivered, since it differs from the last one in nothing that counts.
pub(in crate::daemon::runtime) struct SkippedState<Q: HandlerPayload> {
    pub(in crate::daemon::runtime) query: Arc<Q>,
    pub(in crate::daemon::runtime) value: Arc<Q::Value>,
    pub(in crate::daemon::runtime) index: u64,
}

struct LatestUpdate<Q: HandlerPayload> {
    changed: Changed<Q>,
    outcome: HandlerOutcome,
}

/// The outcome of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HandlerOutcome {
    /// The handler has not finished.
    Open,
    /// The engine has taken it back, or delivers it or a later one again because the handler has lost it.
    Returned,
    /// The handler has given up.
    Failed,
    Succeeded,
}

impl<Q: HandlerPayload> HandledState<Q> {
    pub(super) fn new(writer: Option<CheckpointWriter>, seen: Option<Checkpoint>) -> Self {
        Self {
            view: None,
            latest: None,
            open_events: HashSet::new(),
            seen,
            writer,
            marked_begun: false,
            skipped: None,
        }
    }

    /// Counts only these parts of the entries.
    pub(super) fn with_view(mut self, view: Option<ViewParts<ItemOf<Q>>>) -> Self {
        self.view = view;
        self
    }

    /// Returns whether an update has begun and has not ended or has failed, now or when the daemon before this one was
    /// killed.
    pub(super) fn is_unfinished(&self) -> bool {
        match &self.latest {
            Some(latest) => {
                matches!(
                    latest.outcome,
                    HandlerOutcome::Open | HandlerOutcome::Failed
                ) || !self.open_events.is_empty()
            }
            None => self.seen.as_ref().is_some_and(Checkpoint::is_begun),
        }
    }

    /// Returns the latest update and its outcome. Of events, it brings all that are not handled.
    pub(super) fn latest(&self) -> Option<(Changed<Q>, HandlerOutcome)> {
        let latest = self.latest.as_ref()?;
        let mut changed = latest.changed.clone();
        if Q::Value::APPEND_ONLY {
            let handled = |item: &_| !self.open_events.contains(&entry_id(item));
            changed.previous = changed.current.retained(&handled).map(Arc::new);
        }
        let outcome = match latest.outcome {
            // The queue of the handler held others.
            HandlerOutcome::Succeeded | HandlerOutcome::Failed if !self.open_events.is_empty() => {
                HandlerOutcome::Open
            }
            outcome => outcome,
        };
        Some((changed, outcome))
    }

    /// Returns true if an update only repeats the state that was handled last. After a change of the Consul
    /// server, equal states may differ in their indexes.
    pub(super) fn repeats(&self, changed: &Changed<Q>) -> bool {
        let handled = self
            .latest
            .as_ref()
            .is_none_or(|latest| latest.outcome == HandlerOutcome::Succeeded);
        if changed.reason != Reason::Resync || !handled {
            return false;
        }
        let covers = |seen: &Checkpoint| seen.covers_update(changed, self.view.as_ref());
        match &self.skipped {
            // It came after the state in `seen`, which may be the one that is back now.
            Some(skipped) => covers(&self.see(&skipped.query, (&*skipped.value, skipped.index))),
            None => self.seen.as_ref().is_some_and(covers),
        }
    }

    /// Notes a new update. The first one after a checkpoint gets the events that were handled as `previous`.
    pub(super) fn begin(&mut self, changed: &mut Changed<Q>) {
        if let Some(seen) = &self.seen {
            seen.restore_previous(changed);
        }
        self.skipped = None;
        self.open_events.extend(new_events(changed));
        self.latest = Some(LatestUpdate {
            changed: changed.clone(),
            outcome: HandlerOutcome::Open,
        });
    }

    /// Marks the file before an update is handed on, because its effects may outlive a crash. The update must
    /// wait for the returned write.
    pub(super) fn mark_begun(&mut self) -> Option<impl Future<Output = ()> + use<Q>> {
        if self.marked_begun {
            return None;
        }
        let (writer, seen) = (self.writer.as_ref()?, self.seen.clone()?);
        self.marked_begun = true;
        Some(writer.write(seen.begun()))
    }

    /// Notes that an unfinished update is the engine's again. A finished one stays so: its outcome may be known
    /// before its acknowledgement.
    pub(super) fn returned(&mut self, changed: &Changed<Q>) {
        if let Some(latest) = self.latest_of(changed)
            && latest.outcome == HandlerOutcome::Open
        {
            latest.outcome = HandlerOutcome::Returned;
        }
    }

    /// Records that the handler has finished an update, and returns the write to run. Of states, only the latest
    /// update counts. Events count one by one.
    pub(super) fn record(
        &mut self,
        changed: &Changed<Q>,
        success: bool,
    ) -> Option<impl Future<Output = ()> + use<Q>> {
        for id in new_events(changed) {
            self.open_events.remove(&id);
        }
        let is_latest = match self.latest_of(changed) {
            Some(latest) => {
                latest.outcome = if success {
                    HandlerOutcome::Succeeded
                } else {
                    HandlerOutcome::Failed
                };
                true
            }
            None => false,
        };
        if !is_latest && !Q::Value::APPEND_ONLY {
            return None;
        }
        let latest = &self.latest.as_ref()?.changed;
        let seen = self.see(&latest.query, (&*latest.current, latest.index));
        self.marked_begun = !is_latest;
        self.seen = Some(seen.clone());
        let seen = if is_latest { seen } else { seen.begun() };
        Some(self.writer.as_ref()?.write(seen))
    }

    /// Notes a state that was skipped after the latest update.
    pub(super) fn skip(&mut self, skipped: SkippedState<Q>) {
        self.skipped = Some(skipped);
    }

    /// Records that the state that was skipped last needs no handling, once the updates before it have been handled.
    /// Returns the write to run.
    pub(super) fn record_skipped(&mut self) -> Option<impl Future<Output = ()> + use<Q>> {
        self.writer.as_ref()?;
        let seen = self.see_skipped()?;
        Some(self.writer.as_ref()?.write(seen))
    }

    /// Sets the state that was handled last to the one that was skipped last, if nothing before it is open.
    fn see_skipped(&mut self) -> Option<Checkpoint> {
        let is_open = self.latest.as_ref().is_some_and(|latest| {
            matches!(
                latest.outcome,
                HandlerOutcome::Open | HandlerOutcome::Returned
            )
        });
        if is_open || !self.open_events.is_empty() {
            return None;
        }
        let skipped = self.skipped.take()?;
        let seen = self.see(&skipped.query, (&*skipped.value, skipped.index));
        self.marked_begun = false;
        self.seen = Some(seen.clone());
        Some(seen)
    }

    /// Returns the checkpoint of a state, of which the open events were not handled.
    fn see(&self, query: &Q, state: (&Q::Value, u64)) -> Checkpoint {
        let seen = Checkpoint::of_state(query, state, &self.open_events, self.view.as_ref());
        match &self.seen {
            Some(earlier) => seen.following(earlier),
            None => seen,
        }
    }

    /// Takes the state that was handled last, with a mark if a later one was begun. Returns the last write to
    /// run, which completes after all earlier ones.
    pub(super) fn finish(
        &mut self,
    ) -> (
        Option<Checkpoint>,
        Option<impl Future<Output = ()> + use<Q>>,
    ) {
        let was_skipped = self.see_skipped().is_some();
        let unfinished = !self.open_events.is_empty()
            || self.latest.as_ref().is_some_and(|latest| {
                matches!(
                    latest.outcome,
                    HandlerOutcome::Open | HandlerOutcome::Returned
                )
            });
        let seen = self
            .seen
            .take()
            .map(|seen| if unfinished { seen.begun() } else { seen });
        let write = match (&self.writer, &seen) {
            (Some(writer), Some(seen)) if was_skipped || writer.has_written() => {
                Some(writer.write(seen.clone()))
            }
            _ => None,
        };
        (seen, write)
    }

    /// Returns the latest update if it brought the same state as this one.
    fn latest_of(&mut self, changed: &Changed<Q>) -> Option<&mut LatestUpdate<Q>> {
        self.latest
            .as_mut()
            .filter(|latest| Arc::ptr_eq(&latest.changed.current, &changed.current))
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

#[cfg(test)]
mod tests;
