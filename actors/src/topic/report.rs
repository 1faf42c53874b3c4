//! The messages of a watcher to the supervisor.

use std::{any::Any, error::Error, fmt, sync::Arc};

use actix::{Message, WeakRecipient};

use crate::{
    messages::{
        event::{EndReason, SubscriberCode},
        stop::Stop,
        subscription_id::SubscriptionId,
        watch_status::WatchState,
    },
    query::watch_key::WatchKey,
};

/// The supervisor, as a watcher knows it.
pub(crate) struct SupervisorLink {
    pub(crate) reports: WeakRecipient<Report>,
    pub(crate) exits: WeakRecipient<WatcherExited>,
    pub(crate) stops: WeakRecipient<Stop>,
    /// Its address, by the type that the supervisor knows.
    pub(crate) address: Arc<dyn Any + Send + Sync>,
}

/// Something happened to a watcher.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Report {
    pub(crate) key: WatchKey,
    pub(crate) incarnation: u64,
    pub(crate) kind: ReportKind,
}

#[derive(Debug)]
pub(crate) enum ReportKind {
    State(WatchState),
    /// Its first value is there, whatever state it was in before.
    FirstValue,
    Rejected(Arc<dyn Error + Send + Sync>),
    /// The answer after a rejected one could be taken as a value.
    Accepted,
    SubscriberPanicked(SubscriptionId, SubscriberCode),
    SubscriberGone(SubscriptionId, EndReason),
}

/// Nobody keeps a watch any more that was not ended; with the state that is left.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct WatcherExited {
    pub(crate) key: WatchKey,
    pub(crate) incarnation: u64,
    pub(crate) reason: ExitReason,
    pub(crate) state: Box<dyn Any + Send>,
    /// The members of its query, if it is a shared one.
    pub(crate) members: Option<Box<dyn Any + Send>>,
}

/// The reason for which a watch has no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitReason {
    /// Its actor panicked, or its arbiter has stopped.
    Panicked,
    /// It is not served by a wider watch any more.
    Detached(DetachReason),
    /// Its watcher was asked for its state, to make a member of the watch.
    HandedOver,
}

/// The reason for which a member left its shared query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DetachReason {
    #[error("the wider query was refused")]
    Refused,
    #[error("its own query was refused")]
    OwnQueryRefused,
    #[error("its own answers contradicted the wider value")]
    Contradicted,
    #[error("extracting its value from the wider one failed or panicked")]
    Panicked,
}

impl fmt::Debug for WatcherExited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Died")
            .field("key", &self.key)
            .field("incarnation", &self.incarnation)
            .finish_non_exhaustive()
    }
}
