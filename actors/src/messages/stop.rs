//! The message that ends watches.

use actix::Message;

use crate::{Query, Selection, SubscriptionId, WatchPath};

/// Ends watches, or one subscription of a watch.
///
/// The reply comes when the requests are closed and nothing more will be delivered: a message that
/// waits in a subscriber's mailbox is taken back. Stopping what is not watched is told, not an error.
#[derive(Debug, Message)]
#[rtype(result = "Stopped")]
pub struct Stop(pub(crate) Selection);

impl Stop {
    /// Ends the watches of this path: all that are called so by name, or the one that prints so.
    pub fn path(path: impl Into<String>) -> Self {
        Self(Selection::path(path))
    }

    /// Ends the watches of these paths.
    pub fn paths<P: Into<String>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self(Selection::Paths(
            paths.into_iter().map(Into::into).collect(),
        ))
    }

    /// Ends the watch of this query.
    pub fn query<Q: Query>(query: &Q) -> Self {
        Self(Selection::query(query))
    }

    /// Ends one subscription. Its watch goes on for the others, and ends if there are none.
    pub fn subscription(id: SubscriptionId) -> Self {
        Self(Selection::Subscription(id))
    }

    /// Ends every watch. The supervisor stays and takes new ones.
    pub fn all() -> Self {
        Self(Selection::All)
    }
}

/// What [`Stop`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stopped {
    /// The watches that have ended.
    pub ended: Vec<WatchPath>,
    /// How many subscriptions have ended, with their watches or alone.
    pub subscriptions: usize,
    /// The watches that run on for the members of their shared queries, without subscribers of their own.
    pub continue_for_members: Vec<WatchPath>,
    /// What was asked for and not watched, as it was named.
    pub not_watched: Vec<String>,
}
