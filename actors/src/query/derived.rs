//! Values that are computed from other watched values, their inputs.
//!
//! A derived query names its inputs by [`Input`]; which actors watch them is not known here.

use std::{
    any::Any,
    collections::{HashMap, HashSet},
    fmt,
    sync::Arc,
};

use actix::Message;

use super::{Outcome, Query, Source, path::WatchPath, watch_key::WatchKey};

/// Computes a query's value from other watched values.
///
/// The inputs are watches of their own, shared with all others that watch them. They come and go as
/// [`inputs`](Derived::inputs) says.
pub trait Derived<Q: Query = Self> {
    /// The inputs, given the values that are known. Called again after each change of an input, so a value
    /// may decide what else is watched.
    fn inputs(&self, known: &Inputs) -> Vec<Input<Q>>;

    /// The value that follows from what is known; `None` while too little is.
    fn compute(&self, known: &Inputs, previous: Option<&Q::Value>) -> Option<Outcome<Q::Value>>;
}

/// The latest values of a derived query's inputs.
#[derive(Default)]
pub struct Inputs {
    values: HashMap<WatchKey, (Arc<dyn Any + Send + Sync>, u64)>,
    /// The inputs whose values may lack entries that exist.
    unproven: HashSet<WatchKey>,
}

impl Inputs {
    /// The value of this input; `None` before its first answer.
    pub fn get<Q: Query>(&self, query: &Q) -> Option<Arc<Q::Value>> {
        let (value, _) = self.values.get(&WatchKey::of(query))?;
        Arc::clone(value).downcast().ok()
    }

    /// The highest index among them.
    pub(crate) fn index(&self) -> u64 {
        let indexes = self.values.values().map(|(_, index)| *index);
        indexes.max().unwrap_or(0)
    }

    /// Whether all of them are proven.
    pub(crate) fn are_proven(&self) -> bool {
        self.unproven.is_empty()
    }

    /// Takes over an input's new value. One that may lack entries that exist never replaces a known one, as that of
    /// an input that was stopped and begins again.
    pub(crate) fn insert(&mut self, changed: InputChanged) {
        if changed.unproven && self.values.contains_key(&changed.input) {
            return;
        }
        if changed.unproven {
            self.unproven.insert(changed.input.clone());
        } else {
            self.unproven.remove(&changed.input);
        }
        self.values
            .insert(changed.input, (changed.value, changed.index));
    }

    /// Forgets the values that are not inputs any more.
    pub(crate) fn retain(&mut self, is_input: impl Fn(&WatchKey) -> bool) {
        self.values.retain(|key, _| is_input(key));
        self.unproven.retain(|key| is_input(key));
    }
}

impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inputs")
            .field("known", &self.values.len())
            .finish()
    }
}

/// One input of the derived query `Q`, or a query that is wider than it.
pub struct Input<Q: Query> {
    pub(crate) key: WatchKey,
    query: Arc<dyn ErasedQuery<Q::Source>>,
}

impl<Q: Query> Input<Q> {
    /// The value of this query as an input, or as a wider one.
    pub fn of<I: Query<Source = Q::Source>>(query: I) -> Self {
        let query = Arc::new(query);
        Self {
            key: WatchKey::shared(&query),
            query,
        }
    }

    pub(crate) fn path(&self) -> WatchPath {
        self.query.erased_path()
    }

    /// Passes the query to the supervisor that `request` is about; what that is, is known above.
    pub(crate) fn watch(&self, request: &mut dyn Any) {
        self.query.watch_input(request);
    }
}

impl<Q: Query> fmt::Debug for Input<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input({})", self.path())
    }
}

/// An input has another value.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct InputChanged {
    pub(crate) input: WatchKey,
    pub(crate) value: Arc<dyn Any + Send + Sync>,
    pub(crate) index: u64,
    /// It was found after a break.
    pub(crate) resync: bool,
    /// It may lack entries that exist.
    pub(crate) unproven: bool,
}

/// A query of any type, as an input. The supervisor implements it for all queries.
pub(crate) trait ErasedQuery<S: Source>: Send + Sync {
    fn erased_path(&self) -> WatchPath;

    /// Watches it as an input. The supervisor's module knows the type of `request`.
    fn watch_input(&self, request: &mut dyn Any);
}
