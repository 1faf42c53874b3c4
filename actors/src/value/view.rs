//! The view that a subscriber has of a value: its equality and its predicates.

use std::{fmt, sync::Arc};

use crate::value::{change::Change, snapshot::Item};

type Same<I> = Arc<dyn Fn(&I, &I) -> bool + Send + Sync>;
type Wanted<I> = Arc<dyn Fn(&Change<I>) -> bool + Send + Sync>;

/// The view that a subscriber has of a value: an equality of entries, or a projection that they are compared by, and
/// predicates that select changes. The default compares by [`Item::content_eq`] and wants every change.
///
/// The closures run on the watch's thread. Where one panics, the subscription's updates wait until it returns, and
/// observers receive [`EventKind::SubscriberPanicked`](crate::EventKind::SubscriberPanicked).
pub struct View<I> {
    same: Option<Same<I>>,
    wanted: Vec<Wanted<I>>,
}

impl<I: Item> View<I> {
    /// Compares entries by the projection `part` alone.
    #[must_use]
    pub fn project<P: PartialEq>(self, part: impl Fn(&I) -> P + Send + Sync + 'static) -> Self {
        self.with_equality(move |a, b| part(a) == part(b))
    }

    /// Compares entries by `same`.
    #[must_use]
    pub fn with_equality(mut self, same: impl Fn(&I, &I) -> bool + Send + Sync + 'static) -> Self {
        self.same = Some(Arc::new(same));
        self
    }

    /// Wants only changes for which `wanted` returns true; with several predicates, all must.
    ///
    /// Changes are computed from the last state that the predicates were applied to, whether it was delivered or not: a
    /// key whose addition was not wanted is removed all the same.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&Change<I>) -> bool + Send + Sync + 'static) -> Self {
        self.wanted.push(Arc::new(wanted));
        self
    }

    /// Returns whether the two entries are equal to this subscriber.
    pub fn same(&self, a: &I, b: &I) -> bool {
        self.same
            .as_ref()
            .map_or_else(|| a.content_eq(b), |same| same(a, b))
    }

    /// Returns whether this subscriber wants the change.
    pub fn wants(&self, change: &Change<I>) -> bool {
        self.wanted.iter().all(|wanted| wanted(change))
    }
}

impl<I> Default for View<I> {
    fn default() -> Self {
        Self {
            same: None,
            wanted: Vec::new(),
        }
    }
}

impl<I> Clone for View<I> {
    fn clone(&self) -> Self {
        Self {
            same: self.same.clone(),
            wanted: self.wanted.clone(),
        }
    }
}

impl<I> fmt::Debug for View<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("projected", &self.same.is_some())
            .field("predicates", &self.wanted.len())
            .finish()
    }
}
