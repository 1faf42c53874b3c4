//! Queries whose values are parts of a wider query's value.

use std::any::Any;

use crate::query::{Outcome, Query, derived::Input};

/// Extracts a query's value from a wider query's value, so that it need not be queried alone.
///
/// A watch of such a query is served by the watch of a wider one, if one is running or declared
/// ([`WatchSupervisor::shared_root`](crate::WatchSupervisor::shared_root)); its subscribers see no difference. Where the
/// wider one cannot be answered (a [`Failure`](crate::Failure) of the class denied, invalid or too large),
/// it sends queries of its own until the wider one is answered again.
pub trait SharedBy<Q: Query> {
    /// The queries that are wider, the most likely first. Each is looked up, so they should be few.
    fn wider_queries(&self) -> Vec<Input<Q>>;

    /// Which entries of a wider value it is about.
    fn key_selector(&self, source: &Q::Source) -> KeySelector;

    /// Its part of the wider value, which was read at `index`; `None` if that value is not of a type it
    /// knows. `previous` is its own last value.
    fn extract(
        &self,
        source: &Q::Source,
        wider: &dyn Any,
        index: u64,
        previous: Option<&Q::Value>,
    ) -> Option<Extracted<Q::Value>>;

    /// The same with the entries of `previous` kept that the wider value lacks: the value that holds until
    /// their removal is confirmed, so that everything else is delivered at once. By default nothing of a
    /// value is delivered before that.
    fn extract_retaining(
        &self,
        source: &Q::Source,
        wider: &dyn Any,
        index: u64,
        previous: &Q::Value,
    ) -> Option<Extracted<Q::Value>> {
        let _ = (source, wider, index, previous);
        None
    }
}

/// Which entries, by [`Item::routing_key`](crate::Item::routing_key).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeySelector {
    /// The one with this text.
    Exact(String),
    /// All that begin with this text; a few too many do no harm.
    Prefix(String),
}

/// A part of a wider value.
#[derive(Debug)]
pub struct Extracted<V> {
    /// The index that its own query would have had.
    pub index: u64,
    /// The outcome.
    pub outcome: Outcome<V>,
    /// The member's own query must confirm this before it counts: what is missing from a
    /// wider value may only be hidden, or not be read yet.
    pub confirm: bool,
}
