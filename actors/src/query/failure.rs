//! The failures of queries, and the classes that decide what a watcher does next.

use std::{error::Error, fmt, sync::Arc, time::Duration};

/// The longest pause that a peer can ask for: whatever it says, the next attempt comes within the hour.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The kind of a failure. It decides what the watcher does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureClass {
    /// Tried again after a back-off: a refused connection, a cut body, a 5xx.
    Transient,
    /// As transient; the peer probably refused because it has too many connections from here.
    LimitSuspected,
    /// As transient; the answer is larger than may be read. It may shrink, or parts of it be asked for.
    TooLarge,
    /// The credentials do not allow the query. Tried again, since rights and tokens change.
    Denied,
    /// The server says that the query is wrong. Tried again after long pauses: a proxy may have said so, and another
    /// version of the server may take it.
    BadRequest,
    /// The query itself is known to be wrong before it is sent, and would fail forever: the watch stops, and its
    /// observers receive the state.
    Invalid,
}

impl FailureClass {
    /// Whether it is about the query and not about the server: another query may be answered.
    pub(crate) fn is_of_the_query(self) -> bool {
        matches!(
            self,
            Self::TooLarge | Self::Denied | Self::BadRequest | Self::Invalid
        )
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transient => "transient",
            Self::LimitSuspected => "limit suspected",
            Self::TooLarge => "too large",
            Self::Denied => "denied",
            Self::BadRequest => "bad request",
            Self::Invalid => "invalid",
        })
    }
}

/// A failed query: its class, and the cause as the source that ran it reported it.
///
/// Cheap to clone, since [`Status`](crate::Status) and every observer keep a copy.
#[derive(Debug, Clone)]
pub struct Failure(Arc<FailureParts>);

/// One allocation, so that the state of a watch stays small.
#[derive(Debug, Clone)]
struct FailureParts {
    class: FailureClass,
    retry_after: Option<Duration>,
    outage: bool,
    released: bool,
    source: Arc<dyn Error + Send + Sync>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.source, f)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0.source)
    }
}

impl Failure {
    /// Wraps `source` as a failure of this class.
    pub fn new(class: FailureClass, source: impl Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(FailureParts {
            class,
            retry_after: None,
            outage: false,
            released: false,
            source: Arc::new(source),
        }))
    }

    /// Asks for at least this long a pause before the next attempt, as an HTTP `Retry-After` does; an hour
    /// counts as the longest.
    #[must_use]
    pub fn with_retry_after(mut self, pause: Option<Duration>) -> Self {
        self.parts().retry_after = pause.map(|pause| pause.min(MAX_RETRY_AFTER));
        self
    }

    /// Says whether it means that the server is away, for every query alike; by default it does not. Watches
    /// that share a [`ReconnectGate`](crate::ReconnectGate) then come back by turns.
    #[must_use]
    pub fn with_outage(mut self, outage: bool) -> Self {
        self.parts().outage = outage;
        self
    }

    /// Whether it means that the server is away.
    pub fn is_outage(&self) -> bool {
        self.0.outage
    }

    /// Sets whether the server is known to hold the query no longer: it answered, or never took the query.
    ///
    /// Default: no, as when the connection broke; the query then counts in the
    /// [`ConnectionBudget`](crate::ConnectionBudget) until [`Ask::server_hold`](crate::Ask::server_hold) is over. A
    /// failure that is denied, too large, a bad request or invalid always counts as an answer.
    #[must_use]
    pub fn with_released(mut self, released: bool) -> Self {
        self.parts().released = released;
        self
    }

    /// Whether the server is known to hold the query no longer.
    pub fn is_released(&self) -> bool {
        self.0.released || self.0.class.is_of_the_query()
    }

    /// The kind of the failure.
    pub fn class(&self) -> FailureClass {
        self.0.class
    }

    /// The shortest pause the peer asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The cause itself, to be matched on after a downcast.
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0.source
    }

    fn parts(&mut self) -> &mut FailureParts {
        Arc::make_mut(&mut self.0)
    }
}
