//! The message that a subscriber receives.

use std::{fmt, sync::Arc};

use actix::Message;

use crate::{
    messages::subscription_id::SubscriptionId,
    query::Query,
    value::{change::Change, diff::changes, snapshot::Snapshot, view::View},
};

/// The occasion of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// The subscriber's first update: the state as it was found.
    First,
    /// Something changed while the watch was live.
    Change,
    /// The state was found to be another one after an outage or a [`Reset`](crate::Reset).
    Resync,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::First => "first",
            Self::Change => "change",
            Self::Resync => "resync",
        })
    }
}

/// An update of a watched value, which a subscriber actor handles.
///
/// One update is in flight for each subscription: the next one is sent when the handler's result is there. An
/// asynchronous handler therefore slows down its own subscription alone (backpressure), and the states that come
/// meanwhile are coalesced into one update. The latest state always arrives, in order, and never twice in a row.
#[derive(Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub struct Changed<Q: Query> {
    /// The query.
    pub query: Arc<Q>,
    /// The subscription that it is an update of.
    pub subscription: SubscriptionId,
    /// The index `current` was read at; 0 for hash-based queries.
    pub index: u64,
    /// The index `previous` was read at.
    pub previous_index: Option<u64>,
    /// The value that this subscriber handled last; `None` in its first update.
    ///
    /// With predicates ([`Watch::only`](crate::Watch::only)) it is the last value that they were applied to. After a
    /// handler was cut in the middle of an update, and the value before that update holds again, it is the value of
    /// the update that was cut.
    pub previous: Option<Arc<Q::Value>>,
    /// The value now.
    pub current: Arc<Q::Value>,
    /// The occasion.
    pub reason: Reason,
    /// The number of states that were coalesced into this update, because the handler was busy, a quiet period held
    /// them back or the watcher was restarted.
    pub coalesced: u64,
    /// `None` stands for the default view.
    pub(crate) view: Option<Arc<View<Item<Q>>>>,
    /// Whether the value may lack entries that exist.
    pub(crate) unproven: bool,
}

type Item<Q> = <<Q as Query>::Value as Snapshot>::Item;

impl<Q: Query> Changed<Q> {
    /// Makes a subscriber's first update, for tests of an application's handlers: everything is added.
    pub fn first(query: Q, current: Q::Value, index: u64) -> Self {
        Self {
            query: Arc::new(query),
            subscription: SubscriptionId::default(),
            index,
            previous_index: None,
            previous: None,
            current: Arc::new(current),
            reason: Reason::First,
            coalesced: 0,
            view: None,
            unproven: false,
        }
    }

    /// Makes a later update, for tests of an application's handlers: entries in `previous` alone are removed, entries
    /// in `current` alone are added, and entries that differ are updated.
    ///
    /// The fields are public, so a test sets the [`reason`](Self::reason) or the number of
    /// [`coalesced`](Self::coalesced) states afterwards.
    pub fn update(query: Q, previous: Q::Value, current: Q::Value, index: u64) -> Self {
        Self {
            previous_index: Some(index.saturating_sub(1)),
            previous: Some(Arc::new(previous)),
            reason: Reason::Change,
            ..Self::first(query, current, index)
        }
    }

    /// Makes the same update as a subscriber with this view receives it: [`changes`](Self::changes) leaves out
    /// entries that the view takes for equal, and changes that it does not want.
    #[must_use]
    pub fn with_view(mut self, view: View<Item<Q>>) -> Self {
        self.view = Some(Arc::new(view));
        self
    }

    /// Returns the entries that were added, updated and removed since this subscriber's last update, in the order
    /// of their identities. In the first update everything is added.
    pub fn changes(&self) -> Vec<Change<Item<Q>>> {
        let plain = View::default();
        let view = self.view.as_deref().unwrap_or(&plain);
        changes(self.previous.as_deref(), &self.current, view)
    }
}

impl<Q: Query> Clone for Changed<Q> {
    fn clone(&self) -> Self {
        Self {
            query: Arc::clone(&self.query),
            previous: self.previous.clone(),
            current: Arc::clone(&self.current),
            view: self.view.clone(),
            ..*self
        }
    }
}

impl<Q: Query> fmt::Debug for Changed<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changed")
            .field("path", &format_args!("{}", self.query.path()))
            .field("subscription", &self.subscription)
            .field("index", &self.index)
            .field("previous_index", &self.previous_index)
            .field("reason", &self.reason)
            .field("coalesced", &self.coalesced)
            .field("current", &self.current)
            .finish()
    }
}
