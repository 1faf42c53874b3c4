//! The message that ends watches.

use actix::Message;

use crate::{
    messages::{selection::Selection, subscription_id::SubscriptionId},
    query::{Query, path::WatchPath},
};

/// Ends watches, or one subscription of a watch.
///
/// The reply comes when the requests are closed and every update that waits in a subscriber's mailbox is taken back,
/// without waiting for a thread that is blocked. A handler that has begun with an update finishes it. actix begins
/// with a message right after it has looked whether the message was taken back, so a handler on another thread may
/// begin within the nanoseconds around the reply; none begins later.
///
/// What is not watched is listed in [`Stopped::not_watched`]; it is no error.
#[derive(Debug, Message)]
#[rtype(result = "Stopped")]
pub struct Stop(pub(crate) Selection);

impl Stop {
    /// Ends the watches of this path: all with this name (`app`, whatever the kind; a folder `app/` too), or the one
    /// that prints so (`keyprefix:app`).
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

    /// Ends one subscription. Its watch continues for the others, and ends if there are none.
    pub fn subscription(id: SubscriptionId) -> Self {
        Self(Selection::Subscription(id))
    }

    /// Ends every watch. The supervisor stays and takes new ones.
    pub fn all() -> Self {
        Self(Selection::All)
    }
}

/// The result of a [`Stop`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stopped {
    /// The watches that have ended.
    pub ended: Vec<WatchPath>,
    /// The number of subscriptions that have ended, with their watches or alone.
    pub subscriptions: usize,
    /// The watches that run on for the members of their shared queries, without subscribers of their own.
    pub continue_for_members: Vec<WatchPath>,
    /// The names and ids that select no watch, as they were given.
    pub not_watched: Vec<String>,
}
