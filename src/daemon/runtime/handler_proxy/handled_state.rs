//! The updates that a handler has, and the state that was handled last, in memory and in the checkpoint file.

use std::sync::Arc;

use consul_watch_actors::{Changed, Reason, Snapshot};

use crate::{
    checkpoint::{Checkpoint, ViewParts},
    daemon::runtime::{
        checkpoint_writer::CheckpointWriter,
        handler_proxy::open_updates::{HandOver, OpenUpdates},
        handler_view::ItemOf,
    },
    handlers::HandlerPayload,
};

/// The record of one watch. It writes the checkpoint file, if there is one.
pub(super) struct HandledState<Q: HandlerPayload> {
    /// The part of each entry that counts; `None` if all of it does.
    view: Option<ViewParts<ItemOf<Q>>>,
    /// The newest update, whatever became of it.
    latest: Option<Changed<Q>>,
    open: OpenUpdates<Q>,
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

impl<Q: HandlerPayload> HandledState<Q> {
    pub(super) fn new(writer: Option<CheckpointWriter>, seen: Option<Checkpoint>) -> Self {
        Self {
            view: None,
            latest: None,
            open: OpenUpdates::default(),
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
            Some(_) => self.open.any_begun(),
            None => self.seen.as_ref().is_some_and(Checkpoint::is_begun),
        }
    }

    /// Returns what the next handler has to get, the oldest first. One that `starts_anew` needs the newest state,
    /// although it was handled.
    pub(super) fn hand_over(&mut self, how: HandOver, starts_anew: bool) -> Vec<Changed<Q>> {
        let mut handed = self.open.hand_over(how);
        if starts_anew && self.open.is_empty() {
            handed.extend(self.latest.clone());
        }
        handed
    }

    /// Returns true if an update only repeats the state that was handled last. After a change of the Consul
    /// server, equal states may differ in their indexes.
    pub(super) fn repeats(&self, changed: &Changed<Q>) -> bool {
        if changed.reason != Reason::Resync || !self.open.is_empty() {
            return false;
        }
        let covers = |seen: &Checkpoint| seen.covers_update(changed, self.view.as_ref());
        match &self.skipped {
            // It came after the state in `seen`, which may be the one that is back now.
            Some(skipped) => covers(&self.see(&skipped.query, (&*skipped.value, skipped.index))),
            None => self.seen.as_ref().is_some_and(covers),
        }
    }

    /// Notes a new update for a handler that has this many at most (`limit`). The first one after a checkpoint gets the
    /// events that were handled as `previous`.
    pub(super) fn begin(&mut self, changed: &mut Changed<Q>, limit: Option<usize>) {
        if let Some(seen) = &self.seen {
            seen.restore_previous(changed);
        }
        self.skipped = None;
        self.open.begin(changed.clone(), limit);
        self.latest = Some(changed.clone());
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
        self.open.returned(changed);
    }

    /// Records that the handler has finished an update, and returns the write to run. Of states, only the latest
    /// update counts. Events count one by one.
    pub(super) fn record(
        &mut self,
        changed: &Changed<Q>,
        success: bool,
    ) -> Option<impl Future<Output = ()> + use<Q>> {
        self.open.ended(changed, success);
        let latest = self.latest.as_ref()?;
        let is_latest = Arc::ptr_eq(&latest.current, &changed.current);
        if !is_latest && !Q::Value::APPEND_ONLY {
            return None;
        }
        let seen = self.see(&latest.query, (&*latest.current, latest.index));
        self.marked_begun = !is_latest;
        self.seen = Some(seen.clone());
        let seen = if is_latest { seen } else { seen.begun() };
        Some(self.writer.as_ref()?.write(seen))
    }

    /// Writes the state that was handled before, for a file that does not hold it yet.
    pub(super) fn write_seen(&self) -> Option<impl Future<Output = ()> + use<Q>> {
        Some(self.writer.as_ref()?.write(self.seen.clone()?))
    }

    /// Records the state found at the start, which needs no handling. Returns the write to run.
    pub(super) fn see_first(
        &mut self,
        first: Checkpoint,
    ) -> Option<impl Future<Output = ()> + use<Q>> {
        if self.seen.is_some() || self.latest.is_some() {
            return None;
        }
        self.seen = Some(first);
        self.write_seen()
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
        if self.open.any_unfinished() {
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
        let seen = Checkpoint::of_state(query, state, &self.open.open_events(), self.view.as_ref());
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
        let unfinished = self.open.any_unfinished();
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
}

#[cfg(test)]
impl<Q: HandlerPayload> HandledState<Q> {
    pub(super) fn latest_index(&self) -> Option<u64> {
        Some(self.latest.as_ref()?.index)
    }
}

#[cfg(test)]
mod tests;
