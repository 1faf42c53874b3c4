//! The message that an observer receives.

use std::{error::Error, fmt, sync::Arc};

use actix::Message;

use crate::{
    messages::{subscription_id::SubscriptionId, watch_status::WatchState},
    query::{path::WatchPath, watch_key::WatchKey},
};

/// An event of a watch itself, as opposed to a change of the value it watches.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub struct WatchEvent {
    /// The watch.
    pub path: WatchPath,
    /// The event.
    pub kind: EventKind,
    /// The number of events before this one that were dropped because the observer lagged behind.
    pub missed: u64,
    /// Two queries may have one path.
    pub(crate) key: WatchKey,
}

/// The kind of an event.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EventKind {
    /// The watch entered this state, or its answers can be taken as values again after they were rejected.
    State(WatchState),
    /// An answer could not be taken as a value; the last good one stays.
    Rejected(Arc<dyn Error + Send + Sync>),
    /// Code of a subscriber panicked. Its subscription continues, and no other subscriber is affected.
    ///
    /// Reported once for panics that follow each other, and once a minute at most.
    SubscriberPanicked {
        /// The subscription whose code it was.
        subscription: SubscriptionId,
        /// The code.
        code: SubscriberCode,
    },
    /// A subscription ended without a [`Stop`](crate::Stop), because its subscriber's actor is gone.
    SubscriptionEnded {
        /// The subscription.
        subscription: SubscriptionId,
        /// The way its actor ended, as far as that shows.
        reason: EndReason,
    },
    /// The watch was stopped by [`Stop`](crate::Stop), or ended with its last subscriber or its supervisor.
    Ended,
}

/// The way a subscriber's actor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// It ended while it handled an update: its handler panicked, or it stopped in the middle.
    DuringUpdate,
    /// It ended while no update of this subscription was in flight: it stopped, its last address was dropped, its
    /// arbiter stopped, or it panicked in another handler.
    ActorEnded,
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::DuringUpdate => "its actor panicked or stopped while it handled an update",
            Self::ActorEnded => "its actor ended",
        })
    }
}

/// The code of a subscriber that its watch runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SubscriberCode {
    /// The closure of [`Watch::skip_first_when`](crate::Watch::skip_first_when). The first state is delivered.
    SkipFirst,
    /// A projection, an equality or a predicate of its [`View`](crate::View), or the comparison of the entries
    /// themselves. It runs again after a pause, and the latest state waits until it returns.
    View,
}

impl fmt::Display for SubscriberCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SkipFirst => "`skip_first_when`",
            Self::View => "the comparison of its entries",
        })
    }
}

impl fmt::Display for WatchEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            EventKind::State(state) => write!(f, "{} is {state}", self.path),
            EventKind::Rejected(reason) => {
                write!(f, "{} keeps its last good value: {reason}", self.path)
            }
            EventKind::SubscriberPanicked { subscription, code } => {
                write!(
                    f,
                    "{}: {code} of subscription {subscription} panicked",
                    self.path
                )
            }
            EventKind::SubscriptionEnded {
                subscription,
                reason,
            } => {
                write!(
                    f,
                    "{}: subscription {subscription} ended: {reason}",
                    self.path
                )
            }
            EventKind::Ended => write!(f, "{} has ended", self.path),
        }
    }
}
