//! What an observer receives.

use std::{error::Error, fmt, sync::Arc};

use actix::Message;

use crate::{SubscriptionId, WatchPath, WatchState, key::WatchKey};

/// Something happened to a watch itself, as opposed to the value it watches.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub struct WatchEvent {
    /// Which watch.
    pub path: WatchPath,
    /// What happened.
    pub kind: EventKind,
    /// How many events this observer was not shown before this one because its mailbox lagged behind.
    pub missed: u64,
    /// Two queries may go by one path.
    pub(crate) key: WatchKey,
}

/// What happened to a watch.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EventKind {
    /// It went into this state, or is still in it and its answers can be taken as values again.
    State(WatchState),
    /// An answer came that could not be taken as a value; the last good one stays.
    Rejected(Arc<dyn Error + Send + Sync>),
    /// Code that a subscriber came with panicked. Its subscription continues, and nobody else is affected.
    ///
    /// Reported once for panics that follow each other, and once a minute at most.
    SubscriberPanicked {
        /// Whose code it was.
        subscription: SubscriptionId,
        /// Which code.
        code: SubscriberCode,
    },
    /// A subscription ended although nobody stopped it: its subscriber's actor is gone.
    SubscriptionEnded {
        /// Which subscription.
        subscription: SubscriptionId,
        /// How its actor ended, as far as that shows.
        reason: EndReason,
    },
    /// It was stopped by [`Stop`](crate::Stop), or ended with its last subscriber.
    Ended,
}

/// How a subscriber's actor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// While it handled an update: its handler panicked, or it stopped in the middle.
    DuringUpdate,
    /// While no update of this subscription was in flight: it stopped, its last address was dropped, its
    /// arbiter stopped, or it panicked elsewhere.
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

/// Code that a subscriber comes with, which the watch runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SubscriberCode {
    /// [`Watch::skip_first_when`](crate::Watch::skip_first_when): the first state counts as new.
    SkipFirst,
    /// A projection, an equality or a predicate of its [`View`](crate::View), or the comparison of the
    /// entries themselves: it runs again after a pause, and the latest state waits until it succeeds.
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
