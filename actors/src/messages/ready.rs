//! The message that waits for the first value.

use std::{error::Error, sync::Arc};

use actix::Message;

use crate::{messages::selection::Selection, query::Query};

/// Waits until every selected watch has its first value; where all have one, the reply is immediate.
///
/// A watch whose first answer cannot be taken as a value, for instance because it does not decode, is an error
/// ([`ReadyError::Rejected`]). The watch itself continues.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), ReadyError>")]
pub struct Ready(pub(crate) Selection);

impl Ready {
    /// Waits for all watches that exist now.
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

    /// Waits for the selected watches.
    pub fn selected(selection: Selection) -> Self {
        Self(selection)
    }
}

/// The reason for which a watch is not ready.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ReadyError {
    /// It is not watched.
    #[error("{0} is not watched: send `Watch` first")]
    NotWatched(String),
    /// It was stopped before its first value.
    #[error("{0} was stopped before its first value")]
    Stopped(String),
    /// It has no value yet, and its last answer was rejected as one.
    #[error("{path} has no value: its answer was rejected: {reason}")]
    Rejected {
        /// The watch.
        path: String,
        /// The reason for the rejection.
        #[source]
        reason: Arc<dyn Error + Send + Sync>,
    },
    /// Its query can never be answered.
    #[error("{path} will not become ready: {error}")]
    Invalid {
        /// The watch.
        path: String,
        /// The failure.
        #[source]
        error: crate::query::failure::Failure,
    },
}
