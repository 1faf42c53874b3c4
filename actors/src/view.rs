//! How one subscriber looks at a value: what counts as different, and which changes it wants.

use std::{fmt, sync::Arc};

use crate::{Change, Item};

type Same<I> = Arc<dyn Fn(&I, &I) -> bool + Send + Sync>;
type Wanted<I> = Arc<dyn Fn(&Change<I>) -> bool + Send + Sync>;

/// How a subscriber looks at a value: a projection (what makes two entries the same) and predicates
/// (which changes count at all). The default compares by [`Item::same`] and wants every change.
pub struct View<I> {
    same: Option<Same<I>>,
    wanted: Vec<Wanted<I>>,
}

impl<I: Item> View<I> {
    /// Compares only what `part` takes out of an entry: a projection.
    #[must_use]
    pub fn project<P: PartialEq>(self, part: impl Fn(&I) -> P + Send + Sync + 'static) -> Self {
        self.with_equality(move |a, b| part(a) == part(b))
    }

    /// Takes two entries for the same when `same` says so.
    #[must_use]
    pub fn with_equality(mut self, same: impl Fn(&I, &I) -> bool + Send + Sync + 'static) -> Self {
        self.same = Some(Arc::new(same));
        self
    }

    /// Wants only changes for which `wanted` holds; with several predicates, all must.
    ///
    /// Changes are reckoned from the last state that was looked at, whether it was delivered or not: a key
    /// that came without being wanted is removed all the same when it goes.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&Change<I>) -> bool + Send + Sync + 'static) -> Self {
        self.wanted.push(Arc::new(wanted));
        self
    }

    /// Whether the two entries are the same to this subscriber.
    pub fn same(&self, a: &I, b: &I) -> bool {
        self.same
            .as_ref()
            .map_or_else(|| a.same(b), |same| same(a, b))
    }

    /// Whether this subscriber wants to hear of the change.
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
