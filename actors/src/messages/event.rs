//! What an observer receives.

use std::{error::Error, fmt, sync::Arc};

use actix::Message;

use crate::{WatchPath, WatchState, key::WatchKey};

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
    /// It went into this state.
    State(WatchState),
    /// An answer came that could not be taken as a value; the last good one stays.
    Rejected(Arc<dyn Error + Send + Sync>),
    /// It was stopped by [`Stop`](crate::Stop), or ended with its last subscriber.
    Ended,
}

impl fmt::Display for WatchEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            EventKind::State(state) => write!(f, "{} is {state}", self.path),
            EventKind::Rejected(reason) => {
                write!(f, "{} keeps its last good value: {reason}", self.path)
            }
            EventKind::Ended => write!(f, "{} has ended", self.path),
        }
    }
}
