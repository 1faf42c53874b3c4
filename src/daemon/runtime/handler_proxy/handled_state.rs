//! The latest update with its outcome, and the state that was handled last, in memory and in the checkpoint file.

use consul_watch_actors::{Changed, Reason};

use crate::{
    checkpoint::Checkpoint, daemon::runtime::checkpoint_writer::CheckpointWriter,
    handlers::HandlerPayload,
};

/// The record of one watch. It writes the checkpoint file, if there is one.
pub(super) struct HandledState<Q: HandlerPayload> {
    latest: Option<LatestUpdate<Q>>,
    /// The state that was handled last, by this proxy or before it existed.
    seen: Option<Checkpoint>,
    writer: Option<CheckpointWriter>,
    /// Whether the file says that a state later than `seen` was begun.
    marked_begun: bool,
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
            latest: None,
            seen,
            writer,
            marked_begun: false,
        }
    }

    /// Returns whether an update has begun and not ended, now or when the daemon before this one was killed.
    pub(super) fn is_unfinished(&self) -> bool {
        match &self.latest {
            Some(latest) => latest.outcome == HandlerOutcome::Open,
            None => self.seen.as_ref().is_some_and(Checkpoint::is_begun),
        }
    }

    /// Returns the latest update and its outcome.
    pub(super) fn latest(&self) -> Option<(&Changed<Q>, HandlerOutcome)> {
        let latest = self.latest.as_ref()?;
        Some((&latest.changed, latest.outcome))
    }

    /// Returns true if an update only repeats the state that was handled last. After a change of the Consul
    /// server, equal states may differ in their indexes.
    pub(super) fn repeats(&self, changed: &Changed<Q>) -> bool {
        let handled = self
            .latest
            .as_ref()
            .is_none_or(|latest| latest.outcome == HandlerOutcome::Succeeded);
        changed.reason == Reason::Resync
            && handled
            && self
                .seen
                .as_ref()
                .is_some_and(|seen| seen.covers_update(changed))
    }

    /// Notes a new update. The first one after a checkpoint gets the events that were handled as `previous`.
    pub(super) fn begin(&mut self, changed: &mut Changed<Q>) {
        if let Some(seen) = &self.seen {
            seen.restore_previous(changed);
        }
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
    pub(super) fn returned(&mut self, index: u64) {
        if let Some(latest) = self.latest_of(index)
            && latest.outcome == HandlerOutcome::Open
        {
            latest.outcome = HandlerOutcome::Returned;
        }
    }

    /// Records that the handler has finished an update, and returns the write to run. Only the latest update
    /// counts.
    pub(super) fn record(
        &mut self,
        index: u64,
        success: bool,
    ) -> Option<impl Future<Output = ()> + use<Q>> {
        let latest = self.latest_of(index)?;
        latest.outcome = if success {
            HandlerOutcome::Succeeded
        } else {
            HandlerOutcome::Failed
        };
        let mut seen = Checkpoint::of(&latest.changed);
        if let Some(earlier) = &self.seen {
            seen = seen.following(earlier);
        }
        self.marked_begun = false;
        self.seen = Some(seen.clone());
        Some(self.writer.as_ref()?.write(seen))
    }

    /// Takes the state that was handled last, with a mark if a later one was begun. Returns the last write to
    /// run, which completes after all earlier ones.
    pub(super) fn finish(
        &mut self,
    ) -> (
        Option<Checkpoint>,
        Option<impl Future<Output = ()> + use<Q>>,
    ) {
        let unfinished = self.latest.as_ref().is_some_and(|latest| {
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
            (Some(writer), Some(seen)) if writer.has_written() => Some(writer.write(seen.clone())),
            _ => None,
        };
        (seen, write)
    }

    fn latest_of(&mut self, index: u64) -> Option<&mut LatestUpdate<Q>> {
        self.latest
            .as_mut()
            .filter(|latest| latest.changed.index == index)
    }
}
