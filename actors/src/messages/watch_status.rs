//! The state and the status of a watch.

use std::{
    error::Error,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    caught::text_of,
    query::{failure::Failure, path::WatchPath},
    value::hidden_entries::HiddenEntries,
};

/// The state of a watch.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum WatchState {
    /// No answer yet.
    Connecting,
    /// The last query was answered, the next one is on its way.
    Live,
    /// The [`ConnectionBudget`](crate::ConnectionBudget) has no permit for a held connection, so the watch polls.
    Polling {
        /// The number of connections that may be held.
        limit: usize,
    },
    /// The last query failed; another attempt follows.
    Retrying {
        /// The failure.
        error: Failure,
        /// The number of attempts in a row that have failed.
        attempt: u32,
        /// The time at which the next attempt starts.
        next: SystemTime,
    },
    /// The query can never be answered, so the watch sends none until a [`Reset`](crate::Reset), a
    /// [`StartAfresh`](crate::StartAfresh) or a new subscriber.
    Stopped {
        /// The failure.
        error: Failure,
    },
}

impl WatchState {
    /// Returns the name alone: `connecting`, `live`, `polling`, `retrying`, `stopped`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Polling { .. } => "polling",
            Self::Retrying { .. } => "retrying",
            Self::Stopped { .. } => "stopped",
        }
    }

    /// Returns whether the last query was answered and the next one is held.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Live)
    }

    /// Returns the failure, if it is a failed state.
    pub fn error(&self) -> Option<&Failure> {
        match self {
            Self::Retrying { error, .. } | Self::Stopped { error } => Some(error),
            Self::Connecting | Self::Live | Self::Polling { .. } => None,
        }
    }

    /// Returns whether the query is refused, though another one might be answered.
    pub(crate) fn is_refused(&self) -> bool {
        self.error()
            .is_some_and(|error| error.class().is_of_the_query())
    }

    /// Returns whether `next` is another state, or one with another class of failure.
    pub(crate) fn differs_in_kind(&self, next: &Self) -> bool {
        let class = |state: &Self| state.error().map(Failure::class);
        self.name() != next.name() || class(self) != class(next)
    }

    /// Returns whether `next` differs in kind or has another cause, and is not merely one more attempt.
    pub(crate) fn is_news(&self, next: &Self) -> bool {
        let cause = |state: &Self| state.error().map(text_of);
        self.differs_in_kind(next) || cause(self) != cause(next)
    }
}

impl fmt::Display for WatchState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retrying { error, attempt, .. } => {
                write!(f, "retrying (attempt {attempt} failed: {error})")
            }
            Self::Stopped { error } => write!(f, "stopped ({error})"),
            Self::Polling { limit } => {
                write!(f, "polling: the budget of {limit} connections is used up")
            }
            Self::Connecting | Self::Live => f.write_str(self.name()),
        }
    }
}

/// The status of one watch: the reply to [`Status`](crate::Status).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WatchStatus {
    /// The watch.
    pub path: WatchPath,
    /// Its state.
    pub state: WatchState,
    /// The index of the last answer; 0 before the first, and for hash-based queries.
    pub index: u64,
    /// The time of the last answer.
    pub last_answer: Option<SystemTime>,
    /// The time since the answering server's last contact with its leader, where the answer says so.
    pub last_contact: Option<Duration>,
    /// The reason for which the last answer could not be taken as a value; `None` where it could. Subscribers and
    /// snapshots keep the last good value meanwhile.
    pub rejection: Option<Arc<dyn Error + Send + Sync>>,
    /// The entries of its value that the source no longer shows; `None` while it shows all of them.
    pub hidden: Option<Arc<HiddenEntries>>,
    /// The number of its own subscribers.
    pub subscribers: usize,
    /// The number of watches that share its query ([`SharedBy`](crate::SharedBy)): it runs for them too.
    pub members: usize,
    /// The number of restarts of its watcher, after an error, a panic or a reset.
    pub restarts: u64,
}

impl WatchStatus {
    pub(crate) fn new(path: WatchPath) -> Self {
        Self {
            path,
            state: WatchState::Connecting,
            index: 0,
            last_answer: None,
            last_contact: None,
            rejection: None,
            hidden: None,
            subscribers: 0,
            members: 0,
            restarts: 0,
        }
    }

    /// Passes on to a member what its wide watch shows: everything about queries.
    pub(crate) fn inherit(&self, served: &mut Self) {
        // Before its own first answer it is not live yet, whatever the other is.
        // A refusal of the wide query may not hold for the member, whose own query comes next.
        if (served.last_answer.is_some() || !self.state.is_live()) && !self.state.is_refused() {
            served.state = self.state.clone();
        }
        if served.last_answer.is_some() {
            served.last_answer = served.last_answer.max(self.last_answer);
            served.last_contact = self.last_contact;
        }
        if served.rejection.is_none() {
            served.rejection.clone_from(&self.rejection);
        }
        served.restarts += self.restarts;
    }
}

impl fmt::Display for WatchStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}, index {}, {} subscribers",
            self.path, self.state, self.index, self.subscribers
        )?;
        if let Some(hidden) = &self.hidden {
            write!(f, "; {hidden}")?;
        }
        match &self.rejection {
            Some(reason) => write!(f, "; the last answer was rejected: {reason}"),
            None => Ok(()),
        }
    }
}
