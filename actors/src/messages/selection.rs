//! The watches that a message is about.

use std::fmt;

use crate::{
    messages::subscription_id::SubscriptionId,
    query::{Query, path::WatchPath, watch_key::WatchKey},
};

/// The watches that a message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selection {
    /// All watches.
    All,
    /// The watches of these names: by the name alone (`app`, whatever the kind; a folder `app/` too) or in full
    /// (`keyprefix:app`).
    Paths(Vec<String>),
    /// The watch of one query.
    Query(QueryId),
    /// The watch of one subscription.
    Subscription(SubscriptionId),
}

/// One query, whatever its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryId {
    pub(crate) key: WatchKey,
    pub(crate) path: WatchPath,
}

impl Selection {
    /// Selects the watches of this path.
    pub fn path(path: impl Into<String>) -> Self {
        Self::Paths(vec![path.into()])
    }

    /// Selects the watch of this query.
    pub fn query<Q: Query>(query: &Q) -> Self {
        Self::Query(QueryId {
            key: WatchKey::of(query),
            path: query.path(),
        })
    }

    /// Returns the parts of the selection, each as it is reported when it selects nothing.
    pub(crate) fn parts(&self) -> Vec<Self> {
        match self {
            Self::Paths(paths) => paths.iter().cloned().map(Self::path).collect(),
            other => vec![other.clone()],
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all watches"),
            Self::Paths(paths) => f.write_str(&paths.join(", ")),
            Self::Query(query) => query.path.fmt(f),
            Self::Subscription(id) => write!(f, "subscription {id}"),
        }
    }
}
