//! The messages that ask for the state of watches.

use actix::Message;

use crate::{
    messages::{selection::Selection, watch_status::WatchStatus},
    query::Query,
};

/// Asks for the status of watches, sorted by path. One that is not watched is not in the reply.
#[derive(Debug, Message)]
#[rtype(result = "Vec<WatchStatus>")]
pub struct Status(pub(crate) Selection);

impl Status {
    /// Asks for all watches.
    pub fn all() -> Self {
        Self(Selection::All)
    }

    /// Asks for the watches of this path.
    pub fn path(path: impl Into<String>) -> Self {
        Self(Selection::path(path))
    }

    /// Asks for the watch of this query.
    pub fn query<Q: Query>(query: &Q) -> Self {
        Self(Selection::query(query))
    }
}
