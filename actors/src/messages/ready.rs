//! The message that waits for the first answer.

use actix::Message;

use crate::{Query, Selection};

/// Waits until every selected watch has its first answer; the reply comes at once when they have.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), ReadyError>")]
pub struct Ready(pub(crate) Selection);

impl Ready {
    /// Waits for all watches there are now.
    pub fn all() -> Self {
        Self(Selection::All)
    }

    /// Waits for the watches of this path.
    pub fn path(path: impl Into<String>) -> Self {
        Self(Selection::path(path))
    }

    /// Waits for the watch of this query.
    pub fn query<Q: Query>(query: &Q) -> Self {
        Self(Selection::query(query))
    }
}

/// Why a watch will not become ready.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ReadyError {
    /// It is not watched.
    #[error("{0} is not watched: send `Watch` first")]
    NotWatched(String),
    /// It was stopped before its first answer.
    #[error("{0} was stopped before its first answer")]
    Stopped(String),
    /// Its query can never be answered.
    #[error("{path} will not become ready: {error}")]
    Invalid {
        /// The watch.
        path: String,
        /// Why.
        #[source]
        error: crate::Failure,
    },
}
