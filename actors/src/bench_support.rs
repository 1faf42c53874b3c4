//! The parts that benchmarks measure alone. Not for applications: it may change or go with any release.

use std::fmt::{self, Debug};

use crate::{
    query::QueryResponse,
    topic::blocking_query::{BlockingQueryState, Step},
};

/// A watcher's progress, without the watcher.
pub struct Steps<V>(BlockingQueryState<V>);

impl<V: PartialEq> Steps<V> {
    /// Before the first answer.
    pub fn new() -> Self {
        Self(BlockingQueryState::default())
    }

    /// Takes a response in. True if the value has changed.
    pub fn step(&mut self, answer: QueryResponse<V>) -> bool {
        matches!(self.0.step(answer), Step::Changed(..))
    }
}

impl<V: PartialEq> Default for Steps<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: Debug> Debug for Steps<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
