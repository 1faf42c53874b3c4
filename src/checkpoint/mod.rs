//! Checkpoints: the last state that a subscriber handled, kept over restarts of the application.
//!
//! Start with [`CheckpointFile`], which keeps it in a file. To keep it elsewhere, take a [`Checkpoint`] from each
//! [`Changed`] that was handled, and begin with [`Checkpoint::resume`].

mod damage;
mod digest;
mod file;
mod fingerprint;
mod identity;
mod leftovers;
#[cfg(feature = "cli")]
mod of_daemon;
mod shared_state;
mod subscriber;
#[cfg(test)]
mod tests;
mod view_parts;
mod watch;

pub use self::file::{CheckpointError, CheckpointFile};

#[cfg(feature = "cli")]
use std::collections::HashSet;
use std::sync::Arc;

use consul_watch_actors::{Changed, Query, Snapshot, Watch, WatchPath};
use serde::{Deserialize, Serialize};

#[cfg(feature = "cli")]
pub(crate) use self::fingerprint::{entry_id, without_indexes};
pub(crate) use self::view_parts::ViewParts;
use self::{fingerprint::Fingerprint, identity::identity};

/// The state that a subscriber handled last: its index and a salted digest of its content.
///
/// The digest leaves out the indexes. Content that was deleted and written again the same while the application
/// was away is therefore no change. Of events, which are only ever added, the checkpoint knows the id of each one
/// that was handled. Two checkpoints of one state differ in their salts, so that they are not equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The name of what is watched.
    watch: String,
    /// The index of the last state handled.
    index: u64,
    #[serde(flatten)]
    fingerprint: Fingerprint,
    /// Whether the handling of a later state has begun.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    begun: bool,
}

impl Checkpoint {
    /// Returns the checkpoint of the state that this update brought, to be kept once it has been handled.
    pub fn of<Q: Query>(changed: &Changed<Q>) -> Self
    where
        <Q::Value as Snapshot>::Item: Serialize,
    {
        Self::at(&*changed.query, &*changed.current, changed.index)
    }

    fn at<Q: Query>(query: &Q, value: &Q::Value, index: u64) -> Self
    where
        <Q::Value as Snapshot>::Item: Serialize,
    {
        Self {
            watch: identity(&query.path()),
            index,
            fingerprint: Fingerprint::of(value),
            begun: false,
        }
    }

    /// Returns the checkpoint of a state, of which the events with these ids were not handled yet. With a view, it also
    /// covers states that differ outside of it.
    #[cfg(feature = "cli")]
    pub(crate) fn of_state<Q: Query>(
        query: &Q,
        (value, index): (&Q::Value, u64),
        open: &HashSet<String>,
        view: Option<&ViewParts<<Q::Value as Snapshot>::Item>>,
    ) -> Self
    where
        <Q::Value as Snapshot>::Item: Serialize,
    {
        Self {
            watch: identity(&query.path()),
            index,
            fingerprint: Fingerprint::of_all_but(value, open, view),
            begun: false,
        }
    }

    /// Returns the checkpoint of the state found at the start. Its index is not known.
    #[cfg(feature = "cli")]
    pub(crate) fn of_first<Q: Query>(
        query: &Q,
        value: &Q::Value,
        view: Option<&ViewParts<<Q::Value as Snapshot>::Item>>,
    ) -> Self
    where
        <Q::Value as Snapshot>::Item: Serialize,
    {
        Self::of_state(query, (value, 0), &HashSet::new(), view)
    }

    /// Adds the events that `earlier` knows as handled and that the agent has forgotten since.
    #[must_use]
    pub fn following(mut self, earlier: &Self) -> Self {
        if self.watch == earlier.watch {
            self.fingerprint.remember(&earlier.fingerprint);
        }
        self
    }

    /// Marks that the handling of a later update has begun. Keep the result until that update has been handled.
    ///
    /// If the application crashes in the middle of the update, its effects may be there. After a restart the
    /// current state is then delivered in any case, even if it equals the one that was handled last.
    #[must_use]
    pub fn begun(mut self) -> Self {
        self.begun = true;
        self
    }

    /// Returns whether the handling of a later update had begun, and may be there in part.
    pub fn is_begun(&self) -> bool {
        self.begun
    }

    /// Returns the index of the state. Consul may have started its count over since.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Returns it if it is of a watch of the same, even if that was asked for in another way.
    fn of_watch(mut self, path: &WatchPath) -> Option<Self> {
        let wanted = identity(path);
        // Earlier versions kept the whole path.
        let is_same = self.watch == wanted || self.watch == path.to_string();
        self.watch = wanted;
        is_same.then_some(self)
    }

    /// Returns the name of the watch, without the options that do not decide what is watched: `stale`, `token` and
    /// their like.
    pub fn watch(&self) -> &str {
        &self.watch
    }

    /// Whether this value brings nothing that has to be handled.
    fn covers<S>(&self, value: &S, view: Option<&ViewParts<S::Item>>) -> bool
    where
        S: Snapshot<Item: Serialize>,
    {
        // An event that was begun is not among those that were handled.
        (!self.begun || S::APPEND_ONLY) && self.fingerprint.covers(value, view)
    }

    /// Whether this update brings nothing but what was handled, whatever the indexes.
    #[cfg(feature = "cli")]
    pub(crate) fn covers_update<Q: Query>(
        &self,
        changed: &Changed<Q>,
        view: Option<&ViewParts<<Q::Value as Snapshot>::Item>>,
    ) -> bool
    where
        <Q::Value as Snapshot>::Item: Serialize,
    {
        self.watch == identity(&changed.query.path()) && self.covers(&*changed.current, view)
    }

    /// Begins the watch after this checkpoint: the first update comes only if the content differs.
    ///
    /// That update has no `previous`, since only the digest of the last state is known. For events, see
    /// [`restore_previous`](Self::restore_previous).
    #[must_use]
    pub fn resume<Q: Query>(self, watch: Watch<Q>) -> Watch<Q>
    where
        <Q::Value as Snapshot>::Item: Serialize,
    {
        watch.skip_first_when(move |first| self.covers(first, None))
    }

    /// Begins the watch of a subscriber with a view after this checkpoint: the first update comes only if the content
    /// differs in what counts.
    #[cfg(feature = "cli")]
    pub(crate) fn resume_in_view<Q: Query>(
        self,
        watch: Watch<Q>,
        view: ViewParts<<Q::Value as Snapshot>::Item>,
    ) -> Watch<Q>
    where
        <Q::Value as Snapshot>::Item: Serialize,
    {
        watch.skip_first_when(move |first| self.covers(first, Some(&view)))
    }

    /// Sets `previous` of the first update after this checkpoint to the events that were handled, so that its
    /// changes are the new ones. An update of another value is not changed.
    pub fn restore_previous<Q: Query>(&self, changed: &mut Changed<Q>)
    where
        <Q::Value as Snapshot>::Item: Serialize,
    {
        if changed.previous.is_none()
            && let Some(handled) = self.fingerprint.handled_part(&*changed.current)
        {
            changed.previous = Some(Arc::new(handled));
            changed.previous_index = Some(self.index);
        }
    }
}
