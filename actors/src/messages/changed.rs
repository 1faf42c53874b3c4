//! What a subscriber receives.

use std::{fmt, sync::Arc};

use actix::Message;

use crate::{Change, Query, Snapshot, SubscriptionId, View, change};

/// Why an update came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// The subscriber's first: the state as it was found.
    First,
    /// Something changed while the watch was live.
    Change,
    /// After an outage or a [`Reset`](crate::Reset) the state was found to be another one.
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

/// The watched value is another one: what a subscriber actor handles.
///
/// The next one comes only after the handler's result is there, so an asynchronous handler slows down
/// its own feed and nobody else's. What happens meanwhile is folded into one update: the latest state
/// always arrives, in order, and never twice in a row.
#[derive(Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub struct Changed<Q: Query> {
    /// What was asked.
    pub query: Arc<Q>,
    /// The subscription it comes by.
    pub subscription: SubscriptionId,
    /// The index `current` was read at; 0 for hash-based queries.
    pub index: u64,
    /// The index `previous` was read at.
    pub previous_index: Option<u64>,
    /// What this subscriber saw last; `None` the first time. With predicates ([`Watch::only`](crate::Watch::only))
    /// it is the last state that was looked at for it. Where its handler was cut in the middle of an update whose
    /// value was taken back since, it is the value of that update.
    pub previous: Option<Arc<Q::Value>>,
    /// What holds now.
    pub current: Arc<Q::Value>,
    /// Why it came.
    pub reason: Reason,
    /// How many states in between this subscriber was not shown, because its handler was busy, a quiet
    /// period held them back or its watcher had to start again.
    pub coalesced: u64,
    /// None is the default one.
    pub(crate) view: Option<Arc<View<Item<Q>>>>,
}

type Item<Q> = <<Q as Query>::Value as Snapshot>::Item;

impl<Q: Query> Changed<Q> {
    /// A subscriber's first update, for tests of an application's handlers: everything is added.
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
        }
    }

    /// A later update, for tests of an application's handlers: what is in `previous` alone is removed, what is in
    /// `current` alone is added, and what differs is updated.
    ///
    /// The other fields are public, so that a test sets the [`reason`](Self::reason) or the number of
    /// [`coalesced`](Self::coalesced) states as it needs them.
    pub fn update(query: Q, previous: Q::Value, current: Q::Value, index: u64) -> Self {
        Self {
            previous_index: Some(index.saturating_sub(1)),
            previous: Some(Arc::new(previous)),
            reason: Reason::Change,
            ..Self::first(query, current, index)
        }
    }

    /// The same update as a subscriber with this view receives it: [`changes`](Self::changes) leaves out what the
    /// view overlooks.
    #[must_use]
    pub fn with_view(mut self, view: View<Item<Q>>) -> Self {
        self.view = Some(Arc::new(view));
        self
    }

    /// What was added, updated and removed since this subscriber's last update, in the order of the
    /// entries' identities. The first time everything is added.
    pub fn changes(&self) -> Vec<Change<Item<Q>>> {
        let plain = View::default();
        let view = self.view.as_deref().unwrap_or(&plain);
        change::changes(self.previous.as_deref(), &self.current, view)
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
            .field("folded", &self.coalesced)
            .field("current", &self.current)
            .finish()
    }
}
