//! A query of any type as the identity of its watch.

use std::{
    any::{Any, TypeId},
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use crate::{caught::caught, query::Query};

trait ErasedKey: Any + Send + Sync {
    fn equals(&self, other: &dyn ErasedKey) -> bool;
    fn as_any(&self) -> &dyn Any;
}

impl<Q: Query> ErasedKey for Q {
    fn equals(&self, other: &dyn ErasedKey) -> bool {
        other.as_any().downcast_ref::<Q>() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Two keys are equal when they are of equal queries of one type.
#[derive(Clone)]
pub(crate) struct WatchKey {
    query: Arc<dyn ErasedKey>,
    hash: u64,
}

impl WatchKey {
    pub(crate) fn of<Q: Query>(query: &Q) -> Self {
        Self::shared(&Arc::new(query.clone()))
    }

    /// The key of a query that is held already.
    pub(crate) fn shared<Q: Query>(query: &Arc<Q>) -> Self {
        let mut hasher = DefaultHasher::new();
        TypeId::of::<Q>().hash(&mut hasher);
        query.hash(&mut hasher);
        let hash = hasher.finish();
        Self {
            query: Arc::<Q>::clone(query),
            hash,
        }
    }
}

impl PartialEq for WatchKey {
    fn eq(&self, other: &Self) -> bool {
        // A query's `==` is code of an application, and runs on the supervisor's thread: where it panics, the two
        // are different.
        self.hash == other.hash
            && (Arc::ptr_eq(&self.query, &other.query)
                || caught(|| self.query.equals(&*other.query)).unwrap_or(false))
    }
}

impl Eq for WatchKey {}

impl Hash for WatchKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

impl fmt::Debug for WatchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WatchKey({:016x})", self.hash)
    }
}
