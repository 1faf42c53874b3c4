//! A watched value as a set of items, each with an identity of its own.

use std::{borrow::Cow, fmt::Debug, sync::Arc, time::SystemTime};

use crate::value::hidden_entries::HiddenEntries;

/// One entry of a watched value: a key and its value, a node, a check.
pub trait Item: Debug + Send + Sync + 'static {
    /// The type of its identity, which is the same in two snapshots for the same entry.
    type Id<'a>: Ord
    where
        Self: 'a;

    /// Its identity.
    fn id(&self) -> Self::Id<'_>;

    /// Whether the two hold the same, as a subscriber without a projection sees it. What only says
    /// that something was written again (an index) does not count.
    fn content_eq(&self, other: &Self) -> bool;

    /// Its identity as text, for entries of values that have parts (see [`SharedBy`](crate::SharedBy)) and of
    /// values that only ever add (see [`Snapshot::APPEND_ONLY`]).
    fn routing_key(&self) -> Option<&str> {
        None
    }

    /// Since when the source no longer shows it, though it may exist: its last good value stays, and the status of the
    /// watch names it ([`WatchStatus::hidden`](crate::WatchStatus::hidden)). `None` for an entry that is shown.
    fn hidden_since(&self) -> Option<SystemTime> {
        None
    }

    /// Its name in a status. Default: its [`routing_key`](Self::routing_key).
    fn name(&self) -> Cow<'_, str> {
        self.routing_key().unwrap_or_default().into()
    }
}

/// A watched value as a whole: a set of [`Item`]s.
///
/// `PartialEq` compares all there is, indexes included; [`Item::content_eq`] decides what is news.
pub trait Snapshot: PartialEq + Debug + Send + Sync + 'static {
    /// Its entries.
    type Item: Item;

    /// Whether entries that are missing were merely forgotten, as old events are: such a value only
    /// ever adds.
    const APPEND_ONLY: bool = false;

    /// The entries, in any order; no identity comes twice. Two snapshots share an unchanged entry
    /// where the query could tell, which makes comparing them cheap.
    fn items(&self) -> &[Arc<Self::Item>];

    /// The entries that the source no longer shows.
    fn hidden(&self) -> Option<HiddenEntries> {
        let hidden = self.items().iter();
        HiddenEntries::of(hidden.filter_map(|item| Some((item.name(), item.hidden_since()?))))
    }

    /// This value with only those entries for which `keep` holds, for a value that is
    /// [`APPEND_ONLY`](Self::APPEND_ONLY): the part that a subscriber has handled. `None` if there is no such
    /// part of it.
    fn retained(&self, keep: &dyn Fn(&Self::Item) -> bool) -> Option<Self>
    where
        Self: Sized,
    {
        let _ = keep;
        None
    }
}

/// A value of one entry at most: what is absent is a value too.
impl<I: Item + PartialEq> Snapshot for Option<Arc<I>> {
    type Item = I;

    fn items(&self) -> &[Arc<I>] {
        self.as_slice()
    }
}

/// A list of entries; none may be there.
impl<I: Item + PartialEq> Snapshot for Vec<Arc<I>> {
    type Item = I;

    fn items(&self) -> &[Arc<I>] {
        self
    }
}
